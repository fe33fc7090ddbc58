//! Subscribing and unsubscribing a sync handler while others emit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbus::{EventBus, EventBusExt, EventType, Filter, ReactiveEventBus};
use shuttle::thread;

use crate::{chatter, emit_some, explore, join_all};

#[test]
fn what_a_handler_hears_is_what_its_account_says_when_it_leaves() {
    explore(2_000, || {
        let bus = ReactiveEventBus::new();
        let calls = Arc::new(AtomicU64::new(0));
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let bus = bus.clone();
                thread::spawn(move || emit_some(&bus, 2))
            })
            .collect();
        let watcher = {
            let bus = bus.clone();
            thread::spawn(move || (0..3).for_each(|_| assert!(bus.ledger().is_balanced())))
        };

        let note = Arc::clone(&calls);
        let handler = bus.on(Filter::all(), move |_| {
            note.fetch_add(1, Ordering::Relaxed);
        });
        thread::yield_now();
        drop(handler);
        let account = bus.ledger().departed;
        bus.emit(chatter());

        join_all(emitters);
        watcher.join().unwrap();
        // A call that had begun, and was on the account, may have ended later; none began.
        assert_eq!(calls.load(Ordering::Relaxed), account.delivered);
        assert_eq!(bus.ledger().departed, account);
        assert!(account.is_balanced(), "{account}");
        assert_eq!(Arc::strong_count(&calls), 1, "the bus keeps nothing of it");
        assert!(!bus.is_observed(EventType::SessionCreated));
    });
}

#[test]
fn a_handler_hears_each_event_of_its_time_once_and_of_one_thread_in_order() {
    explore(2_000, || {
        let bus = ReactiveEventBus::new();
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = Arc::clone(&heard);
        // An effect, emitted by the handler itself, comes behind its cause.
        let _effects = {
            let inner = bus.clone();
            bus.on(EventType::ToolErrored, move |_| {
                inner.emit(chatter());
            })
        };
        let _handler = bus.on(Filter::all(), move |event| {
            note.lock().unwrap().push((event.id(), event.causation_id()));
        });
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let bus = bus.clone();
                thread::spawn(move || emit_some(&bus, 2))
            })
            .collect();
        join_all(emitters);

        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 6);
        let place = |id| heard.iter().position(|(other, _)| *other == id).expect("heard");
        for (at, (_, cause)) in heard.iter().enumerate() {
            assert!(cause.is_none_or(|cause| place(cause) < at), "an effect before its cause");
        }
        assert_eq!(heard.iter().filter(|(_, cause)| cause.is_some()).count(), 2);
        assert!(bus.ledger().is_balanced());
    });
}

#[test]
fn a_flush_waits_for_calls_that_run_on_other_threads() {
    explore(2_000, || {
        let bus = ReactiveEventBus::new();
        let calls = Arc::new(AtomicU64::new(0));
        let note = Arc::clone(&calls);
        let _handler = bus.on(Filter::all(), move |_| {
            thread::yield_now();
            note.fetch_add(1, Ordering::Relaxed);
        });
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let bus = bus.clone();
                thread::spawn(move || emit_some(&bus, 1))
            })
            .collect();
        let emitted = bus.stats().emitted;
        shuttle::future::block_on(bus.flush()).unwrap();
        assert!(calls.load(Ordering::Relaxed) >= emitted);
        join_all(emitters);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    });
}
