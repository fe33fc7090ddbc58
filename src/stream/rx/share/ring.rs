//! The source of a shared stream, and what its readers have not read yet. Plain data: one reader at a time has it.

use std::collections::VecDeque;
use std::num::{NonZeroU64, NonZeroUsize};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;

use super::Heard;
use crate::stream::rx::upstream::Upstream;

pub(super) struct Ring<S: Stream> {
    source: Pin<Box<Upstream<S>>>,
    /// In the order of their numbers, without holes.
    held: VecDeque<Held<S::Item>>,
    /// The number of the first item held, or of the next one if none is.
    first: u64,
    replay: usize,
    capacity: NonZeroUsize,
    /// The number of the item that each reader reads next, by his seat.
    next: Vec<Option<u64>>,
    readers: usize,
}

struct Held<T> {
    item: T,
    /// How many readers have not read it yet.
    unread: usize,
}

impl<S: Stream> Ring<S> {
    pub(super) fn new(source: S, replay: usize, capacity: NonZeroUsize) -> Self {
        Self {
            source: Box::pin(Upstream::new(source)),
            held: VecDeque::new(),
            first: 0,
            replay,
            capacity: capacity.max(NonZeroUsize::new(replay).unwrap_or(capacity)),
            next: Vec::new(),
            readers: 0,
        }
    }

    /// Does nothing once an item was taken.
    pub(super) fn set_capacity(&mut self, capacity: NonZeroUsize) {
        if self.first == 0 && self.held.is_empty() {
            self.capacity = capacity.max(NonZeroUsize::new(self.replay).unwrap_or(capacity));
        }
    }

    /// A reader begins, with what is replayed.
    pub(super) fn join(&mut self, seat: usize) {
        self.readers += 1;
        let before = self.held.len().saturating_sub(self.replay);
        self.held.iter_mut().skip(before).for_each(|held| held.unread += 1);
        if self.next.len() <= seat {
            self.next.resize(seat + 1, None);
        }
        if let Some(next) = self.next.get_mut(seat) {
            *next = Some(self.first + before as u64);
        }
    }

    /// A reader is gone; what nobody else will read is `gone`.
    pub(super) fn leave(&mut self, seat: usize, gone: &mut Vec<S::Item>) {
        let Some(next) = self.next.get_mut(seat).and_then(Option::take) else {
            return;
        };
        self.readers -= 1;
        let read = self.place(next);
        self.held.iter_mut().skip(read).for_each(|held| held.unread -= 1);
        gone.extend(std::iter::from_fn(|| self.trim()));
    }

    /// How many of the items held come before that number.
    fn place(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// Takes out an item that nobody reads any more.
    fn trim(&mut self) -> Option<S::Item> {
        let is_read = self.held.front().is_some_and(|held| held.unread == 0);
        if is_read && self.held.len() > self.replay { self.pop() } else { None }
    }

    /// Takes out the first item. It is the caller's to drop, which may panic: by then its number is gone too.
    fn pop(&mut self) -> Option<S::Item> {
        let first = self.held.pop_front()?;
        self.first += 1;
        Some(first.item)
    }

    /// Takes the next item, or the end, from the source.
    pub(super) fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.source.as_mut().poll_next(cx).map(|item| {
            let Some(item) = item else {
                return;
            };
            let overrun = if self.held.len() >= self.capacity.get() { self.pop() } else { None };
            self.held.push_back(Held { item, unread: self.readers });
            drop(overrun);
        })
    }
}

impl<S: Stream<Item: Clone>> Ring<S> {
    /// What the reader on that seat gets next, if there is anything.
    pub(super) fn read(&mut self, seat: usize) -> Option<Heard<S::Item>> {
        let (first, next) = (self.first, self.next.get_mut(seat)?.as_mut()?);
        if let Some(missed) = NonZeroU64::new(first.saturating_sub(*next)) {
            *next = first;
            return Some(Heard::Missed(missed));
        }
        let place = usize::try_from(*next - first).ok()?;
        let held = self.held.get_mut(place)?;
        let item = held.item.clone();
        held.unread -= 1;
        *next += 1;
        while let Some(read) = self.trim() {
            drop(read);
        }
        Some(Heard::Item(item))
    }
}
