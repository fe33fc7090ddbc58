//! The [`Chunks`] of a ring that several readers share.

use std::collections::VecDeque;
use std::sync::Arc;

use super::queue::Queue;
use super::{Part, Size, Taken};
use crate::bus::aftermath::Aftermath;
use crate::bus::chunk::{Chunk, Entry};

/// Entries that stay where they are, so that readers share them without a lock.
///
/// A chunk goes when all readers are past it, or when all of it was overrun.
#[derive(Debug)]
pub(super) struct Chunks {
    links: VecDeque<Link>,
    /// The first place of the first chunk.
    first: u64,
    end: u64,
    size: Size,
    /// An empty chunk to be used next, so that the ring need not allocate another.
    spare: Option<Arc<Chunk>>,
}

#[derive(Debug)]
struct Link {
    chunk: Arc<Chunk>,
    /// How many readers are not past it.
    behind: usize,
}

impl Chunks {
    /// What lies in a queue, at the same places, for its reader.
    pub(super) fn of(queue: &mut Queue) -> Self {
        let (first, size) = (queue.start(), queue.size());
        let mut chunks = Self { links: VecDeque::new(), first, end: first, size, spare: None };
        queue.clear().into_iter().for_each(|entry| chunks.append(entry, 1));
        chunks
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The first place that is not overrun.
    pub(super) fn start(&self) -> u64 {
        self.first.max(self.end.saturating_sub(self.size.capacity.get() as u64))
    }

    /// The place behind the last entry.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Puts an entry at the end, for so many readers; what had to go for it is left to the aftermath.
    pub(super) fn push(&mut self, entry: Entry, readers: usize, aftermath: &mut Aftermath) {
        self.append(entry, readers);
        if self.start() >= self.first + self.size.chunk() as u64
            && let Some(chunk) = self.pop_front()
        {
            self.spare = emptied(chunk, aftermath).or(self.spare.take());
        }
    }

    fn append(&mut self, entry: Entry, readers: usize) {
        let place = self.within_chunk(self.end);
        if place == 0 {
            let chunk = self.spare.take().unwrap_or_else(|| Arc::new(Chunk::new(self.size.chunk())));
            self.links.push_back(Link { chunk, behind: readers });
        }
        if let Some(last) = self.links.back() {
            last.chunk.put(place, entry);
        }
        self.end += 1;
    }

    /// The entry at `place`.
    pub(super) fn at(&self, place: u64) -> Option<&Entry> {
        self.link(place)?.chunk.at(self.within_chunk(place))
    }

    /// Shares what lies in one chunk from `place` on.
    pub(super) fn share(&self, place: u64) -> Option<Taken> {
        let filled = self.end.checked_sub(place).filter(|count| *count > 0)?;
        let (from, chunk) = (self.within_chunk(place), &self.link(place)?.chunk);
        let to = from.saturating_add(usize::try_from(filled).unwrap_or(usize::MAX)).min(chunk.places());
        let last = chunk.at(to - 1)?.turn;
        Some(Taken {
            count: (to - from) as u64,
            last,
            part: Some(Part { chunk: Arc::clone(chunk), from, to }),
        })
    }

    /// Counts a reader that begins at the end.
    pub(super) fn join(&mut self) {
        if self.within_chunk(self.end) != 0
            && let Some(last) = self.links.back_mut()
        {
            last.behind += 1;
        }
    }

    /// Counts a reader that has come to `place`, one chunk on at most; gives back the chunk that all are past now.
    pub(super) fn moved(&mut self, place: u64) -> Option<Arc<Chunk>> {
        if self.within_chunk(place) != 0 {
            return None;
        }
        let number = self.number_of(place.checked_sub(1)?)?;
        let link = self.links.get_mut(number)?;
        link.behind -= 1;
        // Whoever is past it is past those before it, which are gone then.
        if link.behind == 0 { self.pop_front() } else { None }
    }

    /// Counts a reader at `place` that is gone; what all others are past goes.
    pub(super) fn leave(&mut self, place: u64, aftermath: &mut Aftermath) {
        let place = place.max(self.first);
        let passed = self.number_of(place).unwrap_or(usize::MAX);
        self.links.iter_mut().skip(passed).for_each(|link| link.behind -= 1);
        while self.links.front().is_some_and(|link| link.behind == 0)
            && let Some(chunk) = self.pop_front()
        {
            self.spare = emptied(chunk, aftermath).or(self.spare.take());
        }
    }

    /// Lets go of the last chunk, which is the only one where all readers are at the end.
    pub(super) fn pop_last(&mut self) -> Option<Arc<Chunk>> {
        debug_assert!(self.links.len() <= 1, "those that all are past are gone");
        self.pop_front()
    }

    /// Takes an empty chunk that nobody else has, to be used next.
    pub(super) fn spare(&mut self, chunk: Arc<Chunk>) {
        self.spare = Some(chunk);
    }

    fn pop_front(&mut self) -> Option<Arc<Chunk>> {
        let link = self.links.pop_front()?;
        self.first += self.size.chunk() as u64;
        Some(link.chunk)
    }

    fn link(&self, place: u64) -> Option<&Link> {
        self.links.get(self.number_of(place)?)
    }

    /// The number of the chunk that a place is in.
    fn number_of(&self, place: u64) -> Option<usize> {
        usize::try_from(place.checked_sub(self.first)? >> self.size.chunk_bits).ok()
    }

    /// Which place of its chunk that is. Chunks begin at multiples of their places, counted from the first one.
    fn within_chunk(&self, place: u64) -> usize {
        let mask = self.size.chunk() as u64 - 1;
        usize::try_from(place.wrapping_sub(self.first) & mask).expect("a chunk has 64 places at most")
    }
}

/// A chunk that is over, emptied to be used again; none if a reader still has it. Its events, or the chunk itself, are
/// left to the aftermath.
pub(super) fn emptied(mut chunk: Arc<Chunk>, aftermath: &mut Aftermath) -> Option<Arc<Chunk>> {
    if let Some(own) = Arc::get_mut(&mut chunk) {
        aftermath.events.extend(own.take_all());
        return Some(chunk);
    }
    aftermath.chunks.push(chunk);
    None
}
