//! The clock by which calls of handlers are timed.

use std::time::Duration;
#[cfg(not(target_os = "linux"))]
use std::time::Instant;

#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};

/// Times calls that follow each other, of which nearly all are short.
///
/// To read the exact clock around each of eight calls takes as long as to emit. So it is read only where the system's
/// coarse clock, which costs a fifth, has ticked: that is at least every 10 ms. A call that no tick falls into is taken
/// for nothing, and what it took is put on the next one that has a tick.
#[derive(Debug)]
pub(super) struct Stopwatch<C: Clocks = System> {
    clocks: C,
    since: C::Time,
}

/// The clocks of a [`Stopwatch`].
pub(super) trait Clocks {
    type Time: Copy + Ord;

    fn now(&self) -> Self::Time;

    /// When the coarse clock ticked last, by the exact one.
    fn last_tick(&self) -> Self::Time;

    fn between(since: Self::Time, now: Self::Time) -> Duration;
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self::start_by(System)
    }
}

impl<C: Clocks> Stopwatch<C> {
    fn start_by(clocks: C) -> Self {
        let since = clocks.now();
        Self { clocks, since }
    }

    /// What the call that ends now took, at most; nothing, if it took less than a tick.
    #[inline]
    pub(super) fn lap(&mut self) -> Duration {
        if self.clocks.last_tick() <= self.since {
            return Duration::ZERO;
        }
        let now = self.clocks.now();
        let took = C::between(self.since, now);
        self.since = now;
        took
    }
}

/// Those of the system.
#[derive(Debug)]
pub(super) struct System;

#[cfg(target_os = "linux")]
impl Clocks for System {
    type Time = rustix::time::Timespec;

    fn now(&self) -> Self::Time {
        clock_gettime(ClockId::Monotonic)
    }

    fn last_tick(&self) -> Self::Time {
        clock_gettime(ClockId::MonotonicCoarse)
    }

    fn between(since: Self::Time, now: Self::Time) -> Duration {
        now.checked_sub(since).and_then(|took| took.try_into().ok()).unwrap_or_default()
    }
}

/// Without a coarse clock each call is timed.
#[cfg(not(target_os = "linux"))]
impl Clocks for System {
    type Time = Instant;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn last_tick(&self) -> Instant {
        Instant::now()
    }

    fn between(since: Instant, now: Instant) -> Duration {
        now - since
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A time, and a coarse clock that ticks every so often.
    struct Set<'a> {
        time: &'a Cell<Duration>,
        every: u64,
    }

    impl Clocks for Set<'_> {
        type Time = Duration;
        fn now(&self) -> Duration {
            self.time.get()
        }
        fn last_tick(&self) -> Duration {
            let now = u64::try_from(self.time.get().as_millis()).unwrap();
            ms(now - now % self.every)
        }
        fn between(since: Duration, now: Duration) -> Duration {
            now.saturating_sub(since)
        }
    }

    /// What each of the calls that end at these times is told to have taken.
    fn laps(every: u64, ends: &[u64]) -> Vec<Duration> {
        let time = Cell::new(ms(1));
        let mut watch = Stopwatch::start_by(Set { time: &time, every });
        let lap = |end: &u64| {
            time.set(ms(*end));
            watch.lap()
        };
        ends.iter().map(lap).collect()
    }

    #[test]
    fn a_call_is_timed_if_the_coarse_clock_ticks_meanwhile() {
        // Calls within one tick take nothing; the one that has the tick takes the time of those before it too.
        assert_eq!(laps(4, &[2, 3, 3]), [ms(0), ms(0), ms(0)]);
        assert_eq!(laps(4, &[2, 5, 6, 20]), [ms(0), ms(4), ms(0), ms(15)]);
        // A call of more than a tick always has one.
        assert_eq!(laps(10, &[12, 23]), [ms(11), ms(11)]);
    }
}
