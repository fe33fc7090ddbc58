//! `journal.json`.

use super::files::{Chain, storage_with, two_lines};
use super::writing::goes_on;

/// Any bytes can stand in `journal.json`: it is refused, or the journal is read and goes on.
pub fn manifest(input: &[u8]) {
    let mut chain = Chain::begin();
    let segments = two_lines().map(|line| chain.seal(line.as_bytes()));
    let names = ["segments/00000000000000000001.jsonl", "segments/00000000000000000002.jsonl"];
    let files = std::iter::once(("journal.json", input.to_vec())).chain(names.into_iter().zip(segments));
    goes_on(&storage_with(files));
}
