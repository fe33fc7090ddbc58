//! Retention: what goes, what stays for whom, and what a crash in the middle leaves.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{
    CollectReason, Collected, Durability, FileSystem, GcMode, Journal, JournalReader, Open, Position,
    ReadFrom, Retention, Storage,
};
use agentbus::testing::{Fault, FaultyStorage, FixedClock, When};
use tempfile::TempDir;
use tokio::runtime::Builder;

const HOUR: Duration = Duration::from_hours(1);

fn clock() -> FixedClock {
    FixedClock::at("2026-01-31T09:00:00Z".parse::<Timestamp>().unwrap())
}

fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

/// Appends so many events, an hour apart, and seals segments past so many bytes; with 1 each event has one of its own.
/// The clock stands at the last event then.
fn append_hourly(
    storage: Arc<dyn Storage>,
    clock: &FixedClock,
    events: usize,
    retention: Retention,
    segment_bytes: u64,
) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = Journal::builder_on(storage).segment_bytes(segment_bytes).durability(Durability::Sync);
        let journal = builder.retention(retention).open().unwrap();
        for _ in 0..events {
            clock.advance(HOUR);
            journal.append(DomainEvent::new(SessionCreated::new(false))).await.unwrap();
        }
        journal.close(Duration::from_secs(5)).await.unwrap();
    });
}

/// A journal of five events.
fn hourly(clock: &FixedClock) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    append_hourly(Arc::new(FileSystem::new(directory.path())), clock, 5, Retention::new(), 1);
    directory
}

fn reader(directory: &TempDir) -> JournalReader {
    JournalReader::open(directory.path()).unwrap()
}

fn segments(directory: &Path) -> Vec<u64> {
    let names = fs::read_dir(directory.join("segments")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut firsts: Vec<u64> =
        names.map(|name| name.to_str().unwrap().trim_end_matches(".jsonl").parse().unwrap()).collect();
    firsts.sort_unstable();
    firsts
}

fn gone(collected: &Collected) -> Vec<(u64, CollectReason)> {
    collected.segments.iter().map(|segment| (segment.through.get(), segment.reason)).collect()
}

#[test]
fn segments_go_whose_last_event_is_too_old_oldest_first() {
    let clock = clock();
    let directory = hourly(&clock);
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::Remove).unwrap();
    assert_eq!(gone(&collected), [(1, CollectReason::Age), (2, CollectReason::Age)]);
    assert_eq!(collected.through(), Some(at(2)));
    assert!(collected.bytes() > 500 && collected.kept_for.is_empty());
    assert_eq!(segments(directory.path()), [3, 4, 5]);
    assert!(reader(&directory).collect_garbage(2 * HOUR, GcMode::Remove).unwrap().segments.is_empty());
}

#[test]
fn the_last_segment_stays_however_old_it_is_and_positions_go_on() {
    let clock = clock();
    let directory = hourly(&clock);
    clock.advance(1_000 * HOUR);
    let collected = reader(&directory).collect_garbage(HOUR, GcMode::Remove).unwrap();
    assert_eq!((collected.segments.len(), segments(directory.path())), (4, vec![5]));
    append_hourly(Arc::new(FileSystem::new(directory.path())), &clock, 1, Retention::new(), 1);
    assert_eq!(reader(&directory).last().unwrap(), Some(at(6)));
}

#[test]
fn a_dry_run_tells_the_same_and_removes_nothing() {
    let clock = clock();
    let directory = hourly(&clock);
    let manifest = fs::read(directory.path().join("journal.json")).unwrap();
    let told = reader(&directory).collect_garbage(2 * HOUR, GcMode::DryRun).unwrap();
    assert_eq!(segments(directory.path()), [1, 2, 3, 4, 5]);
    assert_eq!(fs::read(directory.path().join("journal.json")).unwrap(), manifest);
    assert_eq!(reader(&directory).collect_garbage(2 * HOUR, GcMode::Remove).unwrap(), told);
}

#[test]
fn what_a_consumer_needs_stays_until_it_acknowledges_it() {
    let clock = clock();
    let directory = hourly(&clock);
    let mut slow = reader(&directory).consumer("slow").unwrap();
    slow.ack(at(1)).unwrap();
    let mut quick = reader(&directory).consumer("quick").unwrap();
    quick.ack(at(5)).unwrap();
    let collected = reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
    assert_eq!((gone(&collected).len(), segments(directory.path())), (1, vec![2, 3, 4, 5]));
    let kept: Vec<_> =
        collected.kept_for.iter().map(|kept| (kept.consumer.as_str(), kept.position)).collect();
    assert_eq!(kept, [("slow", Ok(Some(at(1))))]);
    slow.ack(at(3)).unwrap();
    reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [4, 5]);
    assert_eq!(slow.poll(10).unwrap().removed, None);
}

#[test]
fn a_segment_of_which_a_consumer_needs_only_the_end_stays_whole() {
    let clock = clock();
    let directory = tempfile::tempdir().unwrap();
    let storage = Arc::new(FileSystem::new(directory.path()));
    append_hourly(storage, &clock, 6, Retention::new(), 400);
    assert_eq!(segments(directory.path()), [1, 3, 5], "two lines each");
    let mut consumer = reader(&directory).consumer("slow").unwrap();
    for (position, left) in [(1, vec![1, 3, 5]), (2, vec![3, 5]), (3, vec![3, 5]), (4, vec![5]), (6, vec![5])]
    {
        consumer.ack(at(position)).unwrap();
        reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
        assert_eq!(segments(directory.path()), left, "at {position}");
        assert_eq!(consumer.poll(10).unwrap().removed, None);
    }
}

#[test]
fn a_consumer_that_never_acknowledged_keeps_everything_from_its_first_opening() {
    let clock = clock();
    let directory = hourly(&clock);
    drop(reader(&directory).consumer("new").unwrap());
    reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_consumer_that_was_silent_for_too_long_is_waited_for_no_more_and_is_told() {
    let clock = clock();
    let directory = hourly(&clock);
    let mut silent = reader(&directory).consumer("silent").unwrap();
    silent.ack(at(1)).unwrap();
    clock.advance(7 * 24 * HOUR);
    reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [2, 3, 4, 5], "not longer than seven days");
    clock.advance(Duration::from_nanos(1));
    reader(&directory).collect_garbage(Duration::ZERO, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [5]);
    let polled = silent.poll(10).unwrap();
    assert_eq!((polled.removed, polled.events.len()), (Some(at(4)), 1));
}

#[test]
fn a_corrupt_cursor_keeps_everything_and_is_told() {
    let clock = clock();
    let directory = hourly(&clock);
    drop(reader(&directory).consumer("broken").unwrap());
    fs::write(directory.path().join("cursors/broken.json"), "{").unwrap();
    clock.advance(1_000 * HOUR);
    let collected = reader(&directory).collect_garbage(HOUR, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [1, 2, 3, 4, 5]);
    let [kept] = &collected.kept_for[..] else { panic!("{collected:?}") };
    assert!(kept.consumer.as_str() == "broken" && kept.position.is_err(), "{kept:?}");
    reader(&directory).reset_consumer("broken", ReadFrom::End).unwrap();
    reader(&directory).collect_garbage(HOUR, GcMode::Remove).unwrap();
    assert_eq!(segments(directory.path()), [5]);
}

#[test]
fn a_segment_without_a_readable_line_goes_with_the_one_behind_it() {
    let clock = clock();
    let directory = hourly(&clock);
    let file = |first: u64| directory.path().join(format!("segments/{first:020}.jsonl"));
    fs::write(file(1), "no line\n").unwrap();
    fs::write(file(3), "").unwrap();
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::Remove).unwrap();
    assert_eq!(gone(&collected).len(), 2, "{collected:?}");
    assert_eq!(segments(directory.path()), [3, 4, 5], "that behind the empty one is too young");
}

/// A journal of two segments: the first with events of these times, the second with one of now.
fn timed(clock: &FixedClock, times: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let append = async |bytes: u64, times: &[Timestamp]| {
            let journal = Journal::builder(directory.path()).segment_bytes(bytes).open().unwrap();
            for time in times {
                let event = DomainEvent::new(SessionCreated::new(false)).with_timestamp(*time);
                journal.append(event).await.unwrap();
            }
            journal.close(Duration::from_secs(5)).await.unwrap();
        };
        let times: Vec<_> = times.iter().map(|time| time.parse().unwrap()).collect();
        append(1 << 20, &times).await;
        append(1, &[Timestamp::now()]).await;
    });
    assert_eq!(segments(directory.path()), [1, times.len() as u64 + 1]);
    clock.advance(3 * HOUR);
    directory
}

#[test]
fn an_event_that_says_it_is_old_takes_no_young_ones_along() {
    let clock = clock();
    let directory = timed(&clock, &["2026-01-31T08:30:00Z", "2026-01-31T09:00:00Z", "2020-01-01T00:00:00Z"]);
    let collect = |older_than| reader(&directory).collect_garbage(older_than, GcMode::DryRun).unwrap();
    assert_eq!(gone(&collect(3 * HOUR)), []);
    assert_eq!(gone(&collect(2 * HOUR)), [(3, CollectReason::Age)]);
}

#[test]
fn an_event_that_says_it_is_of_tomorrow_keeps_nothing() {
    let clock = clock();
    let directory = timed(&clock, &["2026-01-31T09:00:00Z", "2099-01-01T00:00:00Z"]);
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::DryRun).unwrap();
    assert_eq!(gone(&collected), [(2, CollectReason::Age)]);
    // All are, when the clock was set back.
    let directory = timed(&clock, &["2099-01-01T00:00:00Z"]);
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::DryRun).unwrap();
    assert_eq!(gone(&collected), []);
}

#[test]
fn a_segment_that_was_lost_is_told_when_what_was_before_it_goes() {
    let clock = clock();
    let directory = hourly(&clock);
    fs::remove_file(directory.path().join("segments/00000000000000000002.jsonl")).unwrap();
    for mode in [GcMode::DryRun, GcMode::Remove] {
        let collected = reader(&directory).collect_garbage(HOUR, mode).unwrap();
        assert_eq!(gone(&collected), [(1, CollectReason::Age), (3, CollectReason::Age)]);
        let [lost] = collected.missing.as_slice() else { panic!("{collected:?}") };
        assert_eq!((lost.file.as_str(), lost.through), ("segments/00000000000000000002.jsonl", at(2)));
    }
}

#[test]
fn a_cursor_of_tomorrow_keeps_nothing_for_ever() {
    let clock = clock();
    let directory = hourly(&clock);
    drop(reader(&directory).consumer("indexer").unwrap());
    let file = directory.path().join("cursors/indexer.json");
    let cursor = fs::read_to_string(&file).unwrap();
    let now = Timestamp::now().to_string();
    assert!(cursor.contains(&now), "{cursor}");
    fs::write(file, cursor.replace(&now, "2099-01-01T00:00:00Z")).unwrap();
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::DryRun).unwrap();
    assert_eq!(gone(&collected), [(1, CollectReason::Age), (2, CollectReason::Age)]);
}

#[test]
fn a_journal_keeps_to_its_bytes_as_it_is_written() {
    let clock = clock();
    let directory = hourly(&clock);
    let storage = Arc::new(FileSystem::new(directory.path()));
    let line = fs::metadata(directory.path().join("segments/00000000000000000001.jsonl")).unwrap().len();
    append_hourly(storage, &clock, 20, Retention::new().max_bytes(4 * line), 1);
    let left = segments(directory.path());
    assert!((3..=5).contains(&left.len()) && left.last() == Some(&25), "{left:?}");
    let read: Vec<_> = reader(&directory).read(ReadFrom::Start, agentbus::Filter::all()).unwrap().collect();
    assert_eq!(read.len(), left.len());
}

#[test]
fn a_crash_between_the_files_and_the_manifest_is_harmless() {
    let clock = clock();
    let directory = hourly(&clock);
    for first in [1, 2] {
        fs::remove_file(directory.path().join(format!("segments/{first:020}.jsonl"))).unwrap();
    }
    append_hourly(Arc::new(FileSystem::new(directory.path())), &clock, 1, Retention::new(), 1);
    let read = reader(&directory).read(ReadFrom::Start, agentbus::Filter::all()).unwrap();
    let positions: Vec<_> = read.map(|entry| entry.unwrap().into_event().unwrap().position.get()).collect();
    assert_eq!(positions, [3, 4, 5, 6]);
    let collected = reader(&directory).collect_garbage(2 * HOUR, GcMode::Remove).unwrap();
    assert_eq!(gone(&collected), [(3, CollectReason::Age)]);
    let manifest = fs::read_to_string(directory.path().join("journal.json")).unwrap();
    assert_eq!(manifest.matches("\"first\":").count(), 3, "{manifest}");
}

/// A segment that `journal.json` does not name would stay for ever.
fn assert_all_listed(storage: &FaultyStorage, what: &str) {
    let mut bytes = vec![0; 4_096];
    let file = storage.open("journal.json", Open::Read).unwrap();
    let len = file.read_at(&mut bytes, 0).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&bytes[..len]).unwrap();
    let listed: Vec<_> =
        manifest["segments"].as_array().unwrap().iter().map(|start| &start["first"]).collect();
    for name in storage.list("segments").unwrap() {
        let first: u64 = name.trim_end_matches(".jsonl").parse().unwrap();
        assert!(listed.iter().any(|listed| **listed == first), "{what}: {name} is not among {listed:?}");
    }
}

#[test]
fn a_fault_at_any_call_of_a_collection_loses_nothing_that_stays() {
    let clock = clock();
    let written = FaultyStorage::new();
    append_hourly(Arc::new(written.clone()), &clock, 5, Retention::new(), 1);
    let template = written.restart_process();
    let collect = |storage: &FaultyStorage| {
        let reader = JournalReader::on(Arc::new(storage.clone()))?;
        reader.collect_garbage(2 * HOUR, GcMode::Remove).map(drop)
    };
    let whole = template.restart_process();
    collect(&whole).unwrap();
    for seed in 0..8 {
        assert_all_listed(&whole.crash_machine(seed), "after it");
    }
    for (call, name) in (1..).zip(whole.trace()) {
        for fault in [Fault::Fail(std::io::ErrorKind::PermissionDenied), Fault::GiveUp, Fault::Freeze] {
            let storage = template.restart_process();
            storage.inject(When::Call(call), fault);
            let failed = collect(&storage).is_err();
            assert!(failed || fault != Fault::Freeze, "call {call}");
            for left in [storage.restart_process(), storage.crash_machine(call)] {
                let what = format!("{fault:?} at call {call}, {name}");
                assert_all_listed(&left, &what);
                append_hourly(Arc::new(left.clone()), &clock, 1, Retention::new(), 1);
                let reader = JournalReader::on(Arc::new(left.clone())).unwrap();
                let read = reader.read(ReadFrom::Start, agentbus::Filter::all()).unwrap();
                let positions: Vec<_> =
                    read.map(|entry| entry.unwrap().into_event().expect(&what).position.get()).collect();
                assert!(positions.ends_with(&[3, 4, 5, 6]) && positions.is_sorted(), "{what}: {positions:?}");
                collect(&left).unwrap();
            }
        }
    }
}
