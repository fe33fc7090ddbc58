//! Verifying what real writers leave, while they write and after they died.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentbus::event::{PlanCreated, PlanPhase, SessionCreated};
use agentbus::journal::{
    DamageFault, Durability, Entry, Journal, JournalReader, ReadFrom, Storage, Verification,
};
use agentbus::{DomainEvent, EventBus, Filter, ReactiveEventBus};

fn event(number: u64) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

/// Verifies and reads what is on that storage. A line that is whole but for its newline is damage until a writer has
/// cut it; nothing else may be.
pub(crate) fn as_left_by_a_crash(storage: Arc<dyn Storage>, told: &str) {
    let Ok(reader) = JournalReader::on(storage) else { return };
    let found = reader.verify().unwrap();
    let whole = |fault| matches!(fault, DamageFault::Newline);
    let is_torn = found.first_damage.as_ref().is_some_and(|damage| whole(damage.fault) && found.damaged == 1);
    assert!(found.is_intact() || is_torn, "{found:?} {told}");
    reads_what_is_verified(&reader, &found, told);
}

/// Verifies and reads what a writer closed.
pub(crate) fn as_closed(storage: Arc<dyn Storage>, told: &str) {
    let reader = JournalReader::on(storage).unwrap();
    let found = reader.verify().unwrap();
    assert!(found.is_intact() && found.unfinished.is_none(), "{found:?} {told}");
    reads_what_is_verified(&reader, &found, told);
}

fn reads_what_is_verified(reader: &JournalReader, found: &Verification, told: &str) {
    let read: Vec<_> = reader.read(ReadFrom::Start, Filter::all()).unwrap().map(Result::unwrap).collect();
    assert!(read.iter().all(|entry| matches!(entry, Entry::Event(_))), "{read:?} {told}");
    assert_eq!(read.len() as u64, found.lines, "{told}");
    assert_eq!(reader.last().unwrap(), found.last, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_written_to_is_intact_whenever_it_is_verified() {
    let directory = tempfile::tempdir().unwrap();
    let builder = Journal::builder(directory.path()).durability(Durability::Os).segment_bytes(5_000);
    let journals = [builder.clone().open().unwrap(), builder.open().unwrap()];
    let is_over = Arc::new(AtomicBool::new(false));
    let (reader, is_written) = (journals[0].reader().clone(), Arc::clone(&is_over));
    let verifier = tokio::task::spawn_blocking(move || {
        let mut lines = 0;
        while !is_written.load(Ordering::Relaxed) {
            let found = reader.verify().unwrap();
            assert!(found.is_intact() && found.lines >= lines, "{found:?}");
            lines = found.lines;
        }
    });
    let write = |journal: Journal| async move {
        for _ in 0..100 {
            journal.append_many((0..10).map(event).collect()).await.unwrap();
        }
        journal.close(Duration::from_secs(5)).await.unwrap();
    };
    for task in journals.map(|journal| tokio::spawn(write(journal))) {
        task.await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    verifier.await.unwrap();
    let found = JournalReader::open(directory.path()).unwrap().verify().unwrap();
    assert_eq!((found.lines, found.first_damage), (2_000, None));
}

#[tokio::test]
async fn a_real_segment_with_any_byte_changed_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(700).open().unwrap();
    for number in 1..=9 {
        journal.append(event(number)).await.unwrap();
    }
    journal.close(Duration::from_secs(5)).await.unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut position = 0;
    let mut segments: Vec<_> =
        fs::read_dir(directory.path().join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    assert!(segments.len() >= 3);
    for path in segments {
        let whole = fs::read(&path).unwrap();
        let mut at = 0;
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            position += 1;
            // A prime step, so that every part of a line is met in some line.
            for byte in (at..at + line.len()).step_by(3) {
                let mut changed = whole.clone();
                changed[byte] = if changed[byte] == b'7' { b'8' } else { b'7' };
                fs::write(&path, changed).unwrap();
                let damage = reader.verify().unwrap().first_damage.unwrap_or_else(|| panic!("byte {byte}"));
                assert_eq!(
                    (damage.position.get(), damage.at),
                    (position, at as u64),
                    "byte {byte}: {damage}"
                );
            }
            at += line.len();
        }
        fs::write(&path, whole).unwrap();
    }
}

#[tokio::test]
async fn what_is_in_a_journal_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(1_000).open().unwrap();
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    let begin = agentbus::event::Timestamp::now();
    for number in 0..10 {
        bus.emit(event(number));
        // A segment is begun between batches.
        bus.flush().await.unwrap();
    }
    bus.emit(
        DomainEvent::new(PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3)).with_plan_id("p"),
    );
    bus.flush().await.unwrap();
    let mut indexer = journal.consumer("indexer").unwrap();
    let polled = indexer.poll(4).unwrap();
    indexer.ack(polled.events.last().unwrap().position).unwrap();
    let stats = journal.reader().stats().unwrap();
    assert_eq!((stats.events, stats.unreadable), (11, 0));
    assert_eq!([stats.first, stats.last].map(|position| position.unwrap().get()), [1, 11]);
    let kinds: Vec<_> = stats.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(kinds, [("plan.created", 1), ("session.created", 10)]);
    let bytes: u64 = fs::read_dir(directory.path().join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(stats.bytes, bytes);
    assert!(stats.segments > 1 && stats.id.is_some());
    assert!(stats.earliest.unwrap() >= begin && stats.latest >= stats.earliest);
    let [indexer] = stats.consumers.as_slice() else { panic!("{:?}", stats.consumers) };
    assert_eq!(indexer.cursor.as_ref().unwrap().lag, 7);
}
