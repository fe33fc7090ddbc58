//! Ours: streams, read one event at a time, or as many as are there.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use agentbus::{Delivery, DomainEvent, Emitter, EventBus, EventStream, Filter, ReactiveEventBus};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;

use super::{Account, Publish, Rival, Wiring, join};
use crate::model::{self, Source};
use crate::tally::Seat;

/// As many as a consumer takes at once, if it takes many.
pub(crate) const BATCH: usize = 64;

/// Read by `next`.
pub(crate) struct Ours {
    bus: ReactiveEventBus,
    emitter: Emitter,
    tasks: Vec<JoinHandle<()>>,
}

/// Read by `next_many`.
pub(crate) struct OursInBatches(Ours);

/// The filter of a consumer.
pub(crate) fn filter(wiring: &Wiring<'_>, seat: &Seat) -> Filter {
    wiring.plan_of(seat).map_or_else(Filter::all, |source| Filter::all().plan(source.plan().clone()))
}

fn open<F>(wiring: Wiring<'_>, read: impl Fn(EventStream, Seat) -> F) -> Ours
where
    F: Future<Output = ()> + Send + 'static,
{
    let (bus, emitter) = model::bus();
    let filters: Vec<_> = wiring.seats.iter().map(|seat| filter(&wiring, seat)).collect();
    let seats = wiring.seats.into_iter().zip(filters);
    let tasks = seats.map(|(seat, filter)| wiring.runtime.spawn(read(bus.stream(filter), seat))).collect();
    Ours { bus, emitter, tasks }
}

pub(crate) async fn read(mut stream: EventStream, seat: Seat) {
    while let Some(delivery) = stream.next().await {
        count(&seat, &delivery);
    }
}

async fn read_in_batches(mut stream: EventStream, seat: Seat) {
    loop {
        let deliveries = stream.next_many(BATCH).await;
        if deliveries.is_empty() {
            return;
        }
        for delivery in deliveries {
            count(&seat, &delivery);
        }
    }
}

fn count(seat: &Seat, delivery: &Delivery) {
    match delivery {
        Delivery::Event(event) => {
            black_box(event);
            seat.had(1);
        }
        Delivery::Lagged(lag) => seat.missed(lag.missed),
    }
}

/// What the books of the bus say when all its subscribers are done.
pub(crate) fn books(bus: &ReactiveEventBus) -> Account {
    let ledger = bus.ledger();
    let (mut delivered, mut missed, mut unexplained) = (0, 0, 0);
    for row in ledger.rows.iter().chain([&ledger.departed]) {
        delivered += row.delivered;
        missed += row.missed();
        unexplained += row.offered.abs_diff(row.delivered + row.filtered + row.missed());
    }
    Account::Kept { delivered, missed, unexplained }
}

impl Publish for Emitter {
    fn fresh(&mut self, source: &Source) {
        source.emit(self);
    }

    /// The bus takes events by value: it gets a copy, which it shares itself.
    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        if let Some(bus) = self.bus() {
            bus.emit((**event).clone());
        }
    }
}

impl Rival for Ours {
    const NAME: &'static str = "agentbus, next";
    type Publisher = Emitter;

    fn open(wiring: Wiring<'_>) -> Self {
        open(wiring, read)
    }

    fn publishers(&mut self, count: usize) -> Vec<Emitter> {
        vec![self.emitter.clone(); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        runtime.block_on(self.bus.close(Duration::from_mins(1)));
        join(runtime, self.tasks);
        books(&self.bus)
    }
}

impl Rival for OursInBatches {
    const NAME: &'static str = "agentbus, next_many";
    type Publisher = Emitter;

    fn open(wiring: Wiring<'_>) -> Self {
        Self(open(wiring, read_in_batches))
    }

    fn publishers(&mut self, count: usize) -> Vec<Emitter> {
        self.0.publishers(count)
    }

    fn close(self, runtime: &Handle) -> Account {
        self.0.close(runtime)
    }
}
