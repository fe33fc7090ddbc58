//! Replay: what is told, in what order, when, and what is not.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbus::bus::SpawnOptions;
use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{
    Durability, Journal, JournalReader, Pace, Position, ReadFrom, Replay, ReplayError, Replayed,
};
use agentbus::{DomainEvent, EventBus, EventBusExt, Filter, ReactiveEventBus};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_hours(1);

/// An event that happened so many seconds after 1970 began.
fn at_second(second: i64) -> DomainEvent {
    let event = DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{second}"));
    event.with_timestamp(Timestamp::from_unix_nanos(second * 1_000_000_000))
}

/// A journal with events of these seconds. It is written outside of a clock that is paused.
fn journal(seconds: impl IntoIterator<Item = i64>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).durability(Durability::Os).open().unwrap();
    let events = seconds.into_iter().map(at_second).collect();
    let written = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { (journal.append_many(events).await, journal.close(HOUR).await) })
    });
    let (appended, closed) = written.join().unwrap();
    appended.unwrap();
    closed.unwrap();
    directory
}

fn replay(directory: &Path, pace: Pace) -> Replay {
    JournalReader::open(directory).unwrap().replay(ReadFrom::Start, Filter::all(), pace)
}

/// A bus, and what it tells. Its handler is attached as long as the bus is there.
fn watched() -> (ReactiveEventBus, Arc<Mutex<Vec<Arc<DomainEvent>>>>) {
    let (bus, told) = (ReactiveEventBus::new(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&told);
    bus.on(Filter::all(), move |event| log.lock().unwrap().push(Arc::clone(event))).detach();
    (bus, told)
}

/// The seconds after the start at which each event is told.
async fn told_at(seconds: &[i64], pace: Pace) -> Vec<u64> {
    let directory = journal(seconds.iter().copied());
    let (bus, told) = (ReactiveEventBus::new(), Arc::new(Mutex::new(Vec::new())));
    let (start, log) = (Instant::now(), Arc::clone(&told));
    let _handler = bus.on(Filter::all(), move |_event| log.lock().unwrap().push(start.elapsed().as_secs()));
    let replayed = replay(directory.path(), pace).into_bus(&bus).await.unwrap();
    assert_eq!(replayed.events, seconds.len() as u64);
    told.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn the_original_pace_keeps_the_distances_and_takes_a_step_back_of_the_clock_as_none() {
    assert_eq!(told_at(&[100, 105, 3_705, 50, 60], Pace::Original).await, [0, 5, 3_605, 3_605, 3_615]);
}

#[tokio::test(start_paused = true)]
async fn a_pace_of_many_times_shortens_the_distances() {
    assert_eq!(told_at(&[0, 60, 180], Pace::Times(60.0)).await, [0, 1, 3]);
    assert_eq!(told_at(&[0, 1, 2], Pace::Times(0.5)).await, [0, 2, 4]);
    assert_eq!(told_at(&[0, i64::from(i32::MAX)], Pace::Immediate).await, [0, 0]);
}

#[tokio::test]
async fn a_pace_that_is_none_is_refused_and_nothing_is_told() {
    let directory = journal([1, 2]);
    for times in [f64::NAN, 0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
        let (bus, told) = watched();
        let refused = replay(directory.path(), Pace::Times(times)).into_bus(&bus).await;
        assert!(matches!(refused, Err(ReplayError::Pace { .. })), "{times}: {refused:?}");
        assert!(told.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_ends_when_the_replay_is_dropped() {
    let directory = journal([0, 1_000_000]);
    let (bus, told) = watched();
    let dropped = timeout(HOUR, replay(directory.path(), Pace::Original).into_bus(&bus)).await;
    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!(told.lock().unwrap().len(), 1);
    // Slower than any clock can tell.
    let dropped =
        timeout(HOUR, replay(directory.path(), Pace::Times(f64::MIN_POSITIVE)).into_bus(&bus)).await;
    assert!(dropped.is_err(), "{dropped:?}");
}

#[tokio::test]
async fn replayed_events_are_marked_and_not_recorded_again() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = ReactiveEventBus::builder().journal(Journal::open(from.path()).unwrap()).build();
    for second in 0..10 {
        first.emit(at_second(second));
    }
    first.flush().await.unwrap();

    let journal = Journal::open(to.path()).unwrap();
    let second = ReactiveEventBus::builder().journal(journal.clone()).build();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let _handler = second.on(Filter::all(), move |event| {
        log.lock().unwrap().push((event.is_replayed(), event.origin(), event.seq()));
    });
    replay(from.path(), Pace::Immediate).into_bus(&second).await.unwrap();
    second.emit(at_second(99));
    second.flush().await.unwrap();

    let recorded = |directory: &Path| -> Vec<_> {
        let reading = JournalReader::open(directory).unwrap().read(ReadFrom::Start, Filter::all()).unwrap();
        reading.events().map(|recorded| recorded.unwrap().event).collect()
    };
    let originals: Vec<_> = recorded(from.path()).iter().map(|e| (true, e.origin(), e.seq())).collect();
    assert!(originals.iter().all(|(_, origin, seq)| origin.is_some() && seq.is_some()));
    assert_eq!(seen.lock().unwrap().get(..10).unwrap(), originals);
    let again = recorded(to.path());
    assert_eq!(
        again.iter().map(|event| event.timestamp().unix_nanos()).collect::<Vec<_>>(),
        [99_000_000_000]
    );
}

#[tokio::test]
async fn it_begins_behind_a_position_and_tells_what_matches() {
    let directory = journal(0..10);
    let reader = JournalReader::open(directory.path()).unwrap();
    let (bus, told) = watched();
    let (from, filter) = (ReadFrom::After(Position::new(4).unwrap()), "session=s-1,s-5,s-8".parse().unwrap());
    let replayed = reader.replay(from, filter, Pace::Immediate).into_bus(&bus).await.unwrap();
    let sessions: Vec<_> =
        told.lock().unwrap().iter().map(|event| event.session_id().unwrap().to_string()).collect();
    assert_eq!(sessions, ["s-5", "s-8"]);
    assert_eq!((replayed.events, replayed.last), (2, Position::new(9)));
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_counted_and_passed() {
    let directory = journal(0..3);
    let segment = directory.path().join("segments/00000000000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap().replace("\"s-1\"", "\"s-1");
    fs::write(&segment, text).unwrap();
    let (bus, told) = watched();
    let Replayed { events, unreadable, .. } =
        replay(directory.path(), Pace::Immediate).into_bus(&bus).await.unwrap();
    assert_eq!((events, unreadable, told.lock().unwrap().len()), (2, 1, 2));
}

#[tokio::test]
async fn async_handlers_with_a_queue_of_a_chunk_miss_nothing() {
    let directory = journal(0..2_000);
    let bus = ReactiveEventBus::new();
    let handled = Arc::new(Mutex::new(0));
    let count = Arc::clone(&handled);
    let options = SpawnOptions::new().queue(256);
    let _handler = bus
        .spawn_with(Filter::all(), options, move |_event| {
            let count = Arc::clone(&count);
            async move {
                tokio::task::yield_now().await;
                *count.lock().unwrap() += 1;
            }
        })
        .unwrap();
    replay(directory.path(), Pace::Immediate).into_bus(&bus).await.unwrap();
    assert_eq!(*handled.lock().unwrap(), 2_000);
}
