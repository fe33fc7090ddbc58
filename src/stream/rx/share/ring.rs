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
    /// Those that have begun to read and are still there.
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
            readers: 0,
        }
    }

    /// Does nothing once somebody reads.
    pub(super) fn set_capacity(&mut self, capacity: NonZeroUsize) {
        if self.readers == 0 && self.first == 0 && self.held.is_empty() {
            self.capacity = capacity.max(NonZeroUsize::new(self.replay).unwrap_or(capacity));
        }
    }

    /// A reader begins: the number of the first item that it gets.
    pub(super) fn join(&mut self) -> u64 {
        self.readers += 1;
        let before = self.held.len().saturating_sub(self.replay);
        self.held.iter_mut().skip(before).for_each(|held| held.unread += 1);
        self.first + before as u64
    }

    /// A reader is gone, who would have read from `next` on; what nobody else will read is `gone`.
    pub(super) fn leave(&mut self, next: u64, gone: &mut Vec<S::Item>) {
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
    /// What a reader gets who reads `next`, if there is anything; moves `next` on.
    pub(super) fn read(&mut self, next: &mut u64) -> Option<Heard<S::Item>> {
        if let Some(missed) = NonZeroU64::new(self.first.saturating_sub(*next)) {
            *next = self.first;
            return Some(Heard::Missed(missed));
        }
        let place = self.place(*next);
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
