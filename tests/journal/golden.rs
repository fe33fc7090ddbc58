//! The golden journal in `tests/fixtures/journal-v1`: it opens for ever, and reads to what it was made of.
//!
//! It was made by `cargo test --test journal -- --ignored make_the_golden_journal`. It is never made again once its
//! format was released: a later format gets a folder of its own beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{
    ConsumerOptions, Entry, Journal, JournalGap, JournalReader, JournalRefused, Position, ReadFrom, Recorded,
    Recovery, Refusal,
};
use agentbus::testing::FixedClock;
use agentbus::{DomainEvent, EventType, Filter};
use tempfile::TempDir;

use crate::support::{LONG, wait};

mod events;
mod made;

use events::{LaneEntered, UNKNOWN_KIND};
use made::{ACKNOWLEDGED, RESERVED};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v1")
}

/// All files below a directory, by their names in it.
fn files_in(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            files.extend(files_in(&path).into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name.to_owned(), fs::read(&path).unwrap());
        }
    }
    files
}

fn write_to(directory: &Path, files: BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A copy of it.
pub(crate) fn golden_journal() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write_to(directory.path(), files_in(&folder()));
    directory
}

fn read(directory: &Path) -> Vec<Recorded> {
    let reading = JournalReader::open(directory).unwrap().read(ReadFrom::Start, Filter::all()).unwrap();
    reading.map(|entry| entry.unwrap().into_event().unwrap()).collect()
}

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

#[test]
#[ignore = "writes tests/fixtures/journal-v1"]
fn make_the_golden_journal() {
    write_to(&folder(), made::files());
}

#[test]
fn this_build_writes_the_golden_journal_byte_for_byte() {
    let (golden, made) = (files_in(&folder()), made::files());
    assert_eq!(golden.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (name, bytes) in &golden {
        let [golden, made] = [bytes, &made[name]].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(golden, made, "{name}");
    }
}

#[test]
fn the_golden_journal_reads_to_the_events_that_were_given_to_it() {
    let _clock = FixedClock::at(made::began());
    let (before, behind) = made::given();
    let recorded = read(&folder());
    let positions: Vec<_> = recorded.iter().map(|recorded| recorded.position.get()).collect();
    let last = before.len() as u64;
    let expected = (1..=last).chain(RESERVED + 1..=RESERVED + 1 + behind.len() as u64);
    assert_eq!(positions, expected.collect::<Vec<_>>());

    let (told_before, told_behind) = recorded.split_at(before.len());
    for (recorded, event) in told_before.iter().zip(before.into_iter().map(as_told)) {
        assert_eq!(*recorded.event, event, "position {}", recorded.position);
    }
    let [refused, told_behind @ ..] = told_behind else { panic!("the refused one and more") };
    assert_refused(&refused.event);
    for (recorded, event) in told_behind.iter().zip(behind) {
        assert_eq!(*recorded.event, event, "position {}", recorded.position);
    }
}

/// The event with its secrets masked.
fn as_told(event: DomainEvent) -> DomainEvent {
    let event = match event.attribute("password") {
        Some(_) => event.with_attribute("password", "[redacted]"),
        None => event,
    };
    let is_secret = event.actor_name().is_some_and(|name| name.starts_with("Bearer"));
    if is_secret { event.with_actor_name("Bearer [redacted]") } else { event }
}

fn assert_refused(event: &DomainEvent) {
    let details = event.details::<JournalRefused>().unwrap();
    assert_eq!((details.event_type.as_str(), details.reason), ("session.created", Refusal::TooLong));
    assert_eq!(event.causation_id(), Some(details.event_id));
    assert_eq!(event.session_id().unwrap(), &"s-1");
    assert!(details.bytes.unwrap() > 1 << 20);
}

#[test]
fn the_golden_journal_has_every_kind_and_what_no_build_knows() {
    let recorded = read(&folder());
    let event = |name: &str| {
        let found = recorded.iter().find(|recorded| recorded.event.type_name() == name);
        Arc::clone(&found.unwrap_or_else(|| panic!("{name}")).event)
    };
    for kind in EventType::ALL {
        assert_eq!(event(kind.as_str()).event_type(), kind);
    }
    assert_eq!(event("golden.lane_entered").details::<LaneEntered>().unwrap().lane, 3);
    assert_eq!(event(UNKNOWN_KIND).event_type(), EventType::Unknown);
    assert_eq!(event("journal.gap").details::<JournalGap>().unwrap().events, 3);
    assert!(recorded.iter().any(|recorded| recorded.event.unknown_keys().eq(["later"])));
    assert!(recorded.iter().any(|recorded| recorded.event.seq().is_some_and(|seq| seq.get() == 7)));
    for (name, bytes) in files_in(&folder()) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("sk-ant"), "{name} tells a secret");
    }
}

#[test]
fn each_event_of_the_golden_journal_is_written_again_byte_for_byte() {
    let recorded = read(&folder());
    let files = files_in(&folder());
    let segments = files.iter().filter(|(name, _)| name.starts_with("segments/"));
    let lines: Vec<_> = segments.flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines()).collect();
    assert_eq!(lines.len(), recorded.len());
    for (line, Recorded { position, event, .. }) in lines.into_iter().zip(&recorded) {
        let written = serde_json::to_string(&**event).unwrap();
        let body = written.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let beginning = format!("{{\"pos\":{position},{body},\"chain\":\"");
        assert_eq!(line.len(), beginning.len() + 66, "position {position}");
        assert!(line.starts_with(&beginning), "{line}\n{beginning}");
    }
}

#[test]
fn a_writer_goes_on_behind_the_golden_journal() {
    let directory = golden_journal();
    let before = read(directory.path());
    wait(async {
        let journal = Journal::open(directory.path()).unwrap();
        assert_eq!(*journal.recovery(), Recovery::default(), "there was nothing to make good");
        let event = DomainEvent::new(SessionCreated::new(false));
        let position = journal.append(event).await.unwrap();
        assert_eq!(Some(position), before.last().unwrap().position.next());
        journal.close(LONG).await.unwrap();
    });
    let after = read(directory.path());
    assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 1));
}

#[test]
fn the_consumers_of_the_golden_journal_go_on() {
    let clock = FixedClock::at("2026-01-31T10:32:01Z".parse::<Timestamp>().unwrap());
    let directory = golden_journal();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut indexer = reader.consumer("indexer").unwrap();
    assert_eq!(indexer.position(), Some(at(ACKNOWLEDGED)));
    let retry = indexer.retry().unwrap();
    assert_eq!((retry.position, retry.attempts), (at(ACKNOWLEDGED + 1), 2));
    assert_eq!(&*retry.reason, "postgres://app:[redacted]@db/main timed out");
    assert_eq!(retry.not_before.to_string(), "2026-01-31T10:32:02Z");
    assert!(indexer.poll(1).unwrap().events.is_empty(), "its time has not come");
    clock.advance(std::time::Duration::from_secs(1));
    let events = indexer.poll(2).unwrap().events;
    let positions: Vec<_> = events.iter().map(|recorded| recorded.position).collect();
    assert_eq!(positions, [at(ACKNOWLEDGED + 1), at(ACKNOWLEDGED + 2)]);
    indexer.ack(at(RESERVED + 1)).unwrap();

    let dead = reader.dead_letters("dead-end_1").unwrap();
    assert!(dead.unreadable.is_empty());
    let letters: Vec<_> = dead.letters.iter().map(|letter| (letter.position, &*letter.reason)).collect();
    assert_eq!(letters, [(at(1), "no"), (at(2), "no")]);
    let recorded = read(&folder());
    assert_eq!(dead.letters[0].event, recorded[0].event);
    let options = ConsumerOptions::new().max_attempts(1);
    assert_eq!(reader.consumer_with("dead-end_1", options).unwrap().position(), Some(at(2)));
}

#[test]
fn the_golden_journal_can_be_read_from_the_end() {
    let tail = JournalReader::open(folder()).unwrap().tail(2, Filter::all()).unwrap().entries;
    let tail: Vec<_> = tail.into_iter().filter_map(Entry::into_event).collect();
    let recorded = read(&folder());
    assert_eq!(tail, recorded[recorded.len() - 2..]);
}
