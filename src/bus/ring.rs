//! A bounded ring of events, the oldest given up for the newest.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::event::{DomainEvent, Turn};

/// An event and its turn at this bus.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) turn: Turn,
    pub(super) event: Arc<DomainEvent>,
}

/// The newest entries of a route. Places in it count from 0 and are never used twice, so that a reader's place
/// tells how much it has read, how much waits and how much it missed.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    /// The place of the first entry.
    start: u64,
    capacity: NonZeroUsize,
}

impl Ring {
    /// An empty ring of that capacity. Memory is taken as entries come.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self { entries: VecDeque::new(), start: 0, capacity }
    }

    /// The place of the first entry.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The place behind the last entry.
    pub(super) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Puts an entry at the end; gives back the one that had to go.
    pub(super) fn push(&mut self, entry: Entry) -> Option<Entry> {
        let oldest = if self.entries.len() == self.capacity.get() { self.pop_front() } else { None };
        self.entries.push_back(entry);
        oldest
    }

    /// Takes out the first entry.
    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let first = self.entries.pop_front()?;
        self.start += 1;
        Some(first)
    }

    /// The entry at `place`, or the first one if that is gone; none at the end.
    pub(super) fn at_or_first(&self, place: u64) -> Option<&Entry> {
        let index = place.saturating_sub(self.start);
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Takes out all entries, for the caller to drop outside of locks.
    pub(super) fn take_all(&mut self) -> VecDeque<Entry> {
        self.start = self.end();
        std::mem::take(&mut self.entries)
    }
}
