//! [`EventHandler`]: what a bus calls.

use std::any::type_name;
use std::borrow::Cow;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use super::desk::Desk;
use crate::event::{DomainEvent, Turn};

/// Something that is called for each event; also every `Fn(&Arc<DomainEvent>)`.
///
/// A handler runs on the emitting thread, so its time is the emitter's: it must not wait. One call over 10 ms, with what
/// those just before it took within a tick of the system's clock, is counted and logged by name. It may emit, subscribe,
/// unsubscribe and drop the bus; what it emits reaches handlers after all handlers of the current event have returned. A
/// panic is caught, counted and logged, and harms nobody.
///
/// A handler that only takes notice here and works elsewhere joins the bus's ledger and `flush` by
/// [`counts`](Self::counts) and [`idle`](Self::idle); those made by
/// [`EventBusExt::spawn`](super::EventBusExt::spawn) do.
pub trait EventHandler: Send + Sync {
    /// Takes notice of an event.
    fn handle(&self, event: &Arc<DomainEvent>);

    /// What the log calls it.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(type_name::<Self>())
    }

    /// What became of the events it took notice of, if it works on them elsewhere.
    ///
    /// Called in the bus's order section: it must only read, and not call back into a bus.
    fn counts(&self) -> Option<HandlerCounts> {
        None
    }

    /// Waits until it is done with, or has given up on, everything up to and including `through`.
    ///
    /// Implementors must be cancel safe, and must come to an end when the handler does.
    fn idle(&self, through: Turn) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let _ = through;
        Box::pin(ready(()))
    }

    /// Where a bus of this crate puts events in their order, instead of calling `handle`.
    #[doc(hidden)]
    fn desk(&self) -> Option<&Desk> {
        None
    }
}

impl<F: Fn(&Arc<DomainEvent>) + Send + Sync> EventHandler for F {
    fn handle(&self, event: &Arc<DomainEvent>) {
        self(event);
    }
}

/// What became of the events that a handler with a queue of its own took notice of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandlerCounts {
    /// Events whose handling began.
    pub delivered: u64,
    /// Of those: how many failed, by a panic or by running out of time.
    pub failed: u64,
    /// Events overrun in the queue.
    pub overrun: u64,
    /// Events passed over while suspended.
    pub skipped: u64,
    /// Events given up when the handler ended.
    pub abandoned: u64,
    /// Events that wait.
    pub pending: u64,
}
