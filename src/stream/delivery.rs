//! What a stream yields: [`Delivery`], [`Lag`], and [`Typed`] details.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use crate::event::{Details, DomainEvent, Origin, Turn};

/// An event, or the notice that some were missed.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery<T = Arc<DomainEvent>> {
    /// An event.
    Event(T),
    /// The subscriber was too slow: events were missed before the next one.
    Lagged(Lag),
}

impl<T> Delivery<T> {
    /// The event, unless this is a notice of loss.
    pub fn into_event(self) -> Option<T> {
        match self {
            Self::Event(event) => Some(event),
            Self::Lagged(_) => None,
        }
    }

    /// The event, unless this is a notice of loss.
    pub fn event(&self) -> Option<&T> {
        match self {
            Self::Event(event) => Some(event),
            Self::Lagged(_) => None,
        }
    }

    /// The notice of loss, unless this is an event.
    pub fn lag(&self) -> Option<&Lag> {
        match self {
            Self::Event(_) => None,
            Self::Lagged(lag) => Some(lag),
        }
    }

    /// The same delivery with another event; a notice stays as it is.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Delivery<U> {
        match self {
            Self::Event(event) => Delivery::Event(change(event)),
            Self::Lagged(lag) => Delivery::Lagged(lag),
        }
    }
}

/// What a slow subscriber missed, and between which places it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many events were missed; if not [`exact`](Self::exact), how many at most.
    pub missed: u64,
    /// The bus whose turns these are.
    pub origin: Origin,
    /// The last turn before the loss; none if it reaches back to the start of the subscription.
    pub after: Option<Turn>,
    /// The first turn behind the loss.
    pub before: Option<Turn>,
    /// Whether each event missed would have passed the subscriber's filter. If not, `missed` counts everything on
    /// the route that the subscriber shares with others.
    pub exact: bool,
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_most = if self.exact { "" } else { "at most " };
        write!(f, "missed {at_most}{} events", self.missed)
    }
}

/// Details of one kind, beside the envelope of their event.
pub struct Typed<D> {
    event: Arc<DomainEvent>,
    details: PhantomData<fn() -> D>,
}

impl<D: Details> Typed<D> {
    /// The event as one with details of `D`; gives it back if it has others.
    ///
    /// # Errors
    /// The event itself, if its details are not of `D`.
    pub fn new(event: Arc<DomainEvent>) -> Result<Self, Arc<DomainEvent>> {
        if event.details::<D>().is_none() {
            return Err(event);
        }
        Ok(Self { event, details: PhantomData })
    }

    /// The whole event.
    pub fn event(&self) -> &Arc<DomainEvent> {
        &self.event
    }

    /// Its details.
    #[expect(clippy::missing_panics_doc, reason = "it was checked when this was made")]
    pub fn details(&self) -> &D {
        self.event.details().expect("checked when this was made, and events do not change")
    }
}

impl<D: Details> Deref for Typed<D> {
    type Target = D;
    fn deref(&self) -> &D {
        self.details()
    }
}

impl<D> Clone for Typed<D> {
    fn clone(&self) -> Self {
        Self { event: Arc::clone(&self.event), details: PhantomData }
    }
}

impl<D> PartialEq for Typed<D> {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
    }
}

impl<D> fmt::Debug for Typed<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.event).finish()
    }
}
