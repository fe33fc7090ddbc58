//! `disruptor`: a ring that consumers of a thread each read in place; a publisher waits when it is full.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;

use agentbus::DomainEvent;
use disruptor::wait_strategies::WaitStrategy;
use disruptor::{
    MultiConsumerBarrier, MultiProducer, Producer, Sequence, SingleProducer, build_multi_producer,
    build_single_producer,
};
use tokio::runtime::Handle;

use super::{Account, Publish, Rival, Wiring};
use crate::model::{CAPACITY, Source};
use crate::tally::Seat;

type Slot = Option<Arc<DomainEvent>>;

/// It has the consumers it was built with, and ends with its last publisher.
pub(crate) struct Disruptor(Publisher);

/// One publisher needs no locked instruction.
pub(crate) enum Publisher {
    /// None when it has been handed out.
    Single(Option<SingleProducer<Slot, MultiConsumerBarrier>>),
    Multi(MultiProducer<Slot, MultiConsumerBarrier>),
}

/// Gives the core away while there is nothing to read.
#[derive(Clone, Copy)]
struct Yields;

impl WaitStrategy for Yields {
    fn wait_for(&self, _: Sequence) {
        thread::yield_now();
    }
}

fn consumer(seat: Seat) -> impl FnMut(&Slot, Sequence, bool) + Send + 'static {
    move |slot, _, _| {
        black_box(slot);
        seat.had(1);
    }
}

impl Publisher {
    fn publish(&mut self, event: Arc<DomainEvent>) {
        match self {
            Self::Single(producer) => producer.as_mut().unwrap().publish(|slot| *slot = Some(event)),
            Self::Multi(producer) => producer.publish(|slot| *slot = Some(event)),
        }
    }
}

impl Publish for Publisher {
    fn fresh(&mut self, source: &Source) {
        self.publish(source.shared());
    }

    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        self.publish(Arc::clone(event));
    }
}

impl Rival for Disruptor {
    const NAME: &'static str = "disruptor, yielding";
    type Publisher = Publisher;

    fn open(wiring: Wiring<'_>) -> Self {
        let seats = wiring.seats.into_iter();
        Self(if wiring.publishers == 1 {
            let ring = build_single_producer(CAPACITY, || None, Yields).with_multi_consumer();
            let ring = seats.fold(ring, |ring, seat| ring.handle_events_with(consumer(seat)));
            Publisher::Single(Some(ring.build()))
        } else {
            let ring = build_multi_producer(CAPACITY, || None, Yields).with_multi_consumer();
            let ring = seats.fold(ring, |ring, seat| ring.handle_events_with(consumer(seat)));
            Publisher::Multi(ring.build())
        })
    }

    fn publishers(&mut self, count: usize) -> Vec<Publisher> {
        match &mut self.0 {
            Publisher::Single(producer) => vec![Publisher::Single(producer.take())],
            Publisher::Multi(producer) => (0..count).map(|_| Publisher::Multi(producer.clone())).collect(),
        }
    }

    fn close(self, _: &Handle) -> Account {
        drop(self.0);
        Account::None
    }
}
