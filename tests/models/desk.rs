//! The desk of an async handler: what is put on it, taken, waited for and abandoned.
//!
//! Its task runs on a tokio runtime that a thread of the model drives a turn at a time, never parking the system's
//! thread, of which shuttle has only one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use agentbus::{EventBus, EventBusExt, Filter, ReactiveEventBus, Subscription};
use shuttle::future::block_on;
use shuttle::thread;

use crate::{chatter, emit_some, explore, join_all};

/// An async handler that counts its calls, each of which waits once, and the thread that drives its task.
struct Driven {
    handler: Subscription,
    is_over: Arc<AtomicBool>,
    driver: thread::JoinHandle<()>,
}

impl Driven {
    fn start(bus: &ReactiveEventBus, calls: &Arc<AtomicU64>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("it needs no more than memory");
        let count = Arc::clone(calls);
        let handler = runtime.block_on(async {
            bus.spawn(Filter::all(), move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now()
            })
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let driver = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                runtime.block_on(tokio::task::yield_now());
                thread::yield_now();
            }
        });
        Self { handler: handler.expect("spawned inside a runtime"), is_over, driver }
    }
}

/// Ends the driver and its runtime.
fn stop(is_over: &AtomicBool, driver: thread::JoinHandle<()>) {
    is_over.store(true, Ordering::Relaxed);
    join_all([driver]);
}

#[test]
fn what_was_emitted_before_a_flush_is_handled_when_it_returns() {
    explore(1_500, || {
        let bus = ReactiveEventBus::new();
        let calls = Arc::new(AtomicU64::new(0));
        let Driven { handler, is_over, driver } = Driven::start(&bus, &calls);
        let others = {
            let bus = bus.clone();
            thread::spawn(move || emit_some(&bus, 1))
        };
        emit_some(&bus, 2);
        block_on(bus.flush()).unwrap();
        assert!(calls.load(Ordering::Relaxed) >= 2);
        others.join().unwrap();
        block_on(bus.flush()).unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        assert!(bus.ledger().is_balanced());
        drop(handler);
        stop(&is_over, driver);
    });
}

#[test]
fn a_dropped_async_handler_begins_nothing_more_and_its_account_is_closed() {
    explore(1_500, || {
        let bus = ReactiveEventBus::new();
        let calls = Arc::new(AtomicU64::new(0));
        let Driven { handler, is_over, driver } = Driven::start(&bus, &calls);
        let emitter = {
            let bus = bus.clone();
            thread::spawn(move || emit_some(&bus, 2))
        };
        let watcher = {
            let bus = bus.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    let ledger = bus.ledger();
                    assert!(ledger.is_balanced(), "{ledger:?}");
                }
                // One that waits for a handler which goes is not left waiting.
                block_on(bus.flush()).unwrap();
            })
        };
        emit_some(&bus, 2);
        drop(handler);
        let account = bus.ledger().departed;
        bus.emit(chatter());
        emitter.join().unwrap();
        watcher.join().unwrap();
        stop(&is_over, driver);
        // A call that had begun, and was on the account, may have ended later; none began.
        assert_eq!(calls.load(Ordering::Relaxed), account.delivered);
        assert!(account.is_balanced(), "{account}");
        assert_eq!(bus.ledger().departed, account);
        assert_eq!(Arc::strong_count(&calls), 1, "nothing is kept of it");
    });
}
