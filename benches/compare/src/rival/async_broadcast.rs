//! `async-broadcast`, where the oldest gives way: each consumer awaits `recv`.

use std::hint::black_box;
use std::sync::Arc;

use agentbus::DomainEvent;
use async_broadcast::{Receiver, RecvError, Sender, broadcast};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{Account, Publish, Rival, Wiring, join};
use crate::model::{CAPACITY, Source};
use crate::tally::Seat;

pub(crate) struct AsyncBroadcast {
    sender: Sender<Arc<DomainEvent>>,
    tasks: Vec<JoinHandle<()>>,
}

async fn read(mut receiver: Receiver<Arc<DomainEvent>>, seat: Seat) {
    loop {
        match receiver.recv_direct().await {
            Ok(event) => {
                black_box(event);
                seat.had(1);
            }
            Err(RecvError::Overflowed(missed)) => seat.missed(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

impl Publish for Sender<Arc<DomainEvent>> {
    fn fresh(&mut self, source: &Source) {
        assert!(self.try_broadcast(source.shared()).is_ok(), "there are receivers");
    }

    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        assert!(self.try_broadcast(Arc::clone(event)).is_ok(), "there are receivers");
    }
}

impl Rival for AsyncBroadcast {
    const NAME: &'static str = "async-broadcast, recv_direct";
    type Publisher = Sender<Arc<DomainEvent>>;

    fn open(wiring: Wiring<'_>) -> Self {
        let (mut sender, receiver) = broadcast(CAPACITY);
        sender.set_overflow(true);
        let spawn = |seat| wiring.runtime.spawn(read(receiver.clone(), seat));
        let tasks = wiring.seats.into_iter().map(spawn).collect();
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
