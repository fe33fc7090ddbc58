//! A bounded ring of events, the oldest given up for the newest.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::aftermath::Aftermath;
use super::chunk::{Chunk, Entry};
use crate::event::Turn;

/// The newest entries of a route, in chunks. Places in it count from 0 and are never used twice, so that a reader's
/// place tells how much it has read, how much waits and how much it missed.
///
/// A chunk goes when all readers are past it, or when all of it was overrun.
#[derive(Debug)]
pub(super) struct Ring {
    chunks: VecDeque<Link>,
    /// The first place of the first chunk; a multiple of the places of a chunk.
    first: u64,
    end: u64,
    capacity: NonZeroUsize,
    /// A chunk has two to this power places.
    chunk_bits: u32,
    /// An empty chunk to be used next, so that the ring need not allocate another.
    spare: Option<Arc<Chunk>>,
}

#[derive(Debug)]
struct Link {
    chunk: Arc<Chunk>,
    /// How many readers are not past it.
    behind: usize,
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
        let chunk_bits = chunk_places(capacity).trailing_zeros();
        Self { chunks: VecDeque::new(), first: 0, end: 0, capacity, chunk_bits, spare: None }
    }

    /// The place of the first entry.
    pub(super) fn start(&self) -> u64 {
        self.first.max(self.end.saturating_sub(self.capacity.get() as u64))
    }

    /// The place behind the last entry.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Puts an entry at the end, for so many readers; what had to go for it is left to the aftermath.
    pub(super) fn push(&mut self, entry: Entry, readers: usize, aftermath: &mut Aftermath) {
        let place = self.within_chunk(self.end);
        if place == 0 {
            let chunk = self.spare.take().unwrap_or_else(|| Arc::new(Chunk::new(1 << self.chunk_bits)));
            self.chunks.push_back(Link { chunk, behind: readers });
        }
        if let Some(last) = self.chunks.back() {
            last.chunk.put(place, entry);
        }
        self.end += 1;
        if self.start() >= self.first + self.chunk_places()
            && let Some(chunk) = self.pop_front()
        {
            self.give_back(chunk, aftermath);
        }
    }

    /// The entry at `place`, or the first one if that is gone; none at the end.
    pub(super) fn at_or_first(&self, place: u64) -> Option<&Entry> {
        let place = place.max(self.start());
        self.link(place)?.chunk.at(self.within_chunk(place))
    }

    /// Takes what lies in one chunk from `place` on, for a reader there; none at the end. If it is the only one, the
    /// entries leave the ring for `own`; else they are shared.
    pub(super) fn take(&mut self, place: u64, is_only_one: bool, own: &mut VecDeque<Entry>) -> Option<Taken> {
        let (from, filled) =
            (self.within_chunk(place), self.end.checked_sub(place).filter(|count| *count > 0)?);
        let link = self.link_mut(place)?;
        let to = from.saturating_add(usize::try_from(filled).unwrap_or(usize::MAX)).min(link.chunk.places());
        let last = link.chunk.at(to - 1)?.turn;
        let (count, mut part) = ((to - from) as u64, None);
        match Arc::get_mut(&mut link.chunk).filter(|_| is_only_one) {
            Some(chunk) => own.extend((from..to).filter_map(|place| chunk.take(place))),
            None => part = Some(Part { chunk: Arc::clone(&link.chunk), from, to }),
        }
        Some(Taken { count, last, part })
    }

    /// Takes the entry at `place` as [`take`](Self::take) does.
    pub(super) fn take_one(&mut self, place: u64, is_only_one: bool) -> Option<Entry> {
        let within = self.within_chunk(place);
        let link = self.link_mut(place)?;
        match Arc::get_mut(&mut link.chunk).filter(|_| is_only_one) {
            Some(chunk) => chunk.take(within),
            None => link.chunk.at(within).cloned(),
        }
    }

    /// Counts a reader that begins at the end.
    pub(super) fn join(&mut self) {
        if self.within_chunk(self.end) != 0
            && let Some(last) = self.chunks.back_mut()
        {
            last.behind += 1;
        }
    }

    /// Counts a reader that has come to `place`, one chunk on at most; gives back the chunk that all are past now.
    pub(super) fn moved(&mut self, place: u64) -> Option<Arc<Chunk>> {
        if self.within_chunk(place) != 0 {
            return None;
        }
        let link = self.link_mut(place.checked_sub(1)?)?;
        link.behind -= 1;
        // Whoever is past it is past those before it, which are gone then.
        if link.behind == 0 { self.pop_front() } else { None }
    }

    /// Counts a reader at `place` that is gone; what all others are past goes.
    pub(super) fn leave(&mut self, place: u64, aftermath: &mut Aftermath) {
        let place = place.max(self.first);
        let passed = usize::try_from((place - self.first) >> self.chunk_bits).unwrap_or(usize::MAX);
        self.chunks.iter_mut().skip(passed).for_each(|link| link.behind -= 1);
        while self.chunks.front().is_some_and(|link| link.behind == 0) {
            let chunk = self.pop_front().expect("there is a first one");
            self.give_back(chunk, aftermath);
        }
        if self.chunks.is_empty() {
            // Places go on with a new chunk.
            self.end = self.end.next_multiple_of(self.chunk_places());
            self.first = self.end;
        }
    }

    /// Takes an empty chunk that nobody else has, to be used next.
    pub(super) fn spare(&mut self, chunk: Arc<Chunk>) {
        self.spare = Some(chunk);
    }

    /// Takes back a chunk that is over, to be used again. Its events, and the chunk itself where a reader still has it,
    /// are left to the aftermath.
    pub(super) fn give_back(&mut self, mut chunk: Arc<Chunk>, aftermath: &mut Aftermath) {
        if let Some(own) = Arc::get_mut(&mut chunk) {
            aftermath.events.extend(own.take_all());
            self.spare = Some(chunk);
        } else {
            aftermath.chunks.push(chunk);
        }
    }

    fn pop_front(&mut self) -> Option<Arc<Chunk>> {
        let link = self.chunks.pop_front()?;
        self.first += self.chunk_places();
        Some(link.chunk)
    }

    fn link(&self, place: u64) -> Option<&Link> {
        self.chunks.get(self.chunk_of(place)?)
    }

    fn link_mut(&mut self, place: u64) -> Option<&mut Link> {
        let number = self.chunk_of(place)?;
        self.chunks.get_mut(number)
    }

    fn chunk_of(&self, place: u64) -> Option<usize> {
        usize::try_from(place.checked_sub(self.first)? >> self.chunk_bits).ok()
    }

    fn within_chunk(&self, place: u64) -> usize {
        usize::try_from(place & (self.chunk_places() - 1)).expect("a chunk has 64 places at most")
    }

    fn chunk_places(&self) -> u64 {
        1 << self.chunk_bits
    }
}

/// How many places the chunks of a ring have: about a sixteenth of its capacity, between 8 and 64, and no more than are
/// needed for that capacity.
fn chunk_places(capacity: NonZeroUsize) -> usize {
    (capacity.get() / 16).clamp(8, 64).min(capacity.get()).next_power_of_two()
}
