//! A bounded ring of events, the oldest given up for the newest.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use self::chunks::Chunks;
use self::queue::Queue;
use super::aftermath::Aftermath;
use super::chunk::{Chunk, Entry};
use crate::event::Turn;

mod chunks;
mod queue;
#[cfg(test)]
mod tests;

/// The newest entries of a route. Places in it count from 0 and are never used twice, so that a reader's place tells
/// how much it has read, how much waits and how much it missed.
///
/// As long as one reader alone reads it, it is a queue. When another joins it becomes chunks that both share, and when
/// one is left that has read all there is, a queue again.
#[derive(Debug)]
pub(super) struct Ring {
    entries: Entries,
    readers: usize,
}

#[derive(Debug)]
enum Entries {
    /// For one reader at most, who stands at the first place, or before it if it was overrun.
    Queue(Queue),
    /// For any number of readers but none, at any places.
    Chunks(Chunks),
}

/// How much a ring holds.
#[derive(Clone, Copy, Debug)]
struct Size {
    capacity: NonZeroUsize,
    /// A chunk has two to this power places.
    chunk_bits: u32,
}

/// What a reader took at once.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) count: u64,
    /// The turn of the last entry.
    pub(super) last: Turn,
    /// Where the entries lie; none if they left the ring.
    pub(super) part: Option<Part>,
}

/// A part of a chunk, from a reader's place to the last place that is filled.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) chunk: Arc<Chunk>,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Ring {
    /// An empty ring of that capacity. Memory is taken as entries come.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self { entries: Entries::Queue(Queue::new(Size::of(capacity), 0)), readers: 0 }
    }

    /// The place of the first entry.
    pub(super) fn start(&self) -> u64 {
        match &self.entries {
            Entries::Queue(queue) => queue.start(),
            Entries::Chunks(chunks) => chunks.start(),
        }
    }

    /// The place behind the last entry.
    pub(super) fn end(&self) -> u64 {
        match &self.entries {
            Entries::Queue(queue) => queue.end(),
            Entries::Chunks(chunks) => chunks.end(),
        }
    }

    /// Puts an entry at the end, for those who read; what had to go for it is left to the aftermath.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry, aftermath: &mut Aftermath) {
        match &mut self.entries {
            Entries::Queue(queue) => {
                if let Some(oldest) = queue.push(entry) {
                    aftermath.events.push(oldest);
                }
            }
            Entries::Chunks(chunks) => chunks.push(entry, self.readers, aftermath),
        }
    }

    /// The entry at `place`, or the first one if that is gone; none at the end.
    pub(super) fn at_or_first(&self, place: u64) -> Option<&Entry> {
        let place = place.max(self.start());
        match &self.entries {
            Entries::Queue(queue) => queue.at(place),
            Entries::Chunks(chunks) => chunks.at(place),
        }
    }

    /// Takes a chunk's worth at most from `place` on, for a reader there; none at the end. What lies in a queue leaves
    /// the ring for `own`, in which there is nothing; else it is shared.
    pub(super) fn take(&mut self, place: u64, own: &mut VecDeque<Entry>) -> Option<Taken> {
        match &mut self.entries {
            Entries::Queue(queue) => {
                debug_assert_eq!(place, queue.start(), "the only reader is never behind the first place");
                queue.take(own);
                let last = own.back()?.turn;
                Some(Taken { count: own.len() as u64, last, part: None })
            }
            Entries::Chunks(chunks) => chunks.share(place),
        }
    }

    /// Takes the entry at `place` as [`take`](Self::take) does.
    pub(super) fn take_one(&mut self, place: u64) -> Option<Entry> {
        match &mut self.entries {
            Entries::Queue(queue) => queue.take_one(),
            Entries::Chunks(chunks) => chunks.at(place).cloned(),
        }
    }

    /// Counts a reader that begins at the end.
    pub(super) fn join(&mut self) {
        if self.readers > 0
            && let Entries::Queue(queue) = &mut self.entries
        {
            self.entries = Entries::Chunks(Chunks::of(queue));
        }
        if let Entries::Chunks(chunks) = &mut self.entries {
            chunks.join();
        }
        self.readers += 1;
    }

    /// Counts a reader that has come to `place`, one chunk on at most; gives back the chunk that is over with that.
    pub(super) fn moved(&mut self, place: u64) -> Option<Arc<Chunk>> {
        let Entries::Chunks(chunks) = &mut self.entries else {
            return None;
        };
        let passed = chunks.moved(place);
        let last = self.queue_up(place);
        passed.or(last)
    }

    /// Counts a reader at `place` that is gone; what all others are past goes.
    pub(super) fn leave(&mut self, place: u64, aftermath: &mut Aftermath) {
        self.readers -= 1;
        match &mut self.entries {
            Entries::Queue(queue) => aftermath.events.extend(queue.clear()),
            Entries::Chunks(chunks) => {
                chunks.leave(place, aftermath);
                if self.readers == 0 {
                    self.entries = Entries::Queue(Queue::new(chunks.size(), chunks.end()));
                }
            }
        }
    }

    /// Looks at a reader at `place` that is left alone.
    pub(super) fn leave_alone(&mut self, place: u64, aftermath: &mut Aftermath) {
        if let Some(chunk) = self.queue_up(place) {
            self.give_back(chunk, aftermath);
        }
    }

    /// Becomes a queue if only one reader is left, at `place`, and has read all there is. Gives back the last chunk.
    fn queue_up(&mut self, place: u64) -> Option<Arc<Chunk>> {
        let Entries::Chunks(chunks) = &mut self.entries else {
            return None;
        };
        if self.readers > 1 || place < chunks.end() {
            return None;
        }
        let last = chunks.pop_last();
        self.entries = Entries::Queue(Queue::new(chunks.size(), place));
        last
    }

    /// Takes an empty chunk that nobody else has, to be used next if there is use for it.
    pub(super) fn spare(&mut self, chunk: Arc<Chunk>) {
        if let Entries::Chunks(chunks) = &mut self.entries {
            chunks.spare(chunk);
        }
    }

    /// Takes back a chunk that is over, to be used again if there is use for it. Its events, and the chunk itself where
    /// a reader still has it, are left to the aftermath.
    pub(super) fn give_back(&mut self, chunk: Arc<Chunk>, aftermath: &mut Aftermath) {
        if let Some(empty) = chunks::emptied(chunk, aftermath) {
            self.spare(empty);
        }
    }
}

impl Size {
    /// The chunks have about a sixteenth of the capacity, between 8 and 64 places, and no more than are needed for it.
    fn of(capacity: NonZeroUsize) -> Self {
        let places = (capacity.get() / 16).clamp(8, 64).min(capacity.get()).next_power_of_two();
        Self { capacity, chunk_bits: places.trailing_zeros() }
    }

    /// How many places a chunk has.
    fn chunk(self) -> usize {
        1 << self.chunk_bits
    }

    /// How many entries a reader takes at most at once.
    fn batch(self) -> usize {
        self.chunk().min(self.capacity.get())
    }
}
