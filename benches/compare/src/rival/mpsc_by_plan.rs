//! A `tokio::sync::mpsc` channel for each plan, found in a map: the least that a stream on its own plan could be. One
//! consumer each, no loss told, no order between plans.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use agentbus::DomainEvent;
use agentbus::event::PlanId;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::{Account, Publish, Rival, Wiring, join};
use crate::model::{CAPACITY, Source};
use crate::tally::Seat;

pub(crate) struct MpscByPlan {
    senders: Senders,
    tasks: Vec<JoinHandle<()>>,
}

type Senders = Arc<HashMap<PlanId, Sender<Arc<DomainEvent>>>>;

async fn read(mut receiver: Receiver<Arc<DomainEvent>>, seat: Seat) {
    while let Some(event) = receiver.recv().await {
        black_box(event);
        seat.had(1);
    }
}

fn send(senders: &Senders, event: Arc<DomainEvent>) {
    let sender = event.plan_id().and_then(|plan| senders.get(plan)).expect("each plan has a consumer");
    assert!(sender.try_send(event).is_ok(), "there is room");
}

impl Publish for Senders {
    fn fresh(&mut self, source: &Source) {
        send(self, source.shared());
    }

    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        send(self, Arc::clone(event));
    }
}

impl Rival for MpscByPlan {
    const NAME: &'static str = "a tokio mpsc channel for each plan";
    type Publisher = Senders;

    fn open(wiring: Wiring<'_>) -> Self {
        let plans: Vec<_> = wiring
            .seats
            .iter()
            .map(|seat| wiring.plan_of(seat).expect("each consumer wants its own plan").plan().clone())
            .collect();
        let (mut senders, mut tasks) = (HashMap::new(), Vec::new());
        for (seat, plan) in wiring.seats.into_iter().zip(plans) {
            let (sender, receiver) = mpsc::channel(CAPACITY);
            senders.insert(plan, sender);
            tasks.push(wiring.runtime.spawn(read(receiver, seat)));
        }
        Self { senders: Arc::new(senders), tasks }
    }

    fn publishers(&mut self, count: usize) -> Vec<Self::Publisher> {
        vec![Arc::clone(&self.senders); count]
    }

    fn close(self, runtime: &Handle) -> Account {
        drop(self.senders);
        join(runtime, self.tasks);
        Account::None
    }
}
