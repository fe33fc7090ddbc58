//! [`Stats`]: what a bus has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a bus has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events emitted.
    pub emitted: u64,
    /// Events emitted when the bus was closed, or by others than its handlers while it was closing: nobody got them.
    pub late: u64,
    /// Events at which a chain of handlers was cut.
    pub cut: u64,
    /// Calls of sync handlers that panicked.
    pub failed: u64,
    /// Calls of sync handlers that took more than 10 ms.
    pub slow: u64,
    /// Calls of the recorder that panicked.
    pub recorder_panics: u64,
    /// Streams there are now.
    pub streams: usize,
    /// Handlers there are now, sync and async.
    pub handlers: usize,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) late: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) slow: AtomicU64,
    pub(super) recorder_panics: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self, emitted: u64, (streams, handlers): (usize, usize)) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            emitted,
            late: count(&self.late),
            cut: count(&self.cut),
            failed: count(&self.failed),
            slow: count(&self.slow),
            recorder_panics: count(&self.recorder_panics),
            streams,
            handlers,
        }
    }
}
