//! The clock by which calls of handlers are timed.

use std::time::{Duration, Instant};

/// Times calls that follow each other, of which nearly all are short.
///
/// To read the exact clock around each of eight calls takes as long as to emit. So it is read only where the system's
/// coarse clock, which costs a fifth, has ticked: that is at least every 10 ms. A call that no tick falls into is taken
/// for nothing, and what it took is put on the next one that has a tick.
#[derive(Debug)]
pub(super) struct Stopwatch<C = System> {
    clocks: C,
    tick: Option<Duration>,
    since: Instant,
}

/// The clocks of a [`Stopwatch`].
pub(super) trait Clocks {
    /// The time of the coarse clock, where there is one.
    fn tick(&self) -> Option<Duration>;

    fn now(&self) -> Instant;
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self::start_by(System)
    }
}

impl<C: Clocks> Stopwatch<C> {
    fn start_by(clocks: C) -> Self {
        let (tick, since) = (clocks.tick(), clocks.now());
        Self { clocks, tick, since }
    }

    /// What the call that ends now took, at most; nothing, if it took less than a tick.
    pub(super) fn lap(&mut self) -> Duration {
        let tick = self.clocks.tick();
        if tick.is_some() && tick == self.tick {
            return Duration::ZERO;
        }
        let now = self.clocks.now();
        let took = now - self.since;
        (self.tick, self.since) = (tick, now);
        took
    }
}

/// Those of the system.
#[derive(Debug)]
pub(super) struct System;

impl Clocks for System {
    #[cfg(target_os = "linux")]
    fn tick(&self) -> Option<Duration> {
        rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse).try_into().ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn tick(&self) -> Option<Duration> {
        None
    }

    fn now(&self) -> Instant {
        Instant::now()
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
        begun: Instant,
        time: &'a Cell<Duration>,
        every: Option<u128>,
    }

    impl Clocks for Set<'_> {
        fn tick(&self) -> Option<Duration> {
            let ticks = self.time.get().as_millis() / self.every?;
            u64::try_from(ticks * self.every?).ok().map(ms)
        }
        fn now(&self) -> Instant {
            self.begun + self.time.get()
        }
    }

    /// What each of the calls that end at these times is told to have taken.
    fn laps(every: Option<u128>, ends: &[u64]) -> Vec<Duration> {
        let time = Cell::new(ms(1));
        let mut watch = Stopwatch::start_by(Set { begun: Instant::now(), time: &time, every });
        let lap = |end: &u64| {
            time.set(ms(*end));
            watch.lap()
        };
        ends.iter().map(lap).collect()
    }

    #[test]
    fn a_call_is_timed_if_the_coarse_clock_ticks_meanwhile() {
        // Calls within one tick take nothing; the one that has the tick takes the time of those before it too.
        assert_eq!(laps(Some(4), &[2, 3, 3]), [ms(0), ms(0), ms(0)]);
        assert_eq!(laps(Some(4), &[2, 5, 6, 20]), [ms(0), ms(4), ms(0), ms(15)]);
        // A call of more than a tick always has one.
        assert_eq!(laps(Some(10), &[12, 23]), [ms(11), ms(11)]);
    }

    #[test]
    fn without_a_coarse_clock_each_call_is_timed() {
        assert_eq!(laps(None, &[1, 2, 14]), [ms(0), ms(1), ms(12)]);
    }
}
