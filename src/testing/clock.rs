//! [`FixedClock`]: a clock that stands still, and ids that count.

use std::marker::PhantomData;
use std::time::Duration;

use crate::event::{Timestamp, source};

/// While it lives, events made on this thread have the time it shows, and ids that count up from one.
///
/// It holds for one thread: in async tests use a current-thread runtime. Dropping it gives back the real clock.
#[derive(Debug)]
#[must_use = "a dropped clock gives back the real one"]
pub struct FixedClock {
    /// The clock belongs to the thread that fixed it.
    thread_bound: PhantomData<*const ()>,
}

impl FixedClock {
    /// Fixes the clock of this thread at `now`.
    pub fn at(now: Timestamp) -> Self {
        source::fix(Some(now));
        Self { thread_bound: PhantomData }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        source::advance(by);
    }
}

impl Drop for FixedClock {
    fn drop(&mut self) {
        source::fix(None);
    }
}
