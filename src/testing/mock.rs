//! [`MockEventBus`]: an event bus that expects calls.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::bus::{EventBus, EventHandler, FlushError, Receipt, Subscription};
use crate::event::{DomainEvent, EventType};
use crate::filter::Filter;
use crate::stream::EventStream;

mockall::mock! {
    /// An event bus that expects calls; see the documentation of `mockall`.
    pub EventBus {}

    impl fmt::Debug for EventBus {
        fn fmt<'a>(&self, f: &mut fmt::Formatter<'a>) -> fmt::Result;
    }

    #[async_trait]
    impl EventBus for EventBus {
        fn emit(&self, event: DomainEvent) -> Receipt;
        fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription;
        fn stream(&self, filter: Filter) -> EventStream;
        fn is_observed(&self, event_type: EventType) -> bool;
        async fn flush(&self) -> Result<(), FlushError>;
    }
}
