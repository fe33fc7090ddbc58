//! What a reader took and what became of it, whoever looks.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use agentbus::bus::LedgerRow;
use agentbus::{Delivery, EventBus, EventBusExt, EventStream, Filter, ReactiveEventBus};
use shuttle::thread;
use tokio_stream::Stream;

use crate::{chatter, critical, explore, join_all, seq_of};

/// Reads up to `at_most` things that are there; returns events and how many were missed.
fn read_some(stream: &mut EventStream, at_most: usize) -> (u64, u64) {
    let (mut read, mut missed, mut last) = (0, 0, 0);
    for _ in 0..at_most {
        match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Delivery::Event(event))) => {
                read += 1;
                assert!(seq_of(&event) > last, "they come in the order of their turns");
                last = seq_of(&event);
            }
            Poll::Ready(Some(Delivery::Lagged(lag))) => missed += lag.missed,
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    (read, missed)
}

fn emit_in_both_lanes(bus: &ReactiveEventBus) {
    for _ in 0..3 {
        bus.emit(chatter().with_plan_id("p"));
        bus.emit(critical().with_plan_id("q"));
    }
}

fn departed(bus: &ReactiveEventBus) -> LedgerRow {
    bus.ledger().departed
}

#[test]
fn a_stream_that_is_dropped_with_a_full_hand_leaves_an_exact_account() {
    explore(3_000, || {
        // Rings that are overrun, one place a chunk among the critical.
        let bus = ReactiveEventBus::builder().capacity(4).build();
        let mut stream = bus.stream(Filter::all());
        let reader = thread::spawn(move || {
            let read = read_some(&mut stream, 3);
            drop(stream);
            read
        });
        let emitter = {
            let bus = bus.clone();
            thread::spawn(move || emit_in_both_lanes(&bus))
        };
        let onlooker = {
            let bus = bus.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    let ledger = bus.ledger();
                    assert!(ledger.is_balanced(), "{ledger:?}");
                }
            })
        };
        let (read, missed) = reader.join().unwrap();
        join_all([emitter, onlooker]);
        let row = departed(&bus);
        assert_eq!(row.delivered, read, "{row:?}");
        assert!(row.overrun >= missed, "{row:?}");
        assert!(row.is_balanced(), "{row:?}");
    });
}

#[test]
fn readers_that_share_chunks_each_read_or_are_told_of_everything() {
    explore(3_000, || {
        let bus = ReactiveEventBus::builder().capacity(4).build();
        // Both on the route of everything.
        let readers = ["*", "plan=p,r"].map(|filter| {
            let mut stream = bus.watch(filter).unwrap();
            thread::spawn(move || {
                let begun = read_some(&mut stream, 2);
                (filter, stream, begun)
            })
        });
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let bus = bus.clone();
                thread::spawn(move || emit_in_both_lanes(&bus))
            })
            .collect();
        join_all(emitters);
        for reader in readers {
            let (filter, mut stream, begun) = reader.join().unwrap();
            let rest = read_some(&mut stream, 1_000);
            let ledger = bus.ledger();
            let row = ledger.rows.iter().find(|row| row.name == filter).unwrap();
            assert_eq!((row.delivered, row.overrun), (begun.0 + rest.0, begun.1 + rest.1), "{row:?}");
            assert_eq!((row.offered, row.pending), (12, 0), "{row:?}");
            assert!(row.is_balanced(), "{row:?}");
        }
    });
}
