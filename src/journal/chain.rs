//! The chain: each line's hash covers all lines before it.
//!
//! leaf = BLAKE3(line without its ending); chain = BLAKE3(previous chain, leaf), both as 32 raw bytes.

use crate::event::{EventId, Hash};

/// The chain before the first line of a journal: the hash of its id's text.
pub(crate) fn genesis(journal: EventId) -> Hash {
    Hash::of(journal.to_string())
}

/// The chain behind a line.
pub(crate) fn link(previous: &Hash, leaf_of: &[u8]) -> Hash {
    let mut both = [0; 64];
    let (before, leaf) = both.split_at_mut(32);
    before.copy_from_slice(previous.as_bytes());
    leaf.copy_from_slice(Hash::of(leaf_of).as_bytes());
    Hash::of(both)
}
