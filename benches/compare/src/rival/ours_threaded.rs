//! Ours: streams, each read by a thread of its own.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use agentbus::{Emitter, EventBus, ReactiveEventBus};
use tokio::runtime::{Builder, Handle};

use super::{Account, Rival, Wiring, ours};
use crate::model;

pub(crate) struct OursThreaded {
    bus: ReactiveEventBus,
    emitter: Emitter,
    threads: Vec<JoinHandle<()>>,
}

impl Rival for OursThreaded {
    const NAME: &'static str = "agentbus, next";
    type Publisher = Emitter;

    fn open(wiring: Wiring<'_>) -> Self {
        let (bus, emitter) = model::bus();
        let filters: Vec<_> = wiring.seats.iter().map(|seat| ours::filter(&wiring, seat)).collect();
        let spawn = |(seat, filter)| {
            let reading = ours::read(bus.stream(filter), seat);
            thread::spawn(move || Builder::new_current_thread().build().unwrap().block_on(reading))
        };
        let threads = wiring.seats.into_iter().zip(filters).map(spawn).collect();
        Self { bus, emitter, threads }
    }

    fn publishers(&mut self, count: usize) -> Vec<Emitter> {
        vec![self.emitter.clone(); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        runtime.block_on(self.bus.close(Duration::from_mins(1)));
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        ours::books(&self.bus)
    }
}
