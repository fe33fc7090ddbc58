//! [`Subscription`]: a handler's place at a bus.

use std::fmt;

/// Keeps a handler subscribed; dropping it unsubscribes.
///
/// When the drop returns, the handler is given nothing more and the bus keeps no reference to it. A call that has begun
/// on another thread finishes; it stands on the handler's account as delivered, also while it is still on its way in.
#[must_use = "a dropped subscription is unsubscribed; `detach` leaves it for the life of the bus"]
pub struct Subscription {
    on_drop: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscription {
    /// A subscription that runs `on_drop` once, when it is dropped; for implementors of `EventBus`.
    pub fn new(on_drop: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { on_drop: Some(Box::new(on_drop)) }
    }

    /// A subscription to nothing: there is nobody to unsubscribe.
    pub fn none() -> Self {
        Self { on_drop: None }
    }

    /// The same subscription; when it ends, `also` is run too.
    pub(super) fn and_then(mut self, also: impl FnOnce() + Send + Sync + 'static) -> Self {
        match self.on_drop.take() {
            Some(first) => Self::new(move || {
                first();
                also();
            }),
            None => Self::new(also),
        }
    }

    /// Leaves the handler subscribed for the life of the bus. A handler that owns a handle of its bus then keeps it
    /// alive for ever: give it a clone of an `Arc` turned `Weak` instead.
    pub fn detach(mut self) {
        self.on_drop = None;
    }

    /// Unsubscribes. A second time does nothing.
    pub fn unsubscribe(&mut self) {
        if let Some(on_drop) = self.on_drop.take() {
            on_drop();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("active", &self.on_drop.is_some()).finish()
    }
}
