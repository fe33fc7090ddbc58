//! Who of the readers of a shared stream has its ring: one at a time, without a lock held.

use std::sync::Arc;
use std::task::Context;

use tokio_stream::Stream;

use super::ring::Ring;
use super::wakers::Wakers;
use crate::sync::{Mutex, lock};

/// Where the ring lies while no reader has it. Source, clones and drops of items are foreign code: they run while one
/// reader has the ring, not under a lock. Who comes meanwhile is woken when it is put back.
pub(super) struct Desk<S: Stream> {
    /// Held for single steps.
    state: Mutex<State<S>>,
    wakers: Arc<Wakers>,
}

struct State<S: Stream> {
    /// `None` while a reader has it.
    ring: Option<Box<Ring<S>>>,
    /// Whether somebody came meanwhile, who waits for it to be put back.
    wanted: bool,
    /// Who came and who left meanwhile, in that order.
    changes: Vec<Change>,
}

/// A reader, by his seat.
enum Change {
    Came(usize),
    Left(usize),
}

impl<S: Stream> Desk<S> {
    pub(super) fn new(ring: Ring<S>) -> Self {
        let state = State { ring: Some(Box::new(ring)), wanted: false, changes: Vec::new() };
        Self { state: Mutex::new(state), wakers: Arc::new(Wakers::new()) }
    }

    pub(super) fn wakers(&self) -> &Arc<Wakers> {
        &self.wakers
    }

    /// The ring, for the reader on that seat. If another has it, the reader is woken when it is put back.
    pub(super) fn take_turn(&self, seat: usize, cx: &Context<'_>) -> Option<Turn<'_, S>> {
        self.take().or_else(|| {
            drop(self.wakers.set(seat, Some(cx.waker().clone())));
            let mut state = lock(&self.state);
            // Looked for and noted in one step: whoever has it puts it back after that, and sees it.
            let ring = state.ring.take();
            state.wanted |= ring.is_none();
            drop(state);
            Some(self.turn(ring?))
        })
    }

    fn take(&self) -> Option<Turn<'_, S>> {
        let ring = lock(&self.state).ring.take();
        Some(self.turn(ring?))
    }

    fn turn(&self, ring: Box<Ring<S>>) -> Turn<'_, S> {
        Turn { desk: self, ring: Some(ring), news: false }
    }

    /// A reader begins here and now.
    pub(super) fn come(&self, seat: usize) {
        self.change(Change::Came(seat));
    }

    /// A reader is gone.
    pub(super) fn leave(&self, seat: usize) {
        self.change(Change::Left(seat));
    }

    fn change(&self, change: Change) {
        lock(&self.state).changes.push(change);
        // Putting it back deals with the changes; if another reader has it, that one does.
        drop(self.take());
    }

    /// Does something to the ring, unless a reader has it.
    pub(super) fn with_ring(&self, act: impl FnOnce(&mut Ring<S>)) {
        if let Some(mut turn) = self.take() {
            act(turn.ring());
        }
    }
}

/// The ring, while one reader has it; dropping this puts it back.
pub(super) struct Turn<'d, S: Stream> {
    desk: &'d Desk<S>,
    ring: Option<Box<Ring<S>>>,
    /// Whether others are to be woken.
    news: bool,
}

impl<S: Stream> Turn<'_, S> {
    pub(super) fn ring(&mut self) -> &mut Ring<S> {
        self.ring.as_mut().expect("it is taken only when this is dropped")
    }

    /// The reader on that seat is woken when the source has something.
    pub(super) fn wait_for_news(&self, seat: usize, cx: &Context<'_>) {
        drop(self.desk.wakers.set(seat, Some(cx.waker().clone())));
    }

    /// Something came: the others are to hear of it, and the reader on that seat need not be woken.
    pub(super) fn has_news(&mut self, seat: usize) {
        drop(self.desk.wakers.set(seat, None));
        self.news = true;
    }
}

impl<S: Stream> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        // Dropped when the ring is back: drops of items are foreign code and may panic.
        let mut gone = Vec::new();
        loop {
            let changes = std::mem::take(&mut lock(&self.desk.state).changes);
            if let Some(ring) = &mut self.ring {
                for change in changes {
                    match change {
                        Change::Came(seat) => ring.join(seat),
                        Change::Left(seat) => ring.leave(seat, &mut gone),
                    }
                }
            }
            let mut state = lock(&self.desk.state);
            if state.changes.is_empty() {
                state.ring = self.ring.take();
                self.news |= std::mem::take(&mut state.wanted);
                break;
            }
        }
        if self.news {
            self.desk.wakers.wake_all();
        }
    }
}
