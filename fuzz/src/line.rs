//! The lines of a segment.

use super::files::{Chain, manifest_of_one, storage_with};
use super::reading::read_all;

/// Any bytes can stand in a segment: what is readable is read, in order, the same from everywhere.
pub fn line(input: &[u8]) {
    let segment = Chain::begin().seal(input);
    let files = [("journal.json", manifest_of_one()), ("segments/00000000000000000001.jsonl", segment)];
    let events = read_all(&storage_with(files)).unwrap();
    let newlines = input.iter().filter(|byte| **byte == b'\n').count();
    assert!(events.len() <= newlines, "a line holds one event");
}
