//! The [`Aftermath`] of what was done under locks.

use std::sync::Arc;
use std::task::Waker;

use super::chunk::{Chunk, Entry};
use super::report;

/// What must happen outside of all locks: wakers to wake, events to drop. Both run foreign code.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    pub(super) wakers: Vec<Waker>,
    pub(super) events: Vec<Entry>,
    pub(super) chunks: Vec<Arc<Chunk>>,
}

impl Aftermath {
    /// Wakes and drops, each whatever the others do; keeps its memory for the next emission.
    #[inline]
    pub(super) fn settle(&mut self) {
        // To drain nothing takes as long as to put an event on a route.
        if !(self.wakers.is_empty() && self.events.is_empty() && self.chunks.is_empty()) {
            self.settle_each();
        }
    }

    fn settle_each(&mut self) {
        self.wakers.drain(..).for_each(|waker| report::quietly(|| waker.wake()));
        self.events.drain(..).for_each(report::drop_event);
        self.chunks.clear();
    }
}
