//! A fault at every call to the storage that a consumer makes, and a crash after it.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;

use agentbus::journal::Durability;
use agentbus::testing::{Fault, FaultyStorage, When};

use super::*;

/// The event that always fails; it may fail twice.
const FAILS: u64 = 3;
const LAST: u64 = 5;

/// A journal of five events in memory, synced and closed.
fn written() -> FaultyStorage {
    let storage = FaultyStorage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = Journal::builder_on(Arc::new(storage.clone()));
        let journal = builder.durability(Durability::Sync).open().unwrap();
        for _ in 0..LAST {
            journal.append(DomainEvent::new(SessionCreated::new(false))).await.unwrap();
        }
        journal.close(Duration::from_secs(5)).await.unwrap();
    });
    storage.restart_process()
}

/// What a consumer did, over all its lives.
#[derive(Clone, Debug, Default)]
struct Done {
    effects: Vec<u64>,
    /// The last position that was acknowledged without an error.
    acknowledged: u64,
}

impl Done {
    /// Works through the journal until there is no more, or something goes wrong.
    fn work(&mut self, storage: &FaultyStorage) -> Result<(), Box<dyn Error>> {
        let options = ConsumerOptions::new().max_attempts(2).backoff(Duration::ZERO, Duration::ZERO);
        let reader = JournalReader::on(Arc::new(storage.clone()))?;
        let mut consumer = reader.consumer_with("indexer", options)?;
        loop {
            let polled = consumer.poll(2)?;
            if polled.events.is_empty() {
                return Ok(());
            }
            for position in positions(&polled) {
                assert!(position > self.acknowledged, "{position} was given after it was acknowledged");
                if position == FAILS {
                    consumer.nack(at(FAILS), "by design")?;
                    break;
                }
                self.effects.push(position);
                consumer.ack(at(position))?;
                self.acknowledged = position;
            }
        }
    }

    /// Works on after a crash, and sees that all was done: each event at least once, in order, none passed over but
    /// the one that has its letter.
    fn finish(mut self, storage: &FaultyStorage, what: &str) {
        self.work(storage).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut firsts = Vec::new();
        for effect in self.effects {
            if !firsts.contains(&effect) {
                firsts.push(effect);
            }
        }
        assert_eq!(firsts, [1, 2, 4, 5], "{what}");
        let reader = JournalReader::on(Arc::new(storage.clone())).unwrap();
        let dead = reader.dead_letters("indexer").unwrap();
        let letters: Vec<_> = dead.letters.iter().map(|letter| letter.position.get()).collect();
        assert_eq!((letters, dead.unreadable.len()), (vec![FAILS], 0), "{what}");
        let state = reader.consumers().unwrap().remove(0);
        assert_eq!(state.cursor.unwrap().position, Some(at(LAST)), "{what}");
    }
}

/// What can go wrong at a call, by how the trace of a whole run tells it.
fn faults(call: &str) -> &'static [Fault] {
    const FULL: Fault = Fault::Fail(ErrorKind::StorageFull);
    match call.split(' ').next().unwrap() {
        "append" => &[FULL, Fault::Tear(7), Fault::Short(7), Fault::Freeze],
        "sync" | "sync_folder" => &[FULL, Fault::GiveUp, Fault::Freeze],
        "create" | "create_folder" | "cut" | "rename" | "remove" => &[FULL, Fault::Freeze],
        // Nothing changes by it: a crash is that at the next call that changes something.
        _ => &[FULL],
    }
}

#[test]
fn a_fault_at_any_call_loses_no_event_and_doubles_no_letter() {
    let template = written();
    let storage = template.restart_process();
    Done::default().work(&storage).unwrap();
    let calls = storage.trace();
    assert!(calls.iter().any(|call| call.starts_with("append dead/indexer.jsonl")));
    for (number, call) in (1..).zip(&calls) {
        for fault in faults(call) {
            let what = format!("{fault:?} at call {number}, {call}");
            let storage = template.restart_process();
            storage.inject(When::Call(number), *fault);
            let mut done = Done::default();
            let worked = done.work(&storage);
            if *fault == Fault::Freeze {
                worked.unwrap_err();
                done.clone().finish(&storage.restart_process(), &format!("{what}, restarted"));
            } else {
                // The process goes on, and crashes later.
                done.work(&storage).unwrap_or_else(|error| panic!("{what}, tried again: {error}"));
            }
            for seed in 0..3 {
                done.clone().finish(&storage.crash_machine(seed), &format!("{what}, seed {seed}"));
            }
        }
    }
}

#[test]
fn a_consumer_is_open_in_one_process_and_a_dead_one_leaves_no_lock() {
    let storage = written();
    let open =
        |process: &FaultyStorage| JournalReader::on(Arc::new(process.clone())).unwrap().consumer("indexer");
    let (one, other) = (storage.fork_process(), storage.fork_process());
    let mut held = open(&one).unwrap();
    held.ack(at(2)).unwrap();
    assert!(matches!(open(&other), Err(ConsumerError::Busy { .. })));
    one.freeze();
    assert_eq!(given(&mut open(&other).unwrap()), [3, 4, 5]);
    assert!(held.ack(at(4)).is_err(), "the dead do nothing");
}
