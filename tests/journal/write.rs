//! Writing: by a bus, by appending, by several writers, and what is on disk then.

use std::fs;
use std::path::Path;
use std::time::Duration;

use agentbus::event::{SandboxCreated, SandboxStrategy, SessionCreated};
use agentbus::journal::{AppendError, Durability, Entry, Journal, ReadFrom};
use agentbus::{DomainEvent, EventBus, Filter, ReactiveEventBus, Redactor};
use serde_json::Value;

fn event(number: usize) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

/// All lines of a journal, in the order of its segments.
fn lines(directory: &Path) -> Vec<Value> {
    let mut segments: Vec<_> =
        fs::read_dir(directory.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let texts = segments.iter().map(|path| fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

fn positions(directory: &Path) -> Vec<u64> {
    lines(directory).iter().map(|line| line["pos"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_was_appended_stands_there_in_order() {
    for durability in [Durability::Os, Durability::default(), Durability::Sync] {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::builder(directory.path()).durability(durability).open().unwrap();
        for number in 1..=3 {
            assert_eq!(journal.append(event(number)).await.unwrap().get(), number as u64);
        }
        let many = journal.append_many((4..=6).map(event).collect()).await.unwrap();
        assert_eq!(many.len(), 3);
        journal.close(Duration::from_secs(5)).await.unwrap();
        assert_eq!(positions(directory.path()), [1, 2, 3, 4, 5, 6]);
        let sessions: Vec<_> = lines(directory.path())
            .iter()
            .map(|line| line["session_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(sessions, ["s-1", "s-2", "s-3", "s-4", "s-5", "s-6"]);
    }
}

#[tokio::test]
async fn a_flushed_bus_has_everything_on_disk_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(4_096).open().unwrap();
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    for number in 0..100 {
        bus.emit(event(number));
    }
    bus.flush().await.unwrap();
    let seqs: Vec<_> = lines(directory.path()).iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn positions_go_on_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let journal = Journal::open(directory.path()).unwrap();
        assert_eq!(journal.append(event(round)).await.unwrap().get(), round as u64 + 1);
    }
    assert_eq!(positions(directory.path()), [1, 2, 3]);
}

#[tokio::test]
async fn writers_of_one_directory_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Journal::builder(directory.path()).segment_bytes(2_000).open().unwrap();
    let journals = [open(), open(), open()];
    for number in 0..30 {
        let position = journals[number % 3].append(event(number)).await.unwrap();
        assert_eq!(position.get(), number as u64 + 1);
    }
    assert_eq!(positions(directory.path()), (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_too_long_for_a_line_is_refused_and_a_stub_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    let long = event(1).with_attribute("text", "x".repeat(1 << 20));
    let refused = journal.append(long.clone()).await;
    assert!(matches!(refused, Err(AppendError::TooLong { bytes }) if bytes > 1 << 20), "{refused:?}");
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    bus.emit(long.clone());
    bus.emit(event(2));
    bus.flush().await.unwrap();
    let lines = lines(directory.path());
    let types: Vec<_> = lines.iter().map(|line| line["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["journal.refused", "journal.refused", "session.created"]);
    assert_eq!(lines[0]["details"]["event_id"], long.id().to_string());
    assert_eq!(lines[0]["details"]["reason"], "too_long");
}

#[tokio::test]
async fn an_event_whose_ids_could_not_be_read_again_is_refused_and_a_stub_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    let overlong = "x".repeat(257);
    for id in ["", "two\nlines", overlong.as_str()] {
        let in_its_scope = event(1).with_session_id(id);
        let refused = journal.append(in_its_scope).await;
        assert!(matches!(refused, Err(AppendError::NoJson)), "{id:?}: {refused:?}");
        let in_its_details = DomainEvent::new(SandboxCreated::new(id, SandboxStrategy::Copy, 1, 1, 1));
        let refused = journal.append(in_its_details).await;
        assert!(matches!(refused, Err(AppendError::NoJson)), "{id:?}: {refused:?}");
    }
    // Other names are made good when they are made, but for one.
    journal.append(event(2).with_actor_name(overlong.as_str())).await.unwrap();
    assert!(matches!(journal.append(event(3).with_actor_name("")).await, Err(AppendError::NoJson)));
    journal.close(Duration::from_secs(5)).await.unwrap();
    let read: Vec<_> = journal.read(ReadFrom::Start, Filter::all()).unwrap().map(Result::unwrap).collect();
    let kinds: Vec<_> = read.into_iter().filter_map(Entry::into_event).collect();
    let kinds: Vec<_> = kinds.iter().map(|recorded| recorded.event.type_name().to_owned()).collect();
    let (refused, whole) = ("journal.refused", "session.created");
    assert_eq!(kinds, [&[refused; 6][..], &[whole, refused]].concat());
}

#[tokio::test]
async fn secrets_are_masked_and_replayed_events_are_not_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    let bus = ReactiveEventBus::builder().journal(journal).build();
    bus.emit(event(1).with_replayed(true));
    bus.emit(event(2).with_attribute("password", "hunter2"));
    bus.flush().await.unwrap();
    let lines = lines(directory.path());
    assert_eq!(lines.len(), 1);
    let told = lines[0]["attributes"]["password"].as_str().unwrap();
    assert_eq!(told, Redactor::new().mask("hunter2"));
}

#[tokio::test]
async fn nobody_but_the_journal_writes_its_own_kinds() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    let gap = r#"{"id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","event_type":"journal.gap","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c","details":{"events":7}}"#;
    let forged: DomainEvent = serde_json::from_str(gap).unwrap();
    let refused = journal.append(forged.clone()).await;
    assert!(matches!(refused, Err(AppendError::ReservedKind)), "{refused:?}");
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    bus.emit(forged);
    bus.flush().await.unwrap();
    let lines = lines(directory.path());
    let told: Vec<_> =
        lines.iter().map(|line| (line["event_type"].as_str(), line["details"]["reason"].as_str())).collect();
    assert_eq!(told, [(Some("journal.refused"), Some("reserved_kind")); 2]);
}
