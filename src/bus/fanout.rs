//! [`FanoutEventBus`]: several buses as one.

use std::sync::Arc;

use async_trait::async_trait;

use super::handler::EventHandler;
use super::subscription::Subscription;
use super::{EventBus, FlushError, Receipt};
use crate::event::{DomainEvent, EventType};
use crate::filter::Filter;
use crate::stream::EventStream;

/// Emits to the first bus, and a clone of the event to each of the others.
///
/// Streams, subscriptions and receipts are those of the first; flushing waits for all. Each bus gives the event a
/// place in its own order. The others get theirs before the first: what a handler of the first emits comes behind.
#[derive(Clone, Debug)]
pub struct FanoutEventBus {
    first: Arc<dyn EventBus>,
    others: Vec<Arc<dyn EventBus>>,
}

impl FanoutEventBus {
    /// `first` and `others` as one bus.
    pub fn new(first: Arc<dyn EventBus>, others: impl IntoIterator<Item = Arc<dyn EventBus>>) -> Self {
        Self { first, others: others.into_iter().collect() }
    }
}

#[async_trait]
impl EventBus for FanoutEventBus {
    fn emit(&self, event: DomainEvent) -> Receipt {
        self.emit_arc(Arc::new(event))
    }

    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        let observers = self.others.iter().filter(|bus| bus.is_observed(event.event_type()));
        for bus in observers {
            bus.emit(DomainEvent::clone(&event));
        }
        self.first.emit_arc(event)
    }

    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        self.first.subscribe(filter, handler)
    }

    fn stream(&self, filter: Filter) -> EventStream {
        self.first.stream(filter)
    }

    fn is_observed(&self, event_type: EventType) -> bool {
        self.first.is_observed(event_type) || self.others.iter().any(|bus| bus.is_observed(event_type))
    }

    /// Flushes all, each whatever becomes of the others; the first error is returned.
    async fn flush(&self) -> Result<(), FlushError> {
        let mut outcome = self.first.flush().await;
        for bus in &self.others {
            let flushed = bus.flush().await;
            outcome = outcome.and(flushed);
        }
        outcome
    }
}
