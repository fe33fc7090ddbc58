//! `tokio::sync::broadcast`, bare: each consumer awaits `recv`, and compares the plan itself if it wants only its own.

use std::hint::black_box;
use std::sync::Arc;

use agentbus::DomainEvent;
use agentbus::event::PlanId;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::{Account, Publish, Rival, Wiring, join};
use crate::model::{CAPACITY, Source};
use crate::tally::Seat;

pub(crate) struct Broadcast {
    sender: Sender<Arc<DomainEvent>>,
    tasks: Vec<JoinHandle<()>>,
}

async fn read(mut receiver: Receiver<Arc<DomainEvent>>, seat: Seat) {
    loop {
        match receiver.recv().await {
            Ok(event) => {
                black_box(event);
                seat.had(1);
            }
            Err(RecvError::Lagged(missed)) => seat.missed(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

async fn read_of_plan(mut receiver: Receiver<Arc<DomainEvent>>, seat: Seat, plan: PlanId) {
    loop {
        match receiver.recv().await {
            Ok(event) if event.plan_id() == Some(&plan) => {
                black_box(event);
                seat.had(1);
            }
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => seat.missed(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

impl Publish for Sender<Arc<DomainEvent>> {
    fn fresh(&mut self, source: &Source) {
        assert!(self.send(source.shared()).is_ok(), "there are receivers");
    }

    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        assert!(self.send(Arc::clone(event)).is_ok(), "there are receivers");
    }
}

impl Rival for Broadcast {
    const NAME: &'static str = "tokio broadcast, recv";
    type Publisher = Sender<Arc<DomainEvent>>;

    fn open(wiring: Wiring<'_>) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        let plans: Vec<_> = wiring
            .seats
            .iter()
            .map(|seat| wiring.plan_of(seat).map(|source| source.plan().clone()))
            .collect();
        let spawn = |(seat, plan): (Seat, Option<PlanId>)| match plan {
            Some(plan) => wiring.runtime.spawn(read_of_plan(sender.subscribe(), seat, plan)),
            None => wiring.runtime.spawn(read(sender.subscribe(), seat)),
        };
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
