//! Ours: async handlers, each in a task of its own behind a queue.

use std::hint::black_box;
use std::time::Duration;

use agentbus::{Emitter, EventBusExt, ReactiveEventBus, SpawnOptions, Subscription};
use tokio::runtime::Handle;

use super::{Account, Rival, Wiring, ours};
use crate::model::{self, CAPACITY};

pub(crate) struct OursSpawned {
    bus: ReactiveEventBus,
    emitter: Emitter,
    handlers: Vec<Subscription>,
}

impl Rival for OursSpawned {
    const NAME: &'static str = "agentbus, spawned handlers";
    type Publisher = Emitter;

    fn open(wiring: Wiring<'_>) -> Self {
        let (bus, emitter) = model::bus();
        let _runtime = wiring.runtime.enter();
        let spawn = |seat: crate::tally::Seat| {
            let seat = std::sync::Arc::new(seat);
            bus.spawn_with(agentbus::Filter::all(), SpawnOptions::default().queue(CAPACITY), move |event| {
                let seat = std::sync::Arc::clone(&seat);
                async move {
                    black_box(event);
                    seat.had(1);
                }
            })
            .unwrap()
        };
        let handlers = wiring.seats.into_iter().map(spawn).collect();
        Self { bus, emitter, handlers }
    }

    fn publishers(&mut self, count: usize) -> Vec<Emitter> {
        vec![self.emitter.clone(); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        runtime.block_on(self.bus.close(Duration::from_mins(1)));
        drop(self.handlers);
        ours::books(&self.bus)
    }
}
