//! A [`Queue`]: the entries of a ring that one reader alone reads.

use std::collections::VecDeque;

use super::Size;
use crate::bus::chunk::Entry;

/// Entries that nobody shares: whoever takes them out has them alone.
///
/// It grows as entries come, to its capacity at most; when it is empty it keeps room for a chunk's worth at most.
#[derive(Debug)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    end: u64,
    size: Size,
}

/// Room for how many entries is made first.
const FIRST: usize = 4;

impl Queue {
    /// An empty one whose places go on from `end`.
    pub(super) const fn new(size: Size, end: u64) -> Self {
        Self { entries: VecDeque::new(), end, size }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The place of the first entry.
    pub(super) fn start(&self) -> u64 {
        self.end - self.entries.len() as u64
    }

    /// The place behind the last entry.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Puts an entry at the end; gives back the oldest if that had to go for it.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> Option<Entry> {
        let is_full = self.entries.len() == self.size.capacity.get();
        let oldest = if is_full { self.entries.pop_front() } else { None };
        if self.entries.len() == self.entries.capacity() {
            self.grow();
        }
        self.entries.push_back(entry);
        self.end += 1;
        oldest
    }

    /// The entry at `place`.
    pub(super) fn at(&self, place: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(place.checked_sub(self.start())?).ok()?)
    }

    /// Moves a chunk's worth at most to the end of `own`.
    pub(super) fn take(&mut self, own: &mut VecDeque<Entry>) {
        if own.is_empty() && self.entries.capacity() <= self.size.batch() {
            std::mem::swap(&mut self.entries, own);
            return;
        }
        let count = self.entries.len().min(self.size.batch());
        own.reserve_exact(self.size.batch());
        own.extend(self.entries.drain(..count));
        self.shrink();
    }

    pub(super) fn take_one(&mut self) -> Option<Entry> {
        let first = self.entries.pop_front();
        self.shrink();
        first
    }

    /// Empties it. The events are for the caller to drop, outside of locks.
    pub(super) fn clear(&mut self) -> VecDeque<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// For how many entries it has memory.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Has room for twice as many, or for as many as may be.
    fn grow(&mut self) {
        let (len, capacity) = (self.entries.len(), self.size.capacity.get());
        self.entries.reserve_exact(len.max(FIRST).min(capacity - len));
    }

    /// Gives back what a burst needed, when that is over.
    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > self.size.batch() {
            self.entries = VecDeque::new();
        }
    }
}
