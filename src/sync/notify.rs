//! Tokio's [`Notify`](tokio::sync::Notify) as shuttle must see it: others may run before each use of it, or a model
//! would never find who begins to listen too late.

use tokio::sync::futures::Notified;

use super::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Notify {
    notify: tokio::sync::Notify,
    uses: AtomicU64,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        self.uses.fetch_add(1, Ordering::SeqCst);
        self.notify.notified()
    }

    pub(crate) fn notify_waiters(&self) {
        self.uses.fetch_add(1, Ordering::SeqCst);
        self.notify.notify_waiters();
    }
}
