//! The bus: one trait, [`EventBus`], and its implementations.
//!
//! Services emit and go on; whoever subscribes learns what happened: in one order, with every loss told. Emitting
//! never fails, never panics and never waits for a stream, an async handler or a peer.
//!
//! - [`ReactiveEventBus`]: streams, handlers, a recorder; for services.
//! - [`LoggingEventBus`]: one `tracing` event per emission; for serverless runs.
//! - [`NullEventBus`]: nobody listens.
//! - [`FanoutEventBus`]: several as one.
//!
//! ```
//! use std::sync::Arc;
//! use agentbus::event::SessionCreated;
//! use agentbus::{DomainEvent, EventBus, EventBusExt, Filter, ReactiveEventBus};
//!
//! let bus: Arc<dyn EventBus> = Arc::new(ReactiveEventBus::new());
//! let watching = bus.on(Filter::all(), |event| println!("{}", event.event_type()));
//! bus.emit(DomainEvent::new(SessionCreated::new(false)));
//! drop(watching);
//! ```

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::event::{DomainEvent, EventId, EventType, Seq};
use crate::filter::Filter;
use crate::stream::EventStream;

mod aftermath;
mod channel;
mod chunk;
mod clock;
mod close;
mod core;
mod desk;
mod dispatch;
mod ext;
mod fanout;
mod flush;
mod hand;
mod handler;
mod lane;
mod ledger;
mod logging;
mod marks;
mod member;
mod null;
mod order;
mod reactive;
mod recorder;
pub(crate) mod report;
mod ring;
mod route;
mod route_stream;
mod slab;
mod spawn;
mod stats;
mod subscription;
mod within;

pub use close::CloseReport;
#[doc(hidden)]
pub use desk::Desk;
pub use ext::EventBusExt;
pub use fanout::FanoutEventBus;
pub use handler::{EventHandler, HandlerCounts};
pub use ledger::{Ledger, LedgerRow, SubscriberKind};
pub use logging::LoggingEventBus;
pub use null::NullEventBus;
pub use reactive::{ReactiveEventBus, ReactiveEventBusBuilder};
pub use recorder::{RecordError, Recorder};
pub use spawn::{SpawnError, SpawnOptions};
pub use stats::Stats;
pub use subscription::Subscription;

/// Where events go.
///
/// Implementors hold to this: every method may be called from any thread, inside or outside a tokio runtime, also
/// from within a handler; `emit` returns without waiting for a subscriber other than its sync handlers; handlers
/// and streams see events in one order; no lock is held while foreign code runs. The contract suite of the
/// `testing` room checks it.
#[async_trait]
pub trait EventBus: fmt::Debug + Send + Sync {
    /// Announces what happened. Never fails and never panics; the receipt is free to ignore.
    fn emit(&self, event: DomainEvent) -> Receipt;

    /// Announces an event that was put in an `Arc` where it was made, as buses do that share their events: one move of some
    /// hundred bytes less. One that others have too is emitted as a copy.
    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        self.emit(Arc::unwrap_or_clone(event))
    }

    /// Calls `handler` for each later event that passes `filter`, on the emitting thread, until the subscription
    /// is dropped.
    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription;

    /// The later events that pass `filter`, as a stream.
    fn stream(&self, filter: Filter) -> EventStream;

    /// Whether anybody would see an event of that kind; if not, a caller need not build it.
    ///
    /// Services ask while they change, with their state locked: it must neither wait nor call back into them.
    fn is_observed(&self, event_type: EventType) -> bool;

    /// Waits until every handler, async ones too, has returned for what was emitted before the call or given up on
    /// it, and the recorder has recorded it. Streams, and what handlers emit meanwhile, are not waited for.
    ///
    /// # Errors
    /// [`FlushError`] if that cannot come about.
    ///
    /// # Cancel safety
    /// Cancel safe; to bound it, put a timeout around it.
    async fn flush(&self) -> Result<(), FlushError>;
}

#[async_trait]
impl<B: EventBus + ?Sized> EventBus for Arc<B> {
    fn emit(&self, event: DomainEvent) -> Receipt {
        (**self).emit(event)
    }
    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        (**self).emit_arc(event)
    }
    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        (**self).subscribe(filter, handler)
    }
    fn stream(&self, filter: Filter) -> EventStream {
        (**self).stream(filter)
    }
    fn is_observed(&self, event_type: EventType) -> bool {
        (**self).is_observed(event_type)
    }
    async fn flush(&self) -> Result<(), FlushError> {
        (**self).flush().await
    }
}

/// What became of an emission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The id of the event.
    pub id: EventId,
    /// Its place in the order of the bus that first emitted it; none if no bus gave it one.
    pub seq: Option<Seq>,
    /// How many streams and handlers it was offered to.
    pub receivers: usize,
}

impl Receipt {
    /// The receipt for an event, for implementors of [`EventBus`].
    pub fn new(id: EventId, seq: Option<Seq>, receivers: usize) -> Self {
        Self { id, seq, receivers }
    }
}

/// Why what was emitted could not be waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// It was asked for inside an async handler of the same bus, or inside a sync handler of any, on whose return
    /// everything emitted on its thread waits: it would wait for itself.
    #[error("cannot flush a bus from within a handler that it would wait for: spawn a task that does")]
    WithinHandler,
    /// The recorder could not record it.
    #[error("cannot record what was emitted: {reason}")]
    NotRecorded {
        /// What the recorder says.
        reason: String,
    },
}
