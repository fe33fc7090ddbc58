//! A reader that waits is woken when there is something for it, and only then.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use agentbus::{EventBus, EventBusExt, EventStream, Filter, ReactiveEventBus};
use shuttle::future::block_on;
use shuttle::thread;
use tokio_stream::{Stream, StreamExt};

use crate::{chatter, critical, emit_some, explore, join_all, read_to_end, seq_of, told};

/// A waker that raises a flag.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A waker that counts.
struct Counting {
    wakes: Arc<AtomicU32>,
    waker: Waker,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.waker.wake_by_ref();
    }
}

fn poll(stream: &mut EventStream, flag: &Arc<Flag>) -> Poll<Option<u64>> {
    let waker = Waker::from(Arc::clone(flag));
    let polled = Pin::new(stream).poll_next(&mut Context::from_waker(&waker));
    polled.map(|delivery| delivery.map(|delivery| seq_of(&told(delivery))))
}

#[test]
fn a_reader_that_found_nothing_is_woken_when_there_is_something() {
    explore(3_000, || {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(Filter::all());
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let bus = bus.clone();
                thread::spawn(move || emit_some(&bus, 1))
            })
            .collect();
        let flag = Arc::new(Flag::default());
        let mut read = 0;
        while poll(&mut stream, &flag).is_ready() {
            read += 1;
        }
        join_all(emitters);
        assert_eq!(flag.0.load(Ordering::Relaxed), read < 2, "{read} were read before it waited");
    });
}

#[test]
fn a_reader_that_moves_to_another_task_is_woken_there() {
    explore(3_000, || {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(Filter::all());
        assert!(poll(&mut stream, &Arc::default()).is_pending());
        let reader = thread::spawn(move || block_on(stream.next()).is_some());
        emit_some(&bus, 1);
        assert!(reader.join().unwrap());
    });
}

#[test]
fn an_event_for_others_passes_a_reader_by_without_waking_it() {
    explore(3_000, || {
        let bus = ReactiveEventBus::new();
        // On the route of the plan, of which the filter keeps a part away.
        let mut stream = bus.watch("plan=p actor=wanted").unwrap();
        let reader = thread::spawn(move || {
            let (mut read, wakes) = (Vec::new(), Arc::new(AtomicU32::new(0)));
            while let Some(delivery) = block_on(poll_fn(|cx| {
                let counting = Counting { wakes: Arc::clone(&wakes), waker: cx.waker().clone() };
                Pin::new(&mut stream).poll_next(&mut Context::from_waker(&Arc::new(counting).into()))
            })) {
                read.push(told(delivery));
            }
            (read, wakes.load(Ordering::Relaxed))
        });
        let emitters = ["wanted", "other"].map(|actor| {
            let bus = bus.clone();
            thread::spawn(move || {
                bus.emit(chatter().with_plan_id("p").with_actor_name(actor));
                bus.emit(critical().with_plan_id("p").with_actor_name(actor));
            })
        });
        join_all(emitters);
        let ledger = bus.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        drop(bus);
        let (read, wakes) = reader.join().unwrap();
        assert_eq!(read.len(), 2);
        assert!(read.is_sorted_by_key(|event| seq_of(event)));
        // By each event for it at most, and by the end.
        assert!(wakes <= 3, "it was woken {wakes} times");
    });
}

#[test]
fn a_reader_that_waits_hears_of_the_end_behind_what_was_emitted() {
    explore(3_000, || {
        let bus = ReactiveEventBus::new();
        let readers = [1, 2].map(|at_most| {
            let mut stream = bus.stream(Filter::all());
            thread::spawn(move || {
                let mut read = 0;
                loop {
                    let taken = block_on(stream.next_many(at_most)).len();
                    if taken == 0 {
                        return read;
                    }
                    read += taken;
                }
            })
        });
        let emitter = thread::spawn(move || {
            emit_some(&bus, 3);
            // The last handle: the streams end.
            drop(bus);
        });
        emitter.join().unwrap();
        assert_eq!(readers.map(|reader| reader.join().unwrap()), [3, 3]);
    });
}

/// Closes within a deadline that never comes: shuttle knows no time.
fn close(bus: &ReactiveEventBus) {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let clock = clock.expect("it needs no more than memory");
    let _inside = clock.enter();
    assert!(block_on(bus.close(Duration::from_hours(1))).is_complete());
}

#[test]
fn closing_ends_a_reader_that_waits_and_what_comes_late_is_counted() {
    explore(3_000, || {
        let bus = ReactiveEventBus::new();
        let reader = {
            let stream = bus.stream(Filter::all());
            thread::spawn(move || read_to_end(stream).len() as u64)
        };
        let emitter = {
            let bus = bus.clone();
            thread::spawn(move || emit_some(&bus, 2))
        };
        let closing = bus.clone();
        let closer = thread::spawn(move || close(&closing));
        emitter.join().unwrap();
        closer.join().unwrap();
        assert_eq!(reader.join().unwrap() + bus.stats().late, 2);
    });
}
