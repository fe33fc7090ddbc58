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
        let all = [Self::Delivered, Self::Failed, Self::Filtered, Self::Skipped, Self::Departed];
        all.into_iter().find(|mark| *mark as u8 == number).unwrap_or(Self::Waiting)
    }
}

/// A mark for each handler of a dispatch, by its place. The dispatch writes them, without a lock; whoever has the order
/// lock reads them, and takes away from a dispatch the handlers that unsubscribe. So an event is at each handler in
/// exactly one state, whoever looks.
#[derive(Debug, Default)]
pub(super) struct Marks(Box<[AtomicU8]>);

impl Marks {
    /// For so many handlers, all waiting.
    pub(super) fn new(handlers: usize) -> Self {
        Self((0..handlers).map(|_| AtomicU8::new(Mark::Waiting as u8)).collect())
    }

    /// The last mark of a handler; it waits again, for the next event. For when nobody else writes any more.
    pub(super) fn settle(&self, place: usize) -> Mark {
        let last = self.at(place);
        self.set(place, Mark::Waiting);
        last
    }

    pub(super) fn at(&self, place: usize) -> Mark {
        self.0.get(place).map_or(Mark::Waiting, |mark| Mark::of(mark.load(Ordering::Relaxed)))
    }

    /// Sets a mark that nobody else would set: what was not handed over to a handler that departs is the same to it.
    pub(super) fn set(&self, place: usize, to: Mark) {
        if let Some(mark) = self.0.get(place) {
            mark.store(to as u8, Ordering::Relaxed);
        }
    }

    /// Sets a mark that still waits: either the dispatch hands the event over, or the handler departs before.
    pub(super) fn claim(&self, place: usize, to: Mark) -> bool {
        let waiting = Mark::Waiting as u8;
        self.0.get(place).is_some_and(|mark| {
            mark.compare_exchange(waiting, to as u8, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }
}
