//! [`NullEventBus`]: nobody listens.

use std::sync::Arc;

use async_trait::async_trait;

use super::handler::EventHandler;
use super::subscription::Subscription;
use super::{EventBus, FlushError, Receipt};
use crate::event::{DomainEvent, EventType};
use crate::filter::Filter;
use crate::stream::EventStream;

/// A bus that takes everything and tells nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NullEventBus;

impl NullEventBus {
    /// The bus.
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl EventBus for NullEventBus {
    fn emit(&self, event: DomainEvent) -> Receipt {
        Receipt::new(event.id(), event.seq(), 0)
    }

    fn subscribe(&self, _filter: Filter, _handler: Arc<dyn EventHandler>) -> Subscription {
        Subscription::none()
    }

    fn stream(&self, _filter: Filter) -> EventStream {
        EventStream::ended()
    }

    fn is_observed(&self, _event_type: EventType) -> bool {
        false
    }

    async fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }
}
