//! The items of one group on their way from who drives the groups to who reads it.

use std::collections::VecDeque;
use std::mem;
use std::num::{NonZeroU64, NonZeroUsize};
use std::task::{Context, Poll, Waker};

use super::Heard;
use crate::sync::{Mutex, lock};

/// A bounded queue with one writer, who never waits, and one reader.
pub(super) struct Queue<T> {
    capacity: NonZeroUsize,
    /// Held for single steps; no foreign code runs under it.
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    /// Items dropped unread since the last that was read, all of them older than those here.
    missed: u64,
    ended: bool,
    /// Whether the reader is gone.
    left: bool,
    waker: Option<Waker>,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: NonZeroUsize, first: T) -> Self {
        let items = VecDeque::from([first]);
        Self {
            capacity,
            state: Mutex::new(State { items, missed: 0, ended: false, left: false, waker: None }),
        }
    }

    /// Adds an item, in place of the oldest if there is no room; gives it back if the reader is gone.
    pub(super) fn push(&self, item: T) -> Option<T> {
        let mut state = lock(&self.state);
        if state.left {
            return Some(item);
        }
        let oldest = if state.items.len() < self.capacity.get() { None } else { state.items.pop_front() };
        state.missed += u64::from(oldest.is_some());
        state.items.push_back(item);
        let waker = state.waker.take();
        drop(state);
        drop(oldest);
        waker.into_iter().for_each(Waker::wake);
        None
    }

    /// The reader is gone, and what waited for him goes too.
    pub(super) fn leave(&self) {
        let mut state = lock(&self.state);
        state.left = true;
        let gone = (mem::take(&mut state.items), state.waker.take());
        drop(state);
        drop(gone);
    }

    /// Nothing comes behind what is here.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Heard<T>>> {
        let mut waker = Some(cx.waker().clone());
        let mut state = lock(&self.state);
        if let Some(missed) = NonZeroU64::new(mem::take(&mut state.missed)) {
            return Poll::Ready(Some(Heard::Missed(missed)));
        }
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(Heard::Item(item)));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        mem::swap(&mut state.waker, &mut waker);
        drop(state);
        drop(waker);
        Poll::Pending
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let state = lock(&self.state);
        let ready = state.items.len() + usize::from(state.missed > 0);
        // What is dropped for lack of room is told by one notice.
        let most = if state.ended { Some(ready) } else { None };
        (ready, most)
    }
}
