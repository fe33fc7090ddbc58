//! [`Tail`]: what was recorded last, for followers that are at the end of the journal.
//!
//! The writer of this process hands over what it has published, so that followers share the event and read no file;
//! a thread watches for what other processes write. The files are the truth: a follower takes an event from here only
//! if it stands at the position behind its own, and reads the files for all else.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::position::Position;
use super::record::Recorded;
use super::storage::Storage;
use crate::sync::{Mutex, lock};

mod watcher;

use watcher::Watcher;

/// How many events are kept for followers; one that is further behind reads files.
const KEPT: usize = 1024;

/// The end of a journal as this process knows it.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Written under the lock; read without it by the writer, which loses nothing if it is late to see a follower:
    /// the watcher tells that one of what was not handed over.
    followers: AtomicUsize,
    /// Held for a few moves, and while the watcher's thread is started; never across a call to the storage.
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Published by the writer of this process, ascending; foreign lines may stand between.
    published: VecDeque<Recorded>,
    /// What the writer of this process is writing, first and last.
    writing: Option<(Position, Position)>,
    /// How often something was published or seen.
    changes: u64,
    /// How often lines were seen that the writer of this process had not announced.
    sightings: u64,
    /// There as long as there are followers.
    watcher: Option<Watcher>,
}

/// What stands behind a position.
#[derive(Debug, PartialEq)]
pub(crate) enum Behind {
    /// These, without a gap.
    Events(Vec<Recorded>),
    /// Lines that are not kept here.
    InFiles,
    /// Nothing that was published.
    Nothing,
}

/// When the journal changed last: what stood in the files at a mark was there to be read after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    changes: u64,
    sightings: u64,
}

impl Mark {
    /// Whether lines were sighted since `earlier`.
    pub(crate) fn has_sightings_since(self, earlier: Self) -> bool {
        self.sightings != earlier.sightings
    }
}

impl Tail {
    pub(crate) fn new() -> Arc<Self> {
        let (changed, _) = watch::channel(());
        Arc::new(Self { followers: AtomicUsize::new(0), state: Mutex::default(), changed })
    }

    /// Whether anybody follows, so that it is worth keeping the events of a batch until it is published.
    pub(crate) fn wants_events(&self) -> bool {
        self.followers.load(Ordering::Acquire) > 0
    }

    /// Tells that the writer of this process is about to write lines at these positions, so that the watcher does not
    /// take them for foreign. [`Tail::published`] or [`Tail::gave_up`] has to follow.
    pub(crate) fn writing(&self, first: Position, last: Position) {
        lock(&self.state).writing = Some((first, last));
    }

    /// Tells that what was being written is not going to be published.
    pub(crate) fn gave_up(&self) {
        lock(&self.state).writing = None;
        self.saw_lines();
    }

    /// Hands over what the writer of this process has published, ascending.
    pub(crate) fn published(&self, batch: &[Recorded]) {
        let mut state = lock(&self.state);
        state.writing = None;
        if self.wants_events() {
            let is_ascending = |new: &Recorded, old: &Recorded| old.position < new.position;
            for recorded in batch {
                if state.published.back().is_some_and(|last| !is_ascending(recorded, last)) {
                    state.published.clear();
                }
                state.published.push_back(recorded.clone());
            }
            let excess = state.published.len().saturating_sub(KEPT);
            state.published.drain(..excess);
        }
        state.changes += 1;
        drop(state);
        self.changed.send_replace(());
    }

    /// Tells that the last line in the files has that position, if it has one.
    fn saw(&self, last: Option<Position>) {
        if !lock(&self.state).is_own(last) {
            self.saw_lines();
        }
    }

    fn saw_lines(&self) {
        let mut state = lock(&self.state);
        state.changes += 1;
        state.sightings += 1;
        drop(state);
        self.changed.send_replace(());
    }

    /// Follows the journal on that storage.
    pub(crate) fn attach(self: &Arc<Self>, storage: &Arc<dyn Storage>) -> io::Result<Attached> {
        let mut state = lock(&self.state);
        if state.watcher.is_none() {
            state.watcher = Some(Watcher::start(self, storage)?);
        }
        self.followers.fetch_add(1, Ordering::Release);
        drop(state);
        Ok(Attached { tail: Arc::clone(self), changed: self.changed.subscribe() })
    }
}

impl State {
    /// Whether a last line of that position is one that the writer of this process published or is writing.
    fn is_own(&self, last: Option<Position>) -> bool {
        let Some(last) = last else { return false };
        let is_published = self.published.back().is_some_and(|published| last <= published.position);
        is_published || self.writing.is_some_and(|(from, to)| from <= last && last <= to)
    }
}

/// A follower's hold on a [`Tail`].
#[derive(Debug)]
pub(crate) struct Attached {
    tail: Arc<Tail>,
    changed: watch::Receiver<()>,
}

impl Attached {
    /// How things stand. What changes from here on ends the next [`Attached::changed`].
    pub(crate) fn mark(&mut self) -> Mark {
        self.changed.mark_unchanged();
        let state = lock(&self.tail.state);
        Mark { changes: state.changes, sightings: state.sightings }
    }

    /// Waits for a change since the last [`Attached::mark`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) {
        // Its sender is in the tail that we hold.
        self.changed.changed().await.unwrap_or_default();
    }

    /// What was published behind that position, at most so many events.
    pub(crate) fn behind(&self, position: Option<Position>, at_most: usize) -> Behind {
        let state = lock(&self.tail.state);
        let published = &state.published;
        let start = published.partition_point(|recorded| Some(recorded.position) <= position);
        let mut previous = position;
        let is_next = |recorded: &&Recorded| {
            let is_next = recorded.position.previous() == previous;
            previous = Some(recorded.position);
            is_next
        };
        let events: Vec<_> = published.range(start..).take(at_most).take_while(is_next).cloned().collect();
        match events.is_empty() {
            true if start == published.len() => Behind::Nothing,
            true => Behind::InFiles,
            false => Behind::Events(events),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = lock(&self.tail.state);
        if self.tail.followers.fetch_sub(1, Ordering::Release) == 1 {
            let (watcher, published) = (state.watcher.take(), std::mem::take(&mut state.published));
            drop(state);
            // Events are dropped, and the thread is told to stop, without the lock.
            drop((watcher, published));
        }
    }
}

#[cfg(test)]
mod tests;
