//! The [`Aftermath`] of what was done under locks.

use std::cell::Cell;
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

crate::sync::thread_local! {
    /// Kept between emissions for its memory. Taken out while in use: a waker may emit. Boxed, since it is moved twice.
    static KEPT: Cell<Option<Box<Aftermath>>> = const { Cell::new(None) };
}

impl Aftermath {
    /// What there is, if there is anything: nearly always there is not. In its place comes an empty one.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Left> {
        let is_empty = self.wakers.is_empty() && self.events.is_empty() && self.chunks.is_empty();
        (!is_empty).then(|| self.leave())
    }

    fn leave(&mut self) -> Left {
        let mut left = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
        std::mem::swap(&mut *left, self);
        Left(left)
    }

    /// Wakes and drops, each whatever the others do; keeps its memory.
    pub(super) fn settle(&mut self) {
        self.wakers.drain(..).for_each(|waker| report::quietly(|| waker.wake()));
        self.events.drain(..).for_each(report::drop_event);
        self.chunks.clear();
    }
}

/// What an emission left.
#[derive(Debug)]
pub(super) struct Left(Box<Aftermath>);

impl Left {
    /// Settles it; its memory is kept for the next emission of this thread.
    pub(super) fn settle(mut self) {
        self.0.settle();
        // Gone with the thread, the memory need not be kept.
        drop(KEPT.try_with(|before| before.replace(Some(self.0))));
    }
}
