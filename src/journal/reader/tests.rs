use std::fs;

use super::*;
use crate::event::{DomainEvent, SessionCreated};
use crate::journal::record::Entry;

mod written;

use written::Written;

fn positions(reading: Reading) -> Vec<u64> {
    reading.map(|entry| entry.unwrap().into_event().unwrap().position.get()).collect()
}

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

#[test]
fn a_directory_without_a_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = JournalReader::open(directory.path()).unwrap_err();
    assert!(matches!(error, ReadError::NotAJournal { .. }), "{error}");
}

#[test]
fn a_journal_reads_what_was_written_from_any_place() {
    // The empty segment takes position 8.
    let written = Written::new(&[3, 4, 0, 2]);
    let all = [1, 2, 3, 4, 5, 6, 7, 9, 10];
    let reader = written.reader();
    assert_eq!(reader.last().unwrap(), Some(at(10)));
    assert_eq!(positions(reader.read(ReadFrom::Start, Filter::all()).unwrap()), all);
    for after in 1..12 {
        let read = positions(reader.read(ReadFrom::After(at(after)), Filter::all()).unwrap());
        assert_eq!(read, all.into_iter().filter(|position| *position > after).collect::<Vec<_>>(), "{after}");
    }
    assert!(positions(reader.read(ReadFrom::End, Filter::all()).unwrap()).is_empty());
}
