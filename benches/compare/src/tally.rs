//! [`Tally`]: what the consumers of a run have had, and how a publisher waits for them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// The consumers of a run. A publisher says how much each of them is to have had and waits until they have.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Box<[Counts]>,
    goal: AtomicU64,
    /// How many consumers have not reached the goal.
    behind: AtomicUsize,
    /// How many goals have been reached by all.
    reached: Mutex<u64>,
    all_reached: Condvar,
}

/// One consumer's, in cache lines of its own. Written by that consumer alone.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    had: AtomicU64,
    missed: AtomicU64,
    goal_reached: AtomicU64,
}

impl Tally {
    pub(crate) fn new(consumers: usize) -> Arc<Self> {
        Arc::new(Self {
            counts: (0..consumers).map(|_| Counts::default()).collect(),
            goal: AtomicU64::new(u64::MAX),
            behind: AtomicUsize::new(0),
            reached: Mutex::new(0),
            all_reached: Condvar::new(),
        })
    }

    pub(crate) fn seats(self: &Arc<Self>) -> Vec<Seat> {
        (0..self.counts.len()).map(|place| Seat { tally: Arc::clone(self), place }).collect()
    }

    /// Events that arrived, at all consumers together.
    pub(crate) fn had(&self) -> u64 {
        self.counts.iter().map(|counts| counts.had.load(Ordering::Acquire)).sum()
    }

    /// Events that were reported missed, to all consumers together.
    pub(crate) fn missed(&self) -> u64 {
        self.counts.iter().map(|counts| counts.missed.load(Ordering::Acquire)).sum()
    }

    /// Before a burst: each consumer is to have had so many in all. The goal before must have been reached.
    pub(crate) fn aim(&self, goal: u64) {
        self.behind.store(self.counts.len(), Ordering::Release);
        self.goal.store(goal, Ordering::Release);
    }

    /// Waits until so many goals have been reached by all.
    pub(crate) fn wait(&self, goals: u64) {
        let mut reached = self.reached.lock().unwrap();
        while *reached < goals {
            reached = self.all_reached.wait(reached).unwrap();
        }
    }

    #[cold]
    fn arrive(&self) {
        if self.behind.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.reached.lock().unwrap() += 1;
            self.all_reached.notify_all();
        }
    }
}

/// A consumer's place in the tally.
#[derive(Debug)]
pub(crate) struct Seat {
    tally: Arc<Tally>,
    place: usize,
}

impl Seat {
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// So many events arrived.
    #[inline]
    pub(crate) fn had(&self, events: u64) {
        let counts = &self.tally.counts[self.place];
        add(&counts.had, events);
        self.arrive_at_goal(counts);
    }

    /// So many were reported missed.
    pub(crate) fn missed(&self, events: u64) {
        let counts = &self.tally.counts[self.place];
        add(&counts.missed, events);
        self.arrive_at_goal(counts);
    }

    #[inline]
    fn arrive_at_goal(&self, counts: &Counts) {
        let goal = self.tally.goal.load(Ordering::Relaxed);
        let so_far = counts.had.load(Ordering::Relaxed) + counts.missed.load(Ordering::Relaxed);
        if so_far >= goal && counts.goal_reached.load(Ordering::Relaxed) != goal {
            counts.goal_reached.store(goal, Ordering::Relaxed);
            self.tally.arrive();
        }
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Release);
}
