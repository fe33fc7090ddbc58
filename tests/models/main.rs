//! Models of our own synchronisation: shuttle runs each under thousands of schedules.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --test models --target-dir target/shuttle`; without that flag there is
//! nothing here. A model that fails prints its schedule, for `shuttle::replay`. A thread that waits for ever, as one
//! whose wake-up was lost, is found as a deadlock.

#![cfg(shuttle)]

mod desk;
mod groups;
mod handlers;
mod hands;
mod order;
mod outbox;
mod parked;
mod routes;
mod share;

use std::time::Duration;

use agentbus::event::{SessionCreated, ToolErrorKind, ToolErrored};
use agentbus::{Delivery, DomainEvent, EventBus, EventStream, Redactor};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::JoinHandle;
use shuttle::{Config, MaxSteps, Runner};
use tokio_stream::StreamExt;

/// How many preemptions the second half of the schedules has: where a fault needs few, it finds it sooner.
const PREEMPTIONS: usize = 3;

/// How long one half may take, should the machine be slow: then it runs fewer schedules.
const MAX_TIME: Duration = Duration::from_secs(4);

/// Runs `model` under so many random schedules, and as many with few preemptions.
fn explore(schedules: usize, model: fn()) {
    // Compiled here, on a stack that is large enough.
    drop(Redactor::new());
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.max_time = Some(MAX_TIME);
    config.max_steps = MaxSteps::FailAfter(50_000);
    Runner::new(RandomScheduler::new(schedules), config.clone()).run(model);
    Runner::new(PctScheduler::new(PREEMPTIONS, schedules), config).run(model);
}

/// An event that travels among the chatter.
fn chatter() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

/// An event that is critical.
fn critical() -> DomainEvent {
    DomainEvent::new(ToolErrored::new("tool", "call", "failed", ToolErrorKind::Failed, 1, 0))
}

/// Waits for the threads of a model; what panicked in one fails the model.
fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a thread that panics fails its model");
    }
}

fn seq_of(event: &DomainEvent) -> u64 {
    event.seq().expect("it was emitted").get()
}

/// The seqs of everything to the end of the stream.
fn read_to_end(mut stream: EventStream) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(delivery) = shuttle::future::block_on(stream.next()) {
        seqs.push(seq_of(&told(delivery)));
    }
    seqs
}

/// The event of a delivery from a ring that is large enough.
fn told(delivery: Delivery) -> std::sync::Arc<DomainEvent> {
    delivery.into_event().expect("nothing is overrun")
}

/// Emits `count` events that alternate between the lanes.
fn emit_some(bus: &dyn EventBus, count: usize) {
    for number in 0..count {
        bus.emit(if number % 2 == 0 { chatter() } else { critical() });
    }
}
