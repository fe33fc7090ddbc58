//! [`Marks`]: how far a dispatch has come with each of its handlers.

use crate::sync::{AtomicU8, Ordering};

/// What became of an event at one handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mark {
    /// Nothing yet.
    Waiting,
    /// It was handed over.
    Delivered,
    /// It was handed over, and the handler panicked.
    Failed,
    /// The handler's filter kept it away.
    Filtered,
    /// It was passed over, since a chain of handlers was cut.
    Skipped,
    /// The handler unsubscribed before.
    Departed,
}

impl Mark {
    fn of(number: u8) -> Self {
        match number {
            n if n == Self::Delivered as u8 => Self::Delivered,
            n if n == Self::Failed as u8 => Self::Failed,
            n if n == Self::Filtered as u8 => Self::Filtered,
            n if n == Self::Skipped as u8 => Self::Skipped,
            n if n == Self::Departed as u8 => Self::Departed,
            _ => Self::Waiting,
        }
    }
}

/// A mark for each handler of a dispatch, by its place. The dispatch writes them, without a lock; whoever has the order
/// lock reads them, and takes away from a dispatch the handlers that unsubscribe. So an event is at each handler in
/// exactly one state, whoever looks.
#[derive(Debug, Default)]
pub(super) struct Marks(Box<[Slot]>);

/// The mark of one handler.
#[derive(Debug)]
pub(super) struct Slot(AtomicU8);

impl Marks {
    /// For so many handlers, all waiting.
    pub(super) fn new(handlers: usize) -> Self {
        Self((0..handlers).map(|_| Slot(AtomicU8::new(Mark::Waiting as u8))).collect())
    }

    pub(super) fn at(&self, place: usize) -> Option<&Slot> {
        self.0.get(place)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot> {
        self.0.iter()
    }
}

impl Slot {
    /// The last mark.
    pub(super) fn last(&self) -> Mark {
        Mark::of(self.0.load(Ordering::Relaxed))
    }

    /// The last mark; the handler waits again, for the next event. For when nobody else writes any more.
    pub(super) fn settle(&self) -> Mark {
        let last = self.last();
        self.set(Mark::Waiting);
        last
    }

    /// Sets a mark that nobody else would set: what was not handed over to a handler that departs is the same to it.
    pub(super) fn set(&self, to: Mark) {
        self.0.store(to as u8, Ordering::Relaxed);
    }

    /// Sets a mark that still waits: either the dispatch hands the event over, or the handler departs before.
    pub(super) fn claim(&self, to: Mark) -> bool {
        let waiting = Mark::Waiting as u8;
        self.0.compare_exchange(waiting, to as u8, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
