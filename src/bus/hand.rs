//! A [`Hand`]: what a reader has taken from its channel and not yet handed over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::report;
use super::ring::Entry;
use crate::event::DomainEvent;
use crate::sync::{AtomicUsize, Ordering};

/// How many events a hand holds.
pub(super) const HAND: usize = 64;

/// How many events are in a hand. Raised under the channel's lock and lowered by the reader alone, so that whoever has
/// the lock sees each event taken as handed over or still in the hand, never as both or neither.
#[derive(Clone, Debug, Default)]
pub(super) struct InHand(Arc<AtomicUsize>);

impl InHand {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed) as u64
    }
}

/// The events that a reader takes at once, to hand them over one by one without the channel's lock. They are safe there
/// from being overrun.
#[derive(Debug)]
pub(super) struct Hand {
    events: VecDeque<Arc<DomainEvent>>,
    count: InHand,
}

impl Hand {
    pub(super) fn new(count: InHand) -> Self {
        Self { events: VecDeque::new(), count }
    }

    /// Takes entries; called under the channel's lock.
    pub(super) fn take(&mut self, entries: impl Iterator<Item = Entry>) {
        self.events.extend(entries.map(|entry| entry.event));
        self.tell();
    }

    /// Hands over the next event.
    pub(super) fn pop(&mut self) -> Option<Arc<DomainEvent>> {
        let event = self.events.pop_front()?;
        self.tell();
        Some(event)
    }

    fn tell(&self) {
        self.count.0.store(self.events.len(), Ordering::Relaxed);
    }
}

impl Drop for Hand {
    /// What was not handed over is dropped, each whatever the others do; it stays counted.
    fn drop(&mut self) {
        self.events.drain(..).for_each(report::drop_event);
    }
}
