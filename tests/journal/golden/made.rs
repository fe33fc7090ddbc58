//! How the golden journal was made: with a fixed clock and fixed ids, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{Hash, SessionCreated, Timestamp};
use agentbus::journal::{
    AppendError, ConsumerOptions, Durability, Journal, JournalReader, Position, Storage,
};
use agentbus::testing::{FaultyStorage, FixedClock};
use agentbus::{DomainEvent, Redactor};

use super::events::{from_outside, of_every_kind, with_envelopes};
use crate::support::{LONG, bytes_of, wait};

/// Behind this many positions, which were reserved when the machine crashed, the last part goes on.
pub(super) const RESERVED: u64 = 1 + (1 << 20);

/// How far the consumer `indexer` has come.
pub(super) const ACKNOWLEDGED: u64 = 10;

pub(super) fn began() -> Timestamp {
    "2026-01-31T09:30:00Z".parse().unwrap()
}

/// The events that were given to it up to the crash, and those behind it.
pub(super) fn given() -> (Vec<DomainEvent>, Vec<DomainEvent>) {
    let mut before = of_every_kind();
    before.extend(with_envelopes());
    let at = |number: usize| began().saturating_add(Duration::from_nanos(1_000_001_000 * number as u64));
    let before = before.into_iter().enumerate().map(|(number, event)| event.with_timestamp(at(number)));
    (before.collect(), from_outside())
}

/// The event that is too long for a line.
pub(super) fn too_long() -> DomainEvent {
    let session = DomainEvent::new(SessionCreated::new(false)).with_session_id("s-1");
    session.with_attribute("text", "x".repeat(1 << 20))
}

/// Its files, by name.
pub(super) fn files() -> BTreeMap<String, Vec<u8>> {
    let clock = FixedClock::at(began());
    let (before, behind) = given();
    let storage = FaultyStorage::new();
    let crashed = wait(async {
        let journal = open(&storage);
        for event in before {
            journal.append(event).await.unwrap();
        }
        storage.crash_machine(1)
    });
    clock.advance(Duration::from_hours(1));
    wait(async {
        let journal = open(&crashed);
        let refused = journal.append(too_long()).await;
        assert!(matches!(refused, Err(AppendError::TooLong { .. })), "{refused:?}");
        for event in behind {
            journal.append(stand_in(event)).await.unwrap();
        }
        journal.close(LONG).await.unwrap();
    });
    consume(&crashed, &clock);
    let mut files = all_files(&crashed);
    make_gap(&mut files);
    files
}

/// Stands for `journal.gap`, which only the journal itself writes.
const STAND_IN: &str = "journal.gaq";

fn stand_in(event: DomainEvent) -> DomainEvent {
    if event.type_name() != "journal.gap" {
        return event;
    }
    let text = serde_json::to_string(&event).unwrap().replace("journal.gap", STAND_IN);
    serde_json::from_str(&text).unwrap()
}

/// Makes a gap of what stands for it: the last line of all.
fn make_gap(files: &mut BTreeMap<String, Vec<u8>>) {
    let manifest: serde_json::Value = serde_json::from_slice(&files["journal.json"]).unwrap();
    let start = manifest["segments"].as_array().unwrap().last().unwrap();
    let (_, segment) = files.range_mut("segments/".to_owned()..).next_back().unwrap();
    let text = String::from_utf8(std::mem::take(segment)).unwrap();
    let (lines, last) = text.split_at(text.trim_end().rfind('\n').map_or(0, |newline| newline + 1));
    let before = lines.lines().last().map(|line| serde_json::from_str(line).unwrap());
    let before: &serde_json::Value = before.as_ref().unwrap_or(start);
    let before: Hash = before["chain"].as_str().unwrap().parse().unwrap();
    let last = last.replace(STAND_IN, "journal.gap");
    let covered = &last[..last.find(",\"chain\":").unwrap()];
    let leaf = Hash::of(covered);
    let chain = Hash::of([before.as_bytes().as_slice(), leaf.as_bytes().as_slice()].concat());
    *segment = format!("{lines}{covered},\"chain\":\"{chain}\"}}\n").into_bytes();
}

fn open(storage: &FaultyStorage) -> Journal {
    let builder = Journal::builder_on(Arc::new(storage.clone()));
    builder.durability(Durability::Sync).segment_bytes(4_096).redactor(Redactor::untagged()).open().unwrap()
}

/// One consumer waits to be given an event again, another gave two up.
fn consume(storage: &FaultyStorage, clock: &FixedClock) {
    let at = |position| Position::new(position).unwrap();
    let reader = JournalReader::on(Arc::new(storage.clone())).unwrap();
    let untagged = ConsumerOptions::new().redactor(Redactor::untagged());
    let mut indexer = reader.consumer_with("indexer", untagged).unwrap();
    indexer.ack(at(ACKNOWLEDGED)).unwrap();
    for _ in 0..2 {
        clock.advance(Duration::from_mins(1));
        indexer.nack(at(ACKNOWLEDGED + 1), "postgres://app:hunter2@db/main timed out").unwrap();
    }
    let mut dying = reader.consumer_with("dead-end_1", ConsumerOptions::new().max_attempts(1)).unwrap();
    for position in 1..=2 {
        clock.advance(Duration::from_mins(1));
        dying.nack(at(position), "no").unwrap();
    }
}

fn all_files(storage: &FaultyStorage) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["", "segments/", "cursors/", "dead/", "quarantine/", "heads/"] {
        for name in storage.list(folder.trim_end_matches('/')).unwrap() {
            let name = format!("{folder}{name}");
            let is_told = !name.ends_with("lock") && (!folder.is_empty() || name.contains('.'));
            if is_told {
                files.insert(name.clone(), bytes_of(storage, &name));
            }
        }
    }
    files
}
