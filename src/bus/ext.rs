//! [`EventBusExt`]: what is convenient on every bus.

use std::future::Future;
use std::sync::Arc;

use tokio_stream::StreamExt;

use super::EventBus;
use super::spawn::{AsyncHandler, SpawnError, SpawnOptions};
use super::subscription::Subscription;
use crate::event::DomainEvent;
use crate::filter::{Filter, FilterError};
use crate::stream::{Delivery, EventStream};

/// Conveniences of every [`EventBus`], `dyn` ones too.
pub trait EventBusExt: EventBus {
    /// Calls `handler` for each later event that passes `filter`, on the emitting thread.
    fn on<F>(&self, filter: impl Into<Filter>, handler: F) -> Subscription
    where
        F: Fn(&Arc<DomainEvent>) + Send + Sync + 'static,
    {
        self.subscribe(filter.into(), Arc::new(handler))
    }

    /// Calls `handler` for each later event that passes `filter`, in a task of its own, one event after the other,
    /// behind a bounded queue; see [`SpawnOptions`] for the defaults.
    ///
    /// # Errors
    /// [`SpawnError::NoRuntime`] outside a tokio runtime.
    fn spawn<F, Fut>(&self, filter: impl Into<Filter>, handler: F) -> Result<Subscription, SpawnError>
    where
        F: Fn(Arc<DomainEvent>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.spawn_with(filter, SpawnOptions::default(), handler)
    }

    /// As [`spawn`](Self::spawn), with these options.
    ///
    /// # Errors
    /// [`SpawnError::NoRuntime`] outside a tokio runtime.
    fn spawn_with<F, Fut>(
        &self,
        filter: impl Into<Filter>,
        options: SpawnOptions,
        handler: F,
    ) -> Result<Subscription, SpawnError>
    where
        F: Fn(Arc<DomainEvent>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = AsyncHandler::start(options, handler)?;
        let desk = handler.desk();
        let subscription = self.subscribe(filter.into(), Arc::new(handler));
        // A bus of others need not know desks: dropping the subscription ends the task all the same.
        Ok(subscription.and_then(move || desk.abandon()))
    }

    /// Waits for the first event from now on that passes `filter`, or for a notice of loss; none when the stream
    /// ends. It subscribes when it is called, not when it is first polled.
    ///
    /// # Cancel safety
    /// Cancel safe; dropping it unsubscribes.
    fn wait_for(&self, filter: impl Into<Filter>) -> impl Future<Output = Option<Delivery>> + Send {
        let mut stream = self.stream(filter.into());
        async move { stream.next().await }
    }

    /// The later events that pass the filter of that text, as a stream.
    ///
    /// # Errors
    /// [`FilterError`] with the position of the fault, or if the filter needs history.
    fn watch(&self, filter: &str) -> Result<EventStream, FilterError> {
        let filter: Filter = filter.parse()?;
        if filter.needs_history() {
            return Err(FilterError::NeedsHistory);
        }
        Ok(self.stream(filter))
    }
}

impl<B: EventBus + ?Sized> EventBusExt for B {}
