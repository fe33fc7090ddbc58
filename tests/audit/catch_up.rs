//! Indexing: each event once, whoever does it.

use std::fs;
use std::sync::Barrier;

use agentbus::audit::{AuditError, AuditIndex, AuditQuery};
use agentbus::journal::JournalReader;

use crate::support::{Home, everything, positions, told};

#[test]
fn what_is_new_is_added_once() {
    let home = Home::of(3);
    let mut index = AuditIndex::open(home.path()).unwrap();
    assert_eq!(index.indexed_through().unwrap(), None);
    assert_eq!(everything(&mut index, &AuditQuery::new()), []);
    assert_eq!(index.index().unwrap().events, 3);
    assert_eq!(index.index().unwrap().events, 0);
    home.append([told(4)]);
    let indexed = index.index().unwrap();
    assert_eq!((indexed.events, indexed.through.unwrap().get()), (1, 4));
    home.assert_indexed(&mut index);
    drop(index);
    home.assert_indexed(&mut home.index());
}

#[test]
fn a_journal_of_several_blocks_and_transactions_is_indexed_in_parts() {
    let home = Home::of(5_000);
    let mut index = home.index();
    home.append((5_001..=9_000).map(told));
    assert_eq!(index.index().unwrap().events, 4_000);
    home.assert_indexed(&mut index);
    for session in [1, 4_095, 4_096, 5_000, 5_001, 8_191, 8_192, 9_000] {
        assert_eq!(positions(&mut index, &AuditQuery::new().session(session.to_string())), [session]);
    }
}

#[test]
fn many_indexers_at_once_add_each_event_once() {
    let home = Home::of(3_000);
    let all_at_once = Barrier::new(4);
    let added: u64 = std::thread::scope(|scope| {
        let index = || {
            let mut index = AuditIndex::open(home.path()).unwrap();
            all_at_once.wait();
            index.index().unwrap().events
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(index)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(added, 3_000);
    home.assert_indexed(&mut home.index());
}

#[test]
fn a_line_that_cannot_be_read_is_counted_and_passed() {
    let home = Home::with([]);
    home.append_in_segments(1, (1..=4).map(told));
    let second = home.path().join("segments/00000000000000000002.jsonl");
    let text = fs::read_to_string(&second).unwrap();
    fs::write(&second, text.replace("\"details\"", "\"details")).unwrap();
    let mut index = AuditIndex::open(home.path()).unwrap();
    let indexed = index.index().unwrap();
    assert_eq!((indexed.events, indexed.unreadable), (3, 1));
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 3, 4]);
    assert_eq!(index.index().unwrap().unreadable, 0);
}

#[test]
fn lines_that_are_gone_before_they_were_indexed_are_told() {
    let home = Home::with([]);
    home.append_in_segments(1, (1..=4).map(told));
    let mut index = home.index();
    home.append_in_segments(1, (5..=8).map(told));
    for gone in 1..=6 {
        fs::remove_file(home.path().join(format!("segments/{gone:020}.jsonl"))).unwrap();
    }
    let indexed = index.index().unwrap();
    assert_eq!((indexed.events, indexed.removed), (2, 1));
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 2, 3, 4, 7, 8]);
}

#[test]
fn a_journal_that_says_another_thing_than_was_indexed_is_refused() {
    let (home, other) = (Home::of(2), Home::with([]));
    for part in ["journal.json", "segments/00000000000000000001.jsonl"] {
        fs::copy(home.path().join(part), other.path().join(part)).unwrap();
    }
    // Two of one id part ways at the third position.
    home.append([told(3)]);
    other.append([told(30)]);
    drop(home.index());
    fs::create_dir(other.path().join("audit")).unwrap();
    for file in home.index_files() {
        fs::copy(&file, other.path().join("audit").join(file.file_name().unwrap())).unwrap();
    }
    let mut index = AuditIndex::open(other.path()).unwrap();
    let refused = index.index().unwrap_err();
    assert!(matches!(refused, AuditError::Diverged { position } if position.get() == 3), "{refused}");
    assert!(refused.to_string().contains("audit DIR rebuild"), "{refused}");
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 2, 3], "it stays as it was");
}

#[test]
fn a_journal_that_was_cut_behind_the_index_is_refused() {
    let home = Home::of(5);
    let mut index = home.index();
    let segment = home.path().join("segments/00000000000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.split_inclusive('\n').take(3).collect::<String>()).unwrap();
    let assert_refused = |index: &mut AuditIndex| {
        let refused = index.index().unwrap_err();
        assert!(matches!(refused, AuditError::Diverged { position } if position.get() == 5), "{refused}");
    };
    assert_refused(&mut index);
    home.append([told(6)]);
    assert_refused(&mut index);
}

#[test]
fn the_index_of_another_journal_is_refused() {
    let (home, other) = (Home::of(2), Home::of(2));
    drop(home.index());
    fs::create_dir(other.path().join("audit")).unwrap();
    for file in home.index_files() {
        fs::copy(&file, other.path().join("audit").join(file.file_name().unwrap())).unwrap();
    }
    let refused = AuditIndex::open(other.path()).unwrap_err();
    assert!(matches!(refused, AuditError::OtherJournal { .. }), "{refused}");
    assert!(refused.to_string().contains("audit DIR rebuild"), "{refused}");
}

#[test]
fn the_journal_does_not_mind_the_index_in_its_directory() {
    let home = Home::of(3);
    drop(home.index());
    let reader = JournalReader::open(home.path()).unwrap();
    assert!(reader.verify().unwrap().is_intact());
    assert_eq!(reader.stats().unwrap().events, 3);
    home.append([told(4)]);
    assert_eq!(home.recorded().len(), 4);
}
