//! `tokio::sync::broadcast` as a stream with a filter: a `BroadcastStream`, which each consumer filters by kind or plan.

use std::hint::black_box;
use std::sync::Arc;

use agentbus::event::PlanId;
use agentbus::{DomainEvent, EventType};
use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::{Account, Rival, Wiring, join};
use crate::model::CAPACITY;
use crate::tally::Seat;

pub(crate) struct BroadcastFiltered {
    sender: Sender<Arc<DomainEvent>>,
    tasks: Vec<JoinHandle<()>>,
}

async fn read(receiver: Receiver<Arc<DomainEvent>>, seat: Seat, plan: Option<PlanId>) {
    let mut stream = BroadcastStream::new(receiver).filter(move |item| match (item, &plan) {
        (Ok(event), Some(plan)) => event.plan_id() == Some(plan),
        (Ok(event), None) => event.event_type() == EventType::ToolCompleted,
        (Err(_), _) => true,
    });
    while let Some(item) = stream.next().await {
        match item {
            Ok(event) => {
                black_box(event);
                seat.had(1);
            }
            Err(BroadcastStreamRecvError::Lagged(missed)) => seat.missed(missed),
        }
    }
}

impl Rival for BroadcastFiltered {
    const NAME: &'static str = "tokio BroadcastStream, filter";
    type Publisher = Sender<Arc<DomainEvent>>;

    fn open(wiring: Wiring<'_>) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        let plans: Vec<_> = wiring
            .seats
            .iter()
            .map(|seat| wiring.plan_of(seat).map(|source| source.plan().clone()))
            .collect();
        let spawn = |(seat, plan)| wiring.runtime.spawn(read(sender.subscribe(), seat, plan));
        let tasks = wiring.seats.into_iter().zip(plans).map(spawn).collect();
        Self { sender, tasks }
    }

    fn publishers(&mut self, count: usize) -> Vec<Self::Publisher> {
        vec![self.sender.clone(); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        drop(self.sender);
        join(runtime, self.tasks);
        Account::None
    }
}
