//! Following: each line once, in order, whoever writes it and whatever happens to the files meanwhile.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use agentbus::event::SessionCreated;
use agentbus::journal::{
    AppendError, Durability, Entry, Follow, Journal, JournalReader, Position, ReadFrom, Recorded,
};
use agentbus::testing::{Fault, FaultyStorage, Operation, When};
use agentbus::{DomainEvent, EventBus, Filter, ReactiveEventBus};
use tempfile::TempDir;
use tokio_stream::StreamExt;

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

fn event(number: u64) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

fn journal(directory: &TempDir) -> Journal {
    Journal::builder(directory.path()).segment_bytes(3_000).open().unwrap()
}

async fn append(journal: &Journal, numbers: impl IntoIterator<Item = u64>) {
    journal.append_many(numbers.into_iter().map(event).collect()).await.unwrap();
}

fn follow(reader: impl AsRef<JournalReader>, from: ReadFrom) -> Follow {
    reader.as_ref().follow(from, Filter::all()).unwrap()
}

async fn next(follow: &mut Follow) -> Entry {
    // Far more than it takes, so that a fault fails instead of waiting for ever.
    tokio::time::timeout(Duration::from_mins(1), follow.next())
        .await
        .expect("nothing comes")
        .unwrap()
        .unwrap()
}

async fn recorded(follow: &mut Follow) -> Recorded {
    match next(follow).await {
        Entry::Event(recorded) => recorded,
        other => panic!("{other:?}"),
    }
}

/// The positions of the next `count` entries, which are events.
async fn positions(follow: &mut Follow, count: u64) -> Vec<u64> {
    let mut positions = Vec::new();
    for _ in 0..count {
        positions.push(recorded(follow).await.position.get());
    }
    positions
}

fn segments(directory: &TempDir) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.path().join("segments")).unwrap();
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_follower_catches_up_and_then_goes_on_live() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    append(&journal, 1..=50).await;
    let own = JournalReader::open(directory.path()).unwrap();
    let mut from_start = [follow(&journal, ReadFrom::Start), follow(&own, ReadFrom::Start)];
    let mut from_40 = [follow(&journal, ReadFrom::After(at(40))), follow(&own, ReadFrom::After(at(40)))];
    let mut from_end = [follow(&journal, ReadFrom::End), follow(&own, ReadFrom::End)];
    for number in 51..=100 {
        append(&journal, [number]).await;
    }
    for follow in &mut from_start {
        assert_eq!(positions(follow, 100).await, (1..=100).collect::<Vec<_>>());
    }
    for follow in &mut from_40 {
        assert_eq!(positions(follow, 60).await, (41..=100).collect::<Vec<_>>());
    }
    for follow in &mut from_end {
        assert_eq!(positions(follow, 50).await, (51..=100).collect::<Vec<_>>());
        append(&journal, [0]).await;
    }
    for follow in from_start.iter_mut().chain(&mut from_40).chain(&mut from_end) {
        assert_eq!(positions(follow, 2).await, [101, 102]);
    }
}

#[tokio::test]
async fn followers_of_this_process_share_the_event_that_was_emitted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).durability(Durability::Os).open().unwrap();
    let mut followers = [follow(&journal, ReadFrom::Start), follow(&journal, ReadFrom::Start)];
    append(&journal, [1]).await;
    for follow in &mut followers {
        assert_eq!(recorded(follow).await.position, at(1));
    }
    // Both are at the end now.
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    let emitted = bus.stream(Filter::all());
    bus.emit(event(2));
    bus.flush().await.unwrap();
    let [one, other] = &mut followers;
    let (one, other) = (recorded(one).await, recorded(other).await);
    assert!(Arc::ptr_eq(&one.event, &other.event));
    let emitted = emitted.events().next().await.unwrap();
    assert!(Arc::ptr_eq(&one.event, &emitted));
}

#[tokio::test]
async fn a_filter_holds_in_files_and_live() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    let root = event(0);
    let effect = |number| event(number).with_causation_id(root.id());
    journal.append_many(vec![root.clone(), effect(2), event(3)]).await.unwrap();
    let named: Filter = "session=s-2,s-5".parse().unwrap();
    let under: Filter = format!("under={}", root.id()).parse().unwrap();
    let mut named = journal.reader().follow(ReadFrom::Start, named).unwrap();
    let mut late = journal.reader().follow(ReadFrom::After(at(2)), under.clone()).unwrap();
    let mut under = journal.reader().follow(ReadFrom::Start, under).unwrap();
    assert_eq!((positions(&mut named, 1).await, positions(&mut under, 1).await), (vec![2], vec![2]));
    let five = effect(5);
    let six = event(6).with_causation_id(five.id());
    journal.append_many(vec![event(4), five, six]).await.unwrap();
    assert_eq!(positions(&mut named, 1).await, [5]);
    assert_eq!(positions(&mut under, 2).await, [5, 6]);
    assert_eq!(positions(&mut late, 2).await, [5, 6]);
}

#[tokio::test]
async fn lines_of_several_writers_come_once_in_order() {
    const EACH: u64 = 300;
    let directory = tempfile::tempdir().unwrap();
    let writers = [journal(&directory), journal(&directory), journal(&directory)];
    let own = JournalReader::open(directory.path()).unwrap();
    let mut followers = [follow(&writers[0], ReadFrom::Start), follow(&own, ReadFrom::Start)];
    let tasks = writers.map(|writer| {
        tokio::spawn(async move {
            for number in 0..EACH / 3 {
                append(&writer, [number, number, number]).await;
            }
        })
    });
    for follow in &mut followers {
        assert_eq!(positions(follow, 3 * EACH).await, (1..=3 * EACH).collect::<Vec<_>>());
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(segments(&directory).len() > 10);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_when_it_comes() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    append(&journal, [1]).await;
    let mut follow = follow(&journal, ReadFrom::Start);
    assert_eq!(positions(&mut follow, 1).await, [1]);
    let path = segments(&directory).pop().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"not a line").unwrap();
    file.write_all(b"\n").unwrap();
    match next(&mut follow).await {
        Entry::Unreadable(told) => assert_eq!(told.after, Some(at(1))),
        other => panic!("{other:?}"),
    }
    append(&journal, [2]).await;
    assert!(recorded(&mut follow).await.position > at(1));
}

#[tokio::test]
async fn what_retention_removes_under_a_follower_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    append(&journal, 1..=5).await;
    let mut follow = follow(&journal, ReadFrom::Start);
    assert_eq!(positions(&mut follow, 5).await, [1, 2, 3, 4, 5]);
    // More than is kept in memory, in many segments.
    for numbers in (6..=2_005).collect::<Vec<_>>().chunks(50) {
        append(&journal, numbers.iter().copied()).await;
    }
    let segments = segments(&directory);
    let kept = &segments[segments.len() - 2];
    let first: u64 = kept.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    for gone in &segments[..segments.len() - 2] {
        fs::remove_file(gone).unwrap();
    }
    let mut expected = 6;
    loop {
        match next(&mut follow).await {
            Entry::Event(recorded) => assert_eq!(recorded.position, at(expected)),
            // What of it was open is read to its end.
            Entry::Removed { through } => {
                assert_eq!(through, at(first - 1));
                expected = first;
                continue;
            }
            other => panic!("{other:?}"),
        }
        expected += 1;
        if expected > 2_005 {
            break;
        }
    }
}

/// Appends one event, again if it was handed back; what is not settled yet is recorded.
async fn record(journal: &Journal, number: u64) {
    while let Err(AppendError::Failing { .. }) = journal.append(event(number)).await {
        journal.healthy().await.unwrap();
    }
}

#[tokio::test]
async fn lines_that_are_written_again_after_a_failed_sync_come_once() {
    for durability in [Durability::Sync, Durability::Interval(Duration::from_millis(1))] {
        let storage = FaultyStorage::new();
        let journal = Journal::builder_on(Arc::new(storage.clone())).durability(durability).open().unwrap();
        let reader = JournalReader::on(Arc::new(storage.clone())).unwrap();
        append(&journal, 1..=3).await;
        let mut followers = [follow(&journal, ReadFrom::Start), follow(&reader, ReadFrom::Start)];
        for follow in &mut followers {
            assert_eq!(positions(follow, 3).await, [1, 2, 3]);
        }
        for round in 0..10 {
            storage.inject(When::Next(Operation::Sync, "segments/"), Fault::Fail(ErrorKind::Other));
            let first = 4 + round * 2;
            record(&journal, first).await;
            journal.flush().await.ok();
            record(&journal, first + 1).await;
            for follow in &mut followers {
                assert_eq!(positions(follow, 2).await, [first, first + 1], "{durability:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_segment_that_is_replaced_and_goes_on_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).open().unwrap();
    append(&journal, 1..=3).await;
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut follow = follow(&reader, ReadFrom::Start);
    assert_eq!(positions(&mut follow, 3).await, [1, 2, 3]);
    append(&journal, 4..=6).await;
    journal.close(Duration::from_secs(5)).await.unwrap();
    let path = segments(&directory).pop().unwrap();
    let copy = directory.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert_eq!(positions(&mut follow, 3).await, [4, 5, 6]);
    let journal = Journal::open(directory.path()).unwrap();
    append(&journal, 7..=9).await;
    assert_eq!(positions(&mut follow, 3).await, [7, 8, 9]);
}

#[tokio::test]
async fn an_error_ends_it() {
    let storage = FaultyStorage::new();
    let journal = Journal::builder_on(Arc::new(storage.clone())).open().unwrap();
    append(&journal, [1]).await;
    let reader = JournalReader::on(Arc::new(storage.clone())).unwrap();
    let mut follow = follow(&reader, ReadFrom::Start);
    storage.inject(When::Every(Operation::Read, "segments/"), Fault::Fail(ErrorKind::PermissionDenied));
    let failed = tokio::time::timeout(Duration::from_mins(1), follow.next()).await.unwrap().unwrap();
    assert!(failed.is_err(), "{failed:?}");
    assert!(follow.next().await.is_none());
}

#[tokio::test]
async fn a_follower_that_was_asked_and_left_alone_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    let mut follow = follow(&journal, ReadFrom::Start);
    let mut had = Vec::new();
    for number in 1..=200 {
        append(&journal, [number]).await;
        // Polled once, at whatever it is doing, and dropped.
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(entry) = pin!(follow.next()).poll(&mut context) {
            had.push(entry.unwrap().unwrap().into_event().unwrap().position.get());
        }
        tokio::task::yield_now().await;
    }
    had.extend(positions(&mut follow, 200 - had.len() as u64).await);
    assert_eq!(had, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn other_tasks_have_a_turn_beside_a_follower_with_much_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    append(&journal, 1..=5_000).await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let mut follow = follow(&journal, ReadFrom::Start);
    let other = tokio::spawn(async move { stop.send(()).unwrap() });
    let mut had = 0;
    while stopped.try_recv().is_err() {
        recorded(&mut follow).await;
        had += 1;
    }
    other.await.unwrap();
    assert!(had < 5_000);
}
