//! [`EventHandler`]: what a bus calls.

use std::any::type_name;
use std::borrow::Cow;
use std::sync::Arc;

use crate::event::DomainEvent;

/// Something that is called for each event; also every `Fn(&Arc<DomainEvent>)`.
///
/// A handler runs on the emitting thread, so its time is the emitter's: it must not wait. One call over 10 ms is
/// counted and logged by name. It may emit, subscribe, unsubscribe and drop the bus; what it emits reaches handlers
/// after all handlers of the current event have returned. A panic is caught, counted and logged, and harms nobody.
pub trait EventHandler: Send + Sync {
    /// Takes notice of an event.
    fn handle(&self, event: &Arc<DomainEvent>);

    /// What the log calls it.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(type_name::<Self>())
    }
}

impl<F: Fn(&Arc<DomainEvent>) + Send + Sync> EventHandler for F {
    fn handle(&self, event: &Arc<DomainEvent>) {
        self(event);
    }
}
