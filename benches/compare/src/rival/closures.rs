//! Closures in a list behind an `ArcSwap`, called on the publisher's thread: the least that inline handlers could be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use agentbus::DomainEvent;
use arc_swap::ArcSwap;

type Call = Box<dyn Fn(&Arc<DomainEvent>) + Send + Sync>;

pub(crate) struct Closures {
    calls: ArcSwap<Vec<Call>>,
}

impl Closures {
    pub(crate) fn new(calls: Vec<Call>) -> Self {
        Self { calls: ArcSwap::from_pointee(calls) }
    }

    pub(crate) fn publish(&self, event: &Arc<DomainEvent>) {
        for call in self.calls.load().iter() {
            call(event);
        }
    }

    /// As [`publish`](Self::publish); a panic harms nobody else.
    pub(crate) fn publish_caught(&self, event: &Arc<DomainEvent>) {
        for call in self.calls.load().iter() {
            drop(catch_unwind(AssertUnwindSafe(|| call(event))));
        }
    }
}
