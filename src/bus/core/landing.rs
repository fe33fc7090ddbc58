//! The end of dispatches, and waiting for it.

use super::Core;
use crate::bus::report;
use crate::event::Turn;
use crate::sync::lock;

impl Core {
    /// Ends the dispatch of that turn.
    pub(in crate::bus) fn landed(&self, turn: Turn) {
        let mut order = lock(&self.order);
        let over = order.land(turn.get());
        let is_awaited = order.awaiting > 0;
        drop(order);
        if is_awaited {
            report::quietly(|| self.landings.notify_waiters());
        }
        // The dispatch still has it, so no handler goes with this.
        drop(over);
    }

    /// Whether any dispatch is under way.
    pub(in crate::bus) fn has_flights(&self) -> bool {
        !lock(&self.order).flights.is_empty()
    }

    /// Waits until no dispatch at or before `through` is under way.
    pub(in crate::bus) async fn landed_through(&self, through: Turn) {
        loop {
            let mut landing = std::pin::pin!(self.landings.notified());
            landing.as_mut().enable();
            let Some(_awaiting) = Awaiting::begin(self, through) else {
                return;
            };
            landing.await;
        }
    }
}

/// Counted among those who wait for dispatches to land, until dropped.
struct Awaiting<'a>(&'a Core);

impl<'a> Awaiting<'a> {
    /// None if no dispatch at or before `through` is under way.
    fn begin(core: &'a Core, through: Turn) -> Option<Self> {
        let mut order = lock(&core.order);
        order.flights.front().filter(|first| first.turn <= through.get())?;
        order.awaiting += 1;
        Some(Self(core))
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        lock(&self.0.order).awaiting -= 1;
    }
}
