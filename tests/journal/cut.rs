//! A journal cut at every byte of its last three lines.

use std::sync::Arc;

use agentbus::Filter;
use agentbus::journal::{Durability, Entry, Journal, JournalReader, Open, ReadFrom, Storage};
use agentbus::testing::FaultyStorage;

use crate::support::{LONG, bytes_of, event, files, wait};

const SEGMENT: &str = "segments/00000000000000000001.jsonl";

fn open(storage: &FaultyStorage) -> Journal {
    Journal::builder_on(Arc::new(storage.clone())).durability(Durability::Sync).open().unwrap()
}

/// A journal of six events, as its process left it.
fn written(closes: bool) -> FaultyStorage {
    let storage = FaultyStorage::new();
    let journal = open(&storage);
    wait(journal.append_many((1..=6).map(event).collect())).unwrap();
    if closes {
        wait(journal.close(LONG)).unwrap();
    }
    storage.restart_process()
}

/// Where each line ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).collect()
}

fn events_in(reader: &JournalReader) -> usize {
    let entries = reader.read(ReadFrom::Start, Filter::all()).unwrap().map(Result::unwrap);
    entries.filter(|entry| matches!(entry, Entry::Event(_))).count()
}

/// Cuts the journal there, and looks at it as a reader, and as a writer who goes on.
fn check(written: &FaultyStorage, closed: bool, len: usize) {
    let whole = &bytes_of(written, SEGMENT);
    let storage = written.restart_process();
    storage.open(SEGMENT, Open::Append).unwrap().cut(len as u64).unwrap();
    let left = ends(whole).iter().filter(|end| **end <= len).count();
    let torn = len - ends(whole).iter().rfind(|end| **end <= len).unwrap();
    let lacks_its_newline = ends(whole).contains(&(len + 1));
    let case = format!("closed: {closed}, cut to {len}: {left} lines, {torn} bytes behind them");

    let reader = JournalReader::on(Arc::new(storage.clone())).unwrap();
    assert_eq!(events_in(&reader), left, "{case}");
    let verified = reader.verify().unwrap();
    assert_eq!(verified.is_intact(), !lacks_its_newline, "{case}: {verified:?}");
    let unfinished = verified.unfinished.map_or(0, |unfinished| unfinished.bytes);
    assert_eq!(unfinished, if lacks_its_newline { 0 } else { torn as u64 }, "{case}");
    assert_eq!(bytes_of(&storage, SEGMENT), whole[..len], "looking changes nothing: {case}");

    let journal = open(&storage);
    assert_eq!(journal.recovery().torn_bytes, torn as u64, "{case}");
    let position = wait(journal.append(event(7))).unwrap().get();
    wait(journal.close(LONG)).unwrap();
    if closed {
        assert!(position > 6, "it was closed behind 6: {case}");
    } else {
        assert_eq!(position, left as u64 + 1, "{case}");
    }
    let found = files(&storage.restart_process());
    assert_eq!(found.numbers(), (1..=left).chain([7]).collect::<Vec<_>>(), "{case}");
    assert_eq!(found.faults, Vec::<String>::new(), "{case}");
    let kept: Vec<_> = storage.list("quarantine").unwrap();
    let kept: Vec<_> = kept.iter().map(|name| bytes_of(&storage, &format!("quarantine/{name}"))).collect();
    let cut = (torn > 0).then(|| whole[len - torn..len].to_vec());
    assert_eq!(kept, cut.into_iter().collect::<Vec<_>>(), "what was cut is kept: {case}");
    assert!(JournalReader::on(Arc::new(storage)).unwrap().verify().unwrap().is_intact(), "{case}");
}

#[test]
fn whole_lines_stay_and_the_rest_is_kept_elsewhere() {
    for closed in [false, true] {
        let written = written(closed);
        let whole = bytes_of(&written, SEGMENT);
        (ends(&whole)[2]..=whole.len()).for_each(|len| check(&written, closed, len));
    }
}
