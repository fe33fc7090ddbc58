//! The rivals: one module for each, all behind [`Rival`].

use std::sync::Arc;

use agentbus::DomainEvent;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::model::Source;
use crate::tally::Seat;

pub(crate) mod abxbus;
pub(crate) mod async_broadcast;
pub(crate) mod broadcast;
pub(crate) mod broadcast_filtered;
pub(crate) mod closures;
pub(crate) mod disruptor;
pub(crate) mod kameo;
pub(crate) mod mpsc_by_plan;
pub(crate) mod ours;
pub(crate) mod ours_spawned;
pub(crate) mod ours_threaded;
pub(crate) mod python;
pub(crate) mod rxrust;

/// A way to hand events from publishers to consumers that run beside them.
pub(crate) trait Rival: Sized {
    /// As it is called in tables.
    const NAME: &'static str;

    type Publisher: Publish;

    /// Opens it with a consumer on each seat, all of them listening when this returns.
    fn open(wiring: Wiring<'_>) -> Self;

    /// Something to publish with, for each of as many threads.
    fn publishers(&mut self, count: usize) -> Vec<Self::Publisher>;

    /// Waits until every consumer has had what it will ever have. The publishers are gone.
    fn close(self, runtime: &Handle) -> Account;
}

/// What a rival is opened with.
pub(crate) struct Wiring<'a> {
    pub(crate) runtime: &'a Handle,
    pub(crate) seats: Vec<Seat>,
    /// How many threads are to publish.
    pub(crate) publishers: usize,
    /// If set, the consumer on seat `n` wants the events of source `n` alone; else all of them.
    pub(crate) own_plans: Option<&'a [Source]>,
}

impl Wiring<'_> {
    /// The source whose plan the consumer on that seat wants alone.
    pub(crate) fn plan_of(&self, seat: &Seat) -> Option<&Source> {
        self.own_plans.map(|sources| &sources[seat.place()])
    }
}

/// What a rival says itself of what became of events.
pub(crate) enum Account {
    /// It keeps none.
    None,
    /// Ours does: delivered and missed by its own books, and how much these leave unexplained.
    Kept { delivered: u64, missed: u64, unexplained: u64 },
}

/// The publishing end, for one thread.
pub(crate) trait Publish: Send {
    /// Builds the next event and publishes it.
    fn fresh(&mut self, source: &Source);

    /// Publishes an event that is built.
    fn prebuilt(&mut self, event: &Arc<DomainEvent>);
}

/// Waits for the consumers' tasks.
fn join(runtime: &Handle, tasks: Vec<JoinHandle<()>>) {
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}
