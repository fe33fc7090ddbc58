//! Consumers: what they are given, what they acknowledge, what they give up.

use std::fs;
use std::path::Path;
use std::time::Duration;

use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{
    AckError, Consumer, ConsumerError, ConsumerOptions, Journal, JournalReader, Polled, Position, ReadFrom,
};
use agentbus::testing::FixedClock;
use agentbus::{DomainEvent, Filter};
use tempfile::TempDir;

mod crash;
mod failure;
mod model;
mod signals;
mod state;
mod stream;

/// A journal with so many events about the sessions `s-1`, `s-2` and so on, written and closed.
fn journal_of(events: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    append(directory.path(), 1, events);
    directory
}

/// Appends the events about the sessions from one number to another.
fn append(directory: &Path, from: usize, to: usize) {
    append_sealed(directory, from, to, u64::MAX);
}

/// The same, where a segment of more than so many bytes is sealed.
fn append_sealed(directory: &Path, from: usize, to: usize, segment_bytes: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::builder(directory).segment_bytes(segment_bytes).open().unwrap();
        for number in from..=to {
            let event = DomainEvent::new(SessionCreated::new(false));
            journal.append(event.with_session_id(format!("s-{number}"))).await.unwrap();
        }
        journal.close(Duration::from_secs(5)).await.unwrap();
    });
}

fn open(directory: &Path, name: &str) -> Consumer {
    JournalReader::open(directory).unwrap().consumer(name).unwrap()
}

fn open_with(directory: &Path, options: ConsumerOptions) -> Consumer {
    JournalReader::open(directory).unwrap().consumer_with("indexer", options).unwrap()
}

fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

fn positions(polled: &Polled) -> Vec<u64> {
    polled.events.iter().map(|recorded| recorded.position.get()).collect()
}

fn given(consumer: &mut Consumer) -> Vec<u64> {
    positions(&consumer.poll(100).unwrap())
}

fn clock() -> FixedClock {
    FixedClock::at("2026-01-31T09:30:00Z".parse::<Timestamp>().unwrap())
}

#[test]
fn the_same_events_are_given_until_they_are_acknowledged() {
    let directory = journal_of(5);
    let mut consumer = open(directory.path(), "indexer");
    assert_eq!(positions(&consumer.poll(2).unwrap()), [1, 2]);
    assert_eq!(positions(&consumer.poll(2).unwrap()), [1, 2]);
    consumer.ack(at(1)).unwrap();
    assert_eq!(positions(&consumer.poll(2).unwrap()), [2, 3]);
    consumer.ack(at(5)).unwrap();
    assert!(given(&mut consumer).is_empty());
    append(directory.path(), 6, 6);
    assert_eq!(given(&mut consumer), [6]);
}

#[test]
fn what_was_acknowledged_is_not_given_again_after_a_restart_and_the_rest_is() {
    let directory = journal_of(3);
    let mut consumer = open(directory.path(), "indexer");
    assert_eq!(given(&mut consumer), [1, 2, 3]);
    consumer.ack(at(2)).unwrap();
    drop(consumer);
    assert_eq!(given(&mut open(directory.path(), "indexer")), [3]);
    assert_eq!(given(&mut open(directory.path(), "another")), [1, 2, 3]);
}

#[test]
fn polling_leaves_the_cursor_as_it_was() {
    let directory = journal_of(3);
    let file = directory.path().join("cursors/indexer.json");
    let mut consumer = open(directory.path(), "indexer");
    let before = fs::read(&file).unwrap();
    assert_eq!(given(&mut consumer), [1, 2, 3]);
    assert_eq!(fs::read(&file).unwrap(), before, "the effect is not done yet");
    consumer.ack(at(1)).unwrap();
    assert_ne!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_cursor_goes_neither_backward_nor_ahead_of_the_journal() {
    let directory = journal_of(3);
    let mut consumer = open(directory.path(), "indexer");
    consumer.ack(at(2)).unwrap();
    consumer.ack(at(2)).unwrap();
    let backward = consumer.ack(at(1)).unwrap_err();
    assert!(matches!(backward, AckError::Backward { cursor, asked } if cursor == at(2) && asked == at(1)));
    assert_eq!(backward.to_string(), "cannot acknowledge position 1: the cursor is at 2 already");
    let ahead = consumer.ack(at(4)).unwrap_err();
    assert!(matches!(ahead, AckError::Ahead { last, asked } if last == Some(at(3)) && asked == at(4)));
    assert_eq!(ahead.to_string(), "cannot acknowledge position 4: the journal ends at 3");
    assert_eq!(consumer.position(), Some(at(2)));
    drop(consumer);
    assert_eq!(open(directory.path(), "indexer").position(), Some(at(2)));
}

#[test]
fn a_consumer_is_open_once() {
    let directory = journal_of(1);
    let consumer = open(directory.path(), "indexer");
    let second = JournalReader::open(directory.path()).unwrap().consumer("indexer").unwrap_err();
    assert!(matches!(&second, ConsumerError::Busy { name } if name.as_str() == "indexer"), "{second:?}");
    let _other = open(directory.path(), "other");
    drop(consumer);
    let _again = open(directory.path(), "indexer");
}

#[test]
fn a_name_that_walks_out_of_the_directory_is_refused_before_anything_is_made() {
    let directory = journal_of(1);
    let reader = JournalReader::open(directory.path()).unwrap();
    fs::remove_dir(directory.path().join("cursors")).unwrap();
    for name in ["../indexer", "a/b", "/tmp/x", ".", "..", "a.json", "", "a\0b", &"x".repeat(65)] {
        assert!(matches!(reader.consumer(name), Err(ConsumerError::Name(_))), "{name:?}");
        assert!(matches!(reader.reset_consumer(name, ReadFrom::Start), Err(ConsumerError::Name(_))));
        assert!(matches!(reader.dead_letters(name), Err(ConsumerError::Name(_))));
    }
    assert!(!directory.path().join("cursors").exists());
    assert!(reader.consumer("x").is_ok());
}

#[test]
fn only_what_matches_is_given_and_the_rest_can_be_passed_over() {
    let directory = journal_of(5);
    let filter: Filter = "session=s-2,s-4".parse().unwrap();
    let mut consumer = open_with(directory.path(), ConsumerOptions::new().filter(filter.clone()));
    let polled = consumer.poll(1).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![2], Some(at(2))));
    let polled = consumer.poll(10).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![2, 4], Some(at(5))));
    consumer.ack(at(5)).unwrap();
    let polled = consumer.poll(10).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![], None));
    drop(consumer);
    let none: Filter = "session=s-7".parse().unwrap();
    append(directory.path(), 6, 6);
    let mut consumer = open_with(directory.path(), ConsumerOptions::new().filter(none));
    let polled = consumer.poll(10).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![], Some(at(6))));
}

#[test]
fn a_filter_that_one_event_cannot_decide_is_refused() {
    let directory = journal_of(1);
    let options = ConsumerOptions::new().filter(Filter::all().under("plan-7"));
    let refused = JournalReader::open(directory.path()).unwrap().consumer_with("indexer", options);
    assert!(matches!(refused, Err(ConsumerError::Filter(_))), "{refused:?}");
}

#[test]
fn a_line_that_cannot_be_read_is_told_and_holds_nothing_up() {
    let directory = journal_of(3);
    let segment = directory.path().join("segments/00000000000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap().replace("\"s-2\"", "\"s-2,");
    fs::write(&segment, text).unwrap();
    let mut consumer = open(directory.path(), "indexer");
    let polled = consumer.poll(10).unwrap();
    assert_eq!(positions(&polled), [1, 3]);
    assert_eq!(polled.unreadable.len(), 1);
    assert_eq!(polled.unreadable[0].expected(), at(2));
    consumer.ack(at(3)).unwrap();
    assert!(consumer.poll(10).unwrap().unreadable.is_empty());
}

#[test]
fn a_consumer_that_comes_late_is_told_what_was_removed() {
    let directory = tempfile::tempdir().unwrap();
    append_sealed(directory.path(), 1, 3, 1);
    let mut late = open(directory.path(), "late");
    late.ack(at(1)).unwrap();
    for first in [1, 2] {
        fs::remove_file(directory.path().join(format!("segments/{first:020}.jsonl"))).unwrap();
    }
    for mut consumer in [late, open(directory.path(), "new")] {
        let polled = consumer.poll(10).unwrap();
        assert_eq!((positions(&polled), polled.removed), (vec![3], Some(at(2))), "{}", consumer.name());
        assert_eq!(consumer.poll(10).unwrap().removed, Some(at(2)), "until it acknowledges");
        consumer.ack(at(3)).unwrap();
        assert_eq!(consumer.poll(10).unwrap().removed, None);
    }
}
