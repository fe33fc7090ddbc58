//! What keeps a journal from writing, and that it goes on by itself: nobody who emits notices, `health` and `flush`
//! tell, and what did not fit into memory is counted.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use agentbus::journal::{AppendError, Durability, Health, Journal};
use agentbus::testing::{Fault, FaultyStorage, Operation, When};
use agentbus::{EventBus, FlushError, ReactiveEventBus, Recorder};

use crate::support::{DURABILITIES, LONG, event, files};

fn open(storage: &FaultyStorage, durability: Durability) -> Journal {
    Journal::builder_on(Arc::new(storage.clone())).durability(durability).open().unwrap()
}

/// Keeps the journal from writing, emits, lets it write again: everything is there.
async fn fails_and_goes_on(hinder: fn(&FaultyStorage), free: fn(&FaultyStorage), why: &str) {
    for durability in DURABILITIES {
        let storage = FaultyStorage::new();
        let journal = open(&storage, durability);
        let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
        bus.emit(event(1));
        bus.flush().await.unwrap();
        hinder(&storage);
        bus.emit(event(2));
        let refused = bus.flush().await;
        assert!(matches!(refused, Err(FlushError::NotRecorded { .. })), "{why}: {refused:?}");
        let Health::Failing { reason, .. } = journal.health() else { panic!("{why} is not told") };
        assert!(reason.contains(why), "{reason}");
        let handed_back = journal.append(event(9)).await;
        let is_handed_back =
            matches!(&handed_back, Err(AppendError::Failing { events, .. }) if events.len() == 1);
        assert!(is_handed_back, "{why}: {handed_back:?}");
        bus.emit(event(3));
        free(&storage);
        journal.healthy().await.unwrap();
        bus.emit(event(4));
        bus.flush().await.unwrap();
        journal.close(LONG).await.unwrap();
        let found = files(&storage.restart_process());
        assert_eq!((found.numbers(), found.faults), (vec![1, 2, 3, 4], Vec::new()), "{why}");
    }
}

#[tokio::test]
async fn a_disk_that_is_full() {
    let fill = |storage: &FaultyStorage| storage.fill_after(storage.used() + 10);
    fails_and_goes_on(fill, |storage| storage.fill_after(None), "storage").await;
}

#[tokio::test]
async fn a_file_system_that_is_read_only() {
    fails_and_goes_on(|storage| storage.read_only(true), |storage| storage.read_only(false), "read-only")
        .await;
}

#[tokio::test]
async fn a_directory_that_is_gone_and_comes_back() {
    fails_and_goes_on(FaultyStorage::vanish, FaultyStorage::reappear, "gone").await;
}

#[tokio::test]
async fn what_did_not_fit_into_memory_is_counted_in_its_place_and_told_to_one_flush() {
    let storage = FaultyStorage::new();
    let builder = Journal::builder_on(Arc::new(storage.clone())).queue_bytes(10_000);
    let journal = builder.durability(Durability::Sync).open().unwrap();
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    bus.emit(event(0));
    bus.flush().await.unwrap();
    storage.read_only(true);
    bus.emit(event(1));
    bus.flush().await.unwrap_err();
    for number in 2..=100 {
        bus.emit(event(number));
    }
    storage.read_only(false);
    journal.healthy().await.unwrap();
    bus.emit(event(101));
    let lost = bus.flush().await.unwrap_err();
    assert!(lost.to_string().contains("journal.gap"), "{lost}");
    bus.flush().await.unwrap();
    let found = files(&storage.restart_process());
    let told: u64 = found.lines.iter().filter_map(crate::support::Line::gap).sum();
    let kept = found.numbers();
    assert!(told > 0 && kept.len() as u64 + told == 102, "{told} told, {} kept", kept.len());
    // What is kept are the first ones, then the gap, then what came when it could write again.
    let gap = found.lines.iter().position(|line| line.gap().is_some()).unwrap();
    assert_eq!(kept[..gap], (0..gap).collect::<Vec<_>>());
    assert_eq!(kept[gap..], [101]);
}

#[tokio::test]
async fn somebody_who_does_not_give_up_the_lock_is_told_of_after_five_seconds_and_waited_for() {
    let storage = FaultyStorage::new();
    let journal = open(&storage, Durability::Sync);
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    let other = storage.fork_process();
    let lock = agentbus::journal::Storage::open(&other, "lock", agentbus::journal::Open::Lock).unwrap();
    while !lock.try_lock().unwrap() {}
    bus.emit(event(1));
    assert!(journal.health().is_healthy());
    let refused = bus.flush().await.unwrap_err();
    assert!(refused.to_string().contains("lock"), "{refused}");
    drop(lock);
    journal.healthy().await.unwrap();
    bus.flush().await.unwrap();
    assert_eq!(files(&storage.restart_process()).numbers(), [1]);
}

/// Of large batches the next is encoded while one is synced.
#[tokio::test]
async fn a_sync_that_fails_while_the_next_batch_is_encoded_loses_and_doubles_nothing() {
    const EVENTS: usize = 12_000;
    for failing in 1..=3 {
        let storage = FaultyStorage::new();
        let journal = open(&storage, Durability::Sync);
        for _ in 0..failing {
            storage.inject(When::Next(Operation::Sync, "segments/"), Fault::Fail(ErrorKind::Other));
        }
        for number in 0..EVENTS {
            journal.record(&Arc::new(event(number)));
            journal.relieve();
        }
        while journal.flush().await.is_err() {
            journal.healthy().await.unwrap();
        }
        let found = files(&storage.crash_machine(failing));
        assert_eq!((found.numbers(), found.faults), ((0..EVENTS).collect(), Vec::new()));
        assert!(storage.trace().iter().any(|call| call.contains("Fail")), "no sync failed");
        journal.close(LONG).await.unwrap();
    }
}

#[tokio::test]
async fn dropping_the_last_handle_writes_what_is_queued() {
    let storage = FaultyStorage::new();
    let journal = open(&storage, Durability::Sync);
    let bus = ReactiveEventBus::builder().journal(journal).build();
    for number in 0..100 {
        bus.emit(event(number));
    }
    drop(bus);
    assert_eq!(files(&storage.restart_process()).numbers(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_recorded_after_closing_is_told_to_be_lost() {
    let storage = FaultyStorage::new();
    let journal = open(&storage, Durability::Sync);
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    journal.close(Duration::from_secs(5)).await.unwrap();
    bus.emit(event(1));
    bus.flush().await.unwrap_err();
    assert!(matches!(journal.append(event(2)).await, Err(AppendError::Closed { .. })));
}

#[tokio::test]
async fn what_an_append_cannot_tell_is_told_later() {
    for durability in DURABILITIES {
        let storage = FaultyStorage::new();
        let journal = open(&storage, durability);
        journal.append(event(1)).await.unwrap();
        storage.read_only(true);
        let unsettled = journal.append_many(vec![event(2), event(3)]).await;
        let Err(AppendError::Unsettled { settling, .. }) = unsettled else { panic!("{unsettled:?}") };
        storage.read_only(false);
        let settled: Vec<_> = settling.settled().await.into_iter().map(|at| at.unwrap().get()).collect();
        assert_eq!(settled, [2, 3]);
        journal.close(LONG).await.unwrap();
        assert_eq!(files(&storage.restart_process()).numbers(), [1, 2, 3]);
    }
}

#[tokio::test]
async fn what_a_journal_closes_without_is_told_to_be_unknown() {
    let storage = FaultyStorage::new();
    let journal = open(&storage, Durability::Sync);
    journal.append(event(1)).await.unwrap();
    storage.read_only(true);
    let unsettled = journal.append(event(2)).await;
    let Err(AppendError::Unsettled { settling, .. }) = unsettled else { panic!("{unsettled:?}") };
    let (settled, closed) = tokio::join!(settling.settled(), journal.close(Duration::ZERO));
    assert_eq!(settled, [None]);
    assert_eq!(closed.unwrap_err().unwritten, 1);
}
