//! `kameo_actors::pubsub`: an actor that passes on to an actor for each consumer, whatever has room for it.

use std::hint::black_box;
use std::sync::Arc;

use agentbus::DomainEvent;
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::prelude::{Actor, ActorRef, Context, Message, Spawn};
use kameo_actors::DeliveryStrategy;
use kameo_actors::pubsub::{PubSub, Publish as Publishes};
use tokio::runtime::Handle;

use super::{Account, Publish, Rival, Wiring};
use crate::model::{CAPACITY, Source};
use crate::tally::Seat;

type Bus = PubSub<Arc<DomainEvent>>;

pub(crate) struct Kameo {
    bus: ActorRef<Bus>,
    consumers: Vec<ActorRef<Consumer>>,
}

/// A consumer.
struct Consumer(Seat);

impl Actor for Consumer {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(consumer: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(consumer)
    }
}

impl Message<Arc<DomainEvent>> for Consumer {
    type Reply = ();

    async fn handle(&mut self, event: Arc<DomainEvent>, _: &mut Context<Self, ()>) {
        black_box(event);
        self.0.had(1);
    }
}

impl Publish for ActorRef<Bus> {
    fn fresh(&mut self, source: &Source) {
        self.tell(Publishes(source.shared())).blocking_send().unwrap();
    }

    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        self.tell(Publishes(Arc::clone(event))).blocking_send().unwrap();
    }
}

impl Rival for Kameo {
    const NAME: &'static str = "kameo pubsub, BestEffort";
    type Publisher = ActorRef<Bus>;

    fn open(wiring: Wiring<'_>) -> Self {
        let _runtime = wiring.runtime.enter();
        let mut bus = PubSub::new(DeliveryStrategy::BestEffort);
        let spawn = |seat| Consumer::spawn_with_mailbox(Consumer(seat), mailbox::bounded(CAPACITY));
        let consumers: Vec<_> = wiring.seats.into_iter().map(spawn).collect();
        consumers.iter().for_each(|consumer| bus.subscribe(consumer.clone()));
        Self { bus: Bus::spawn_with_mailbox(bus, mailbox::bounded(CAPACITY)), consumers }
    }

    fn publishers(&mut self, count: usize) -> Vec<Self::Publisher> {
        vec![self.bus.clone(); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        runtime.block_on(async {
            self.bus.stop_gracefully().await.unwrap();
            self.bus.wait_for_shutdown().await;
            for consumer in self.consumers {
                // It may have stopped by itself: nobody else refers to it any more.
                consumer.stop_gracefully().await.ok();
                consumer.wait_for_shutdown().await;
            }
        });
        Account::None
    }
}
