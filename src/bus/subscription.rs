//! [`Subscription`]: a handler's place at a bus.

use std::fmt;

use crate::sync::{Mutex, lock};

/// Keeps a handler subscribed; dropping it unsubscribes.
///
/// When the drop returns, the handler is given nothing more, and the bus keeps no reference to it but in the calls under
/// way on other threads: that goes when these are over. A call that has begun
/// on another thread finishes; it stands on the handler's account as delivered, also while it is still on its way in.
#[must_use = "a dropped subscription is unsubscribed; `detach` leaves it for the life of the bus"]
pub struct Subscription {
    /// Taken by whoever ends the subscription first; the lock is held for that move alone.
    on_end: Mutex<Option<OnEnd>>,
}

/// Of an implementor of `EventBus`, so foreign.
type OnEnd = Box<dyn FnOnce() + Send>;

impl Subscription {
    /// A subscription that runs `on_end` once, when it is dropped or unsubscribed; for implementors of `EventBus`.
    pub fn new(on_end: impl FnOnce() + Send + 'static) -> Self {
        Self { on_end: Mutex::new(Some(Box::new(on_end))) }
    }

    /// A subscription to nothing: there is nobody to unsubscribe.
    pub fn none() -> Self {
        Self { on_end: Mutex::new(None) }
    }

    /// The same subscription; when it ends, `also` is run too.
    pub(super) fn and_then(self, also: impl FnOnce() + Send + 'static) -> Self {
        match self.take() {
            Some(first) => Self::new(move || {
                first();
                also();
            }),
            None => Self::new(also),
        }
    }

    /// Leaves the handler subscribed for the life of the bus. A handler that owns a handle of its bus then keeps it
    /// alive for ever: give it a clone of an `Arc` turned `Weak` instead.
    pub fn detach(self) {
        drop(self.take());
    }

    /// Unsubscribes. A second time does nothing.
    pub fn unsubscribe(&self) {
        if let Some(on_end) = self.take() {
            on_end();
        }
    }

    fn take(&self) -> Option<OnEnd> {
        lock(&self.on_end).take()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("active", &lock(&self.on_end).is_some()).finish()
    }
}
