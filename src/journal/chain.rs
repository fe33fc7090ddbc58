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
    link_to(previous, &Hash::of(leaf_of))
}

/// The chain behind a line with that leaf.
pub(crate) fn link_to(previous: &Hash, leaf: &Hash) -> Hash {
    let mut both = [0; 64];
    let (before, behind) = both.split_at_mut(32);
    before.copy_from_slice(previous.as_bytes());
    behind.copy_from_slice(leaf.as_bytes());
    Hash::of(both)
}
