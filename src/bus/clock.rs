//! The clock by which calls of handlers are timed.

use std::time::{Duration, Instant};

/// Times calls that follow each other, of which nearly all are short.
///
/// To read the exact clock around each of eight calls takes as long as to emit. So it is read only where the system's
/// coarse clock, which costs a fifth, has ticked: that is at least every 10 ms. A call that no tick falls into is taken
/// for nothing, and what it took is put on the next one that has a tick.
#[derive(Debug)]
pub(super) struct Stopwatch {
    tick: Option<Duration>,
    since: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { tick: tick(), since: Instant::now() }
    }

    /// What the call that ends now took, at most; nothing, if it took less than a tick.
    pub(super) fn lap(&mut self) -> Duration {
        let tick = tick();
        if tick.is_some() && tick == self.tick {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let took = now - self.since;
        (self.tick, self.since) = (tick, now);
        took
    }
}

/// The time of the system's coarse clock, where it has one.
#[cfg(target_os = "linux")]
fn tick() -> Option<Duration> {
    rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse).try_into().ok()
}

#[cfg(not(target_os = "linux"))]
fn tick() -> Option<Duration> {
    None
}
