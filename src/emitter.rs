//! How a service announces what it did: [`Emitter`], and [`Outbox`], which keeps events in the order of changes.
//!
//! A service must work the same with a bus, without one, and with one that nobody listens to. An [`Emitter`] is all
//! three in one place: what it is asked to emit is built only if somebody observes that kind. An [`Outbox`] guards
//! the state of a service; each change says which events tell of it, and they leave in the order of the changes,
//! after the lock is released.
//!
//! ```
//! use agentbus::emitter::{Emitter, Outbox};
//! use agentbus::event::{Scope, SessionCreated};
//!
//! let sessions = Outbox::new(0_u32, Emitter::none());
//! let count = sessions.change(|open, events| {
//!     *open += 1;
//!     events.emit_in(&Scope::current().with_session_id("s-1"), || SessionCreated::new(false));
//!     *open
//! });
//! assert_eq!(count, 1);
//! ```

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::bus::{EventBus, report};
use crate::event::{CorrelationId, Details, DomainEvent, EventType, Scope};

mod outbox;

pub use outbox::{Changes, Outbox};

/// A bus, or none.
#[derive(Clone, Debug, Default)]
pub struct Emitter {
    bus: Option<Arc<dyn EventBus>>,
}

impl Emitter {
    /// Emits to `bus`, if there is one.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { bus }
    }

    /// Emits nowhere.
    pub const fn none() -> Self {
        Self { bus: None }
    }

    /// The bus.
    pub fn bus(&self) -> Option<&Arc<dyn EventBus>> {
        self.bus.as_ref()
    }

    /// Whether anybody observes the kind of `D`.
    pub fn is_observed<D: Details>(&self) -> bool {
        self.bus.as_ref().is_some_and(|bus| observes(&**bus, D::TYPE))
    }

    /// Emits these details in the current scope. They are made only if somebody observes their kind.
    #[inline]
    pub fn emit<D: Details>(&self, details: impl FnOnce() -> D) {
        if let Some(bus) = &self.bus {
            emit_observed(&**bus, D::TYPE, || DomainEvent::new(details()));
        }
    }

    /// Emits these details in `scope`. They are made only if somebody observes their kind.
    #[inline]
    pub fn emit_in<D: Details>(&self, scope: &Scope, details: impl FnOnce() -> D) {
        if let Some(bus) = &self.bus {
            emit_observed(&**bus, D::TYPE, || DomainEvent::new_in(scope, details()));
        }
    }

    /// Emits an opening event in `scope` and returns the scope of what happens inside: caused by that event, with
    /// one correlation. If nobody observes the kind, the cause stays that of `scope`.
    pub fn open<D: Details>(&self, scope: &Scope, details: impl FnOnce() -> D) -> Scope {
        let (inside, event) = self.opening(scope, details);
        if let (Some(event), Some(bus)) = (event, &self.bus) {
            send(&**bus, D::TYPE, || event);
        }
        inside
    }

    fn opening<D: Details>(
        &self,
        scope: &Scope,
        details: impl FnOnce() -> D,
    ) -> (Scope, Option<DomainEvent>) {
        let mut inside = scope.clone();
        if self.is_observed::<D>() {
            let event = DomainEvent::new_in(scope, details());
            inside = inside.with_correlation_id(event.correlation_id().clone()).with_causation_id(event.id());
            return (inside, Some(event));
        }
        if self.bus.is_some() && inside.correlation_id().is_none() {
            inside = inside.with_correlation_id(CorrelationId::generate());
        }
        (inside, None)
    }
}

/// Whether somebody observes that kind on `bus`. A foreign bus that panics may have somebody: it is asked while a service
/// is about to change, which must come to its end.
#[inline]
fn observes(bus: &dyn EventBus, event_type: EventType) -> bool {
    catch_unwind(AssertUnwindSafe(|| bus.is_observed(event_type))).unwrap_or_else(|panic| {
        drop(report::panic_message(panic));
        true
    })
}

/// Emits what `make` makes, if somebody observes that kind. Kept out of its callers: without a bus, an emission is a
/// branch there and no more.
#[inline(never)]
fn emit_observed(bus: &dyn EventBus, event_type: EventType, make: impl FnOnce() -> DomainEvent) {
    if observes(bus, event_type) {
        send(bus, event_type, make);
    }
}

/// Makes an event and emits it, and holds off a panic of a foreign bus: no service fails because of its bus. It is made
/// where it is handed over, since each move of it is a copy of some hundred bytes.
fn send(bus: &dyn EventBus, event_type: EventType, make: impl FnOnce() -> DomainEvent) {
    let is_made = Cell::new(false);
    let emitted = catch_unwind(AssertUnwindSafe(|| {
        let event = Arc::new(make());
        is_made.set(true);
        bus.emit_arc(event);
    }));
    if let Err(panic) = emitted {
        if !is_made.get() {
            // That of the details, which the caller makes.
            resume_unwind(panic);
        }
        drop(report::panic_message(panic));
        report::quietly(|| tracing::error!(target: "agentbus::emitter", %event_type, "event_bus_panicked"));
    }
}
