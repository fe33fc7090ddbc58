//! Streams of events: [`EventStream`], what it yields, and the operators of [`Rx`].
//!
//! A stream yields [`Delivery`]s: events in the order of their bus, and [`Lag`] notices where it was too slow and
//! missed some. Loss is a value, never an error and never the end; after it the stream goes on. A stream ends when
//! its bus is closed or dropped and everything emitted before has been yielded. Dropping it unsubscribes.
//!
//! ```
//! use agentbus::event::{SessionCreated, ToolErrored};
//! use agentbus::{Delivery, DomainEvent, EventBus, EventType, Filter, ReactiveEventBus};
//! use tokio_stream::StreamExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let bus = ReactiveEventBus::new();
//! let mut sessions = bus.stream(Filter::from(EventType::SessionCreated));
//! bus.emit(DomainEvent::new(SessionCreated::new(false)));
//! match sessions.next().await {
//!     Some(Delivery::Event(event)) => assert_eq!(event.event_type(), EventType::SessionCreated),
//!     Some(Delivery::Lagged(lag)) => println!("missed {} events", lag.missed),
//!     None => println!("the bus is closed"),
//! }
//! # }
//! ```

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;

use self::source::Foreign;

mod delivery;
pub mod rx;
mod source;
mod views;

pub use delivery::{Delivery, Lag, Typed};
pub use rx::{Correlated, Heard, Rx, StreamRx};
pub(crate) use source::{Handed, Source};
pub use views::{Events, EventsOr, Of};

/// A stream of what a bus delivers to one subscriber.
///
/// Dropping it unsubscribes; it is fused: after its end it stays at its end.
#[must_use = "a dropped stream is unsubscribed"]
pub struct EventStream {
    /// `None` after the end, so that an ended stream keeps nothing of its bus.
    source: Option<Box<dyn Source>>,
}

impl EventStream {
    /// A stream that yields what `stream` does, for implementors of `EventBus`.
    pub fn new(stream: impl Stream<Item = Delivery> + Send + 'static) -> Self {
        Self::from_source(Foreign::new(Box::pin(stream)))
    }

    /// A stream that is at its end.
    pub fn ended() -> Self {
        Self { source: None }
    }

    pub(crate) fn from_source(source: impl Source + 'static) -> Self {
        Self { source: Some(Box::new(source)) }
    }

    /// Waits for a delivery and takes as many as are ready, `at_most` of them; an empty `Vec` means the end.
    ///
    /// # Cancel safety
    /// Cancel safe: what was not returned was not taken.
    pub async fn next_many(&mut self, at_most: impl Count) -> Vec<Delivery> {
        let at_most = at_most.at_least_one();
        let mut taken = Vec::new();
        poll_fn(|cx| self.poll_many(cx, at_most, &mut taken)).await;
        taken
    }

    fn poll_many(
        &mut self,
        cx: &mut Context<'_>,
        at_most: NonZeroUsize,
        into: &mut Vec<Delivery>,
    ) -> Poll<usize> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(0);
        };
        let polled = source.poll_many(cx, at_most, into);
        if polled == Poll::Ready(0) {
            self.source = None;
        }
        polled
    }

    /// The events alone: loss is passed over, knowingly.
    pub fn events(self) -> Events {
        Events::new(self)
    }

    /// The events alone; `on_lag` hears of each loss.
    pub fn events_or<F: FnMut(Lag)>(self, on_lag: F) -> EventsOr<F> {
        EventsOr::new(self, on_lag)
    }

    /// The events of the kind of `D`, as their details beside their envelope; loss is kept.
    pub fn of<D: crate::event::Details>(self) -> Of<D> {
        Of::new(self)
    }
}

impl Stream for EventStream {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        match source.poll_next(cx) {
            Poll::Ready(Some(handed)) => return Poll::Ready(Some(handed.into())),
            Poll::Ready(None) => {
                self.source = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if source.only_waits() {
            rx::say_idle();
        }
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.as_ref().map_or((0, Some(0)), |source| source.size_hint())
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.source.is_none()).finish()
    }
}

/// How many: a `NonZeroUsize`, or a `usize` of which 0 counts as 1.
pub trait Count {
    /// That many, at least one.
    fn at_least_one(self) -> NonZeroUsize;
}

impl Count for usize {
    fn at_least_one(self) -> NonZeroUsize {
        NonZeroUsize::new(self).unwrap_or(NonZeroUsize::MIN)
    }
}

impl Count for NonZeroUsize {
    fn at_least_one(self) -> NonZeroUsize {
        self
    }
}
