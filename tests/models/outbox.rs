//! The outbox: events leave in the order of the changes, whoever emits them.

use std::sync::Arc;

use agentbus::event::{Hash, ToolCompleted};
use agentbus::testing::MemoryRecorder;
use agentbus::{DomainEvent, Emitter, EventBusExt, EventType, Outbox, ReactiveEventBus};
use shuttle::thread;

use crate::{explore, join_all};

/// A count, and an event for each step of it.
type Counter = Outbox<u32>;

fn counter() -> (ReactiveEventBus, MemoryRecorder, Arc<Counter>) {
    let recorder = MemoryRecorder::new();
    let bus = ReactiveEventBus::builder().journal(recorder.clone()).build();
    let counter = Outbox::new(0, Emitter::new(Some(Arc::new(bus.clone()))));
    (bus, recorder, Arc::new(counter))
}

fn step(counter: &Counter) {
    counter.change(|count, events| {
        *count += 1;
        let count = *count;
        events.emit(|| ToolCompleted::new("step", "call", count, 0, 0, Hash::from_bytes([0; 32]), false));
    });
}

fn count_of(event: &DomainEvent) -> u32 {
    event.details::<ToolCompleted>().expect("only steps are emitted").attempts
}

/// What was recorded, which must be every step once, in order.
fn assert_all_steps(recorder: &MemoryRecorder, steps: u32) {
    let counts: Vec<_> = recorder.events().iter().map(|event| count_of(event)).collect();
    assert_eq!(counts, (1..=steps).collect::<Vec<_>>());
}

#[test]
fn events_leave_in_the_order_of_changes_and_none_stays_behind() {
    explore(3_000, || {
        let (_bus, recorder, counter) = counter();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || (0..2).for_each(|_| step(&counter)))
            })
            .collect();
        join_all(threads);
        assert_eq!(counter.read(|count| *count), 6);
        assert_all_steps(&recorder, 6);
    });
}

#[test]
fn a_handler_that_changes_the_same_outbox_again_keeps_the_order() {
    explore(3_000, || {
        let (bus, recorder, counter) = counter();
        let again = Arc::clone(&counter);
        let handler = bus.on(EventType::ToolCompleted, move |event| {
            if count_of(event) <= 2 {
                step(&again);
            }
        });
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || (0..2).for_each(|_| step(&counter)))
            })
            .collect();
        join_all(threads);
        drop(handler);
        assert_all_steps(&recorder, 6);
        assert_eq!(bus.stats().failed, 0);
    });
}
