//! [`Queue`]: what waits to be written.
//!
//! Recording only puts something here, whatever happens. The bound is soft: past it emitting threads help to write or
//! wait a little; only while the journal is failing is nobody kept waiting, and what does not fit becomes a gap.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, lock};

/// What waits, with what it weighs.
pub(super) trait Weighs {
    /// An estimate of the memory it holds, in bytes.
    fn weight(&self) -> usize;
    /// What stands for so many that did not fit.
    fn gap(events: u64) -> Self;
    /// How many did not fit, if this stands for them.
    fn gap_mut(&mut self) -> Option<&mut u64>;
}

#[cfg(all(test, shuttle))]
mod model;

/// At most so many are written as one batch.
const BATCH: usize = 4_096;

/// And no more once they weigh that much, in bytes.
const BATCH_WEIGHT: usize = 4 << 20;

/// The number of a thing in the order of the queue, from 1; what was lost has one too.
pub(super) type Ticket = u64;

#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Held for a push, or for taking a batch out.
    state: Mutex<State<T>>,
    /// Something arrived, or is asked of the writer.
    arrived: Condvar,
    /// A batch was taken.
    eased: Condvar,
    /// As in the state, to be looked at without its lock.
    weight: AtomicUsize,
    /// In bytes.
    bound: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    weight: usize,
    /// The last ticket given.
    last: Ticket,
    /// The last ticket of something that was lost; 0 if nothing was.
    last_lost: Ticket,
    /// What was asked to be synced without waiting for the interval.
    sync_through: Ticket,
    is_failing: bool,
    writer: Rest,
    /// Until when what waits is still written; none while the journal is open.
    stop_at: Option<Instant>,
    /// Nothing is taken any more.
    is_closed: bool,
}

/// What the writer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Awake,
    /// It waits to be woken.
    Asleep,
    /// It is awake, and is not to wait the next time.
    Called,
}

#[derive(Debug)]
struct Waiting<T> {
    /// Of a gap, the last that it stands for.
    ticket: Ticket,
    weight: usize,
    thing: T,
}

/// What the writer is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) sync_through: Ticket,
    pub(super) stop_at: Option<Instant>,
    pub(super) is_empty: bool,
}

impl<T: Weighs> Queue<T> {
    pub(super) fn new(bound: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            weight: 0,
            last: 0,
            last_lost: 0,
            sync_through: 0,
            is_failing: false,
            writer: Rest::Awake,
            stop_at: None,
            is_closed: false,
        };
        Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            eased: Condvar::new(),
            weight: AtomicUsize::new(0),
            bound,
        }
    }

    /// Puts one thing in, whatever happens; while failing, what does not fit is counted instead.
    pub(super) fn push(&self, thing: T) {
        let mut state = lock(&self.state);
        if state.is_closed {
            state.last += 1;
            state.last_lost = state.last;
            return;
        }
        if state.is_failing && state.weight.saturating_add(thing.weight()) > self.bound {
            state.last += 1;
            let ticket = state.last;
            state.last_lost = ticket;
            if let Some(last) = state.waiting.back_mut()
                && let Some(events) = last.thing.gap_mut()
            {
                *events += 1;
                last.ticket = ticket;
            } else {
                state.waiting.push_back(Waiting { ticket, weight: 0, thing: T::gap(1) });
            }
            return;
        }
        self.put(&mut state, thing);
        self.wake_writer(state);
    }

    /// Puts things in side by side, unless the journal is failing or stopped.
    pub(super) fn offer(&self, things: Vec<T>) -> Result<(), Refused> {
        let mut state = lock(&self.state);
        if state.stop_at.is_some() {
            return Err(Refused::Stopped);
        }
        if state.is_failing {
            return Err(Refused::Failing);
        }
        for thing in things {
            self.put(&mut state, thing);
        }
        self.wake_writer(state);
        Ok(())
    }

    fn put(&self, state: &mut State<T>, thing: T) {
        state.last += 1;
        let (ticket, weight) = (state.last, thing.weight());
        state.weight = state.weight.saturating_add(weight);
        self.weight.store(state.weight, Ordering::Relaxed);
        state.waiting.push_back(Waiting { ticket, weight, thing });
    }

    fn wake_writer(&self, mut state: MutexGuard<'_, State<T>>) {
        let sleeps = state.writer == Rest::Asleep;
        if sleeps {
            state.writer = Rest::Awake;
        }
        drop(state);
        if sleeps {
            self.arrived.notify_one();
        }
    }

    /// Whether more waits than should.
    pub(super) fn is_past_bound(&self) -> bool {
        self.weight.load(Ordering::Relaxed) > self.bound
    }

    /// Takes the next things out, a batch of them, and gives the ticket of the last one.
    pub(super) fn take(&self, into: &mut Vec<T>) -> Ticket {
        let mut state = lock(&self.state);
        let (mut weight, mut through) = (0, 0);
        while weight < BATCH_WEIGHT && into.len() < BATCH {
            let Some(next) = state.waiting.pop_front() else { break };
            weight += next.weight;
            through = next.ticket;
            into.push(next.thing);
        }
        if state.waiting.is_empty() {
            // What was withdrawn behind it is no longer waited for.
            through = state.last;
        }
        state.weight = state.weight.saturating_sub(weight);
        self.weight.store(state.weight, Ordering::Relaxed);
        drop(state);
        self.eased.notify_all();
        through
    }

    /// Waits until something is asked of the writer, or for that long. `seen` is what it knows to be asked already.
    pub(super) fn wait(&self, seen: Ticket, patience: Option<Duration>) -> Asked {
        let mut state = lock(&self.state);
        let idle = |state: &State<T>| {
            state.waiting.is_empty()
                && state.sync_through <= seen
                && state.stop_at.is_none()
                && state.writer != Rest::Called
        };
        if idle(&state) {
            state.writer = Rest::Asleep;
            state = match patience {
                Some(patience) => crate::sync::wait_for(&self.arrived, state, patience),
                None => crate::sync::wait(&self.arrived, state),
            };
        }
        state.writer = Rest::Awake;
        Asked { sync_through: state.sync_through, stop_at: state.stop_at, is_empty: state.waiting.is_empty() }
    }

    /// Waits for that long, unless it is told to stop otherwise than as it `knows`: for the next attempt of a writer that
    /// fails.
    pub(super) fn pause(&self, patience: Duration, knows: Option<Instant>) {
        let state = lock(&self.state);
        if state.stop_at == knows {
            drop(crate::sync::wait_for(&self.arrived, state, patience));
        }
    }

    /// Waits until no more waits than should, or the journal fails, at most that long.
    pub(super) fn wait_until_eased(&self, patience: Duration) {
        let mut state = lock(&self.state);
        let until = Instant::now() + patience;
        while state.weight > self.bound && !state.is_failing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = crate::sync::wait_for(&self.eased, state, left);
        }
    }

    /// The last ticket given and the last one lost.
    pub(super) fn tickets(&self) -> (Ticket, Ticket) {
        let state = lock(&self.state);
        (state.last, state.last_lost)
    }

    /// Wakes the writer, or keeps it from waiting the next time: it has something begun.
    pub(super) fn wake(&self) {
        let mut state = lock(&self.state);
        if state.writer == Rest::Asleep {
            self.wake_writer(state);
        } else {
            state.writer = Rest::Called;
        }
    }

    /// Asks for everything up to that ticket to be synced now.
    pub(super) fn ask_sync(&self, through: Ticket) {
        let mut state = lock(&self.state);
        state.sync_through = state.sync_through.max(through);
        self.wake_writer(state);
    }

    /// Tells whether the journal is failing; gives what waited and `withdraws` says should not any longer.
    pub(super) fn set_failing(&self, is_failing: bool, withdraws: impl Fn(&T) -> bool) -> Vec<T> {
        let mut state = lock(&self.state);
        state.is_failing = is_failing;
        let mut gone = Vec::new();
        if is_failing && state.waiting.iter().any(|waiting| withdraws(&waiting.thing)) {
            for waiting in std::mem::take(&mut state.waiting) {
                if withdraws(&waiting.thing) {
                    state.weight = state.weight.saturating_sub(waiting.weight);
                    gone.push(waiting.thing);
                } else {
                    state.waiting.push_back(waiting);
                }
            }
            self.weight.store(state.weight, Ordering::Relaxed);
        }
        drop(state);
        self.eased.notify_all();
        gone
    }

    /// Whether the journal is failing.
    pub(super) fn is_failing(&self) -> bool {
        lock(&self.state).is_failing
    }

    /// Asks the writer to stop once everything is written, or at that time.
    pub(super) fn stop(&self, at: Instant) {
        let mut state = lock(&self.state);
        state.stop_at = Some(state.stop_at.map_or(at, |before| before.min(at)));
        drop(state);
        self.arrived.notify_all();
    }

    /// Takes nothing any more and lets go of what waits; how much that is.
    pub(super) fn close(&self) -> u64 {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let mut left = std::mem::take(&mut state.waiting);
        (state.weight, state.last_lost) = (0, if left.is_empty() { state.last_lost } else { state.last });
        self.weight.store(0, Ordering::Relaxed);
        drop(state);
        self.eased.notify_all();
        left.iter_mut().map(|waiting| waiting.thing.gap_mut().map_or(1, |events| *events)).sum()
    }

    /// How many wait; what did not fit counts as one.
    pub(super) fn len(&self) -> u64 {
        lock(&self.state).waiting.len() as u64
    }
}

/// Why things were not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Failing,
    Stopped,
}
