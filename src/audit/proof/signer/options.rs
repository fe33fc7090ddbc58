//! [`HeadOptions`]: how often a journal is signed.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Timestamp;

/// How many lines a head covers at most, unless it is said otherwise.
pub const DEFAULT_EVERY: NonZeroU64 = NonZeroU64::new(1_000).expect("it is not zero");

/// How many lines a head may cover: whoever proves one of them reads them all.
pub const MAX_EVERY: NonZeroU64 = NonZeroU64::new(1_000_000).expect("it is not zero");

/// How long after a head the next one is signed at the latest, unless it is said otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_mins(5);

/// How often a journal is signed.
#[derive(Clone)]
pub struct HeadOptions {
    pub(super) every: u64,
    pub(super) interval: Duration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl HeadOptions {
    /// Every [`DEFAULT_EVERY`] lines and every [`DEFAULT_INTERVAL`], by the system's clock.
    pub fn new() -> Self {
        Self { every: DEFAULT_EVERY.get(), interval: DEFAULT_INTERVAL, clock: Arc::new(Timestamp::now) }
    }

    /// A head covers at most so many lines; no more than [`MAX_EVERY`].
    #[must_use]
    pub fn every(mut self, lines: NonZeroU64) -> Self {
        self.every = lines.min(MAX_EVERY).get();
        self
    }

    /// The next head is signed so long after one, also if nothing was recorded. It is looked once a second whether it is
    /// time.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The clock by which heads are dated.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl Default for HeadOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HeadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HeadOptions");
        shown.field("every", &self.every).field("interval", &self.interval).finish_non_exhaustive()
    }
}
