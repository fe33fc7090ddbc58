//! The one timer of an operator: made at its first use, moved rather than made anew.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::upstream::Lull;

/// Farther than any test or run, and near enough for an [`Instant`] to hold.
const FAR: Duration = Duration::from_hours(30 * 365 * 24);

/// The resolution of tokio's timers: a shorter period would only tick in vain.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

/// A moment to wait for, or none.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// Rings at the moment or before it; moving it on only then spares the timer wheel a move for each item.
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
}

impl Alarm {
    pub(super) const fn unset() -> Self {
        Self { sleep: None, at: None }
    }

    pub(super) const fn is_set(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    pub(super) fn clear(&mut self) {
        self.at = None;
    }

    /// Waits for the moment, then has none. With none it is pending, and wakes nobody.
    ///
    /// While the source is busy, a moment counts only when it is past: at its very instant, items come first.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, lull: Lull) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        match lull {
            Lull::Busy if Instant::now() <= at => return Poll::Pending,
            Lull::Busy => {}
            Lull::Idle => ready!(self.poll_sleep(cx, at)),
        }
        self.at = None;
        Poll::Ready(())
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

/// The moment `delay` from `now`; one that no clock can hold is very far.
pub(super) fn later(now: Instant, delay: Duration) -> Instant {
    now.checked_add(delay).unwrap_or_else(|| now + FAR)
}

/// A period that a timer can tick in.
pub(super) fn period(asked: Duration) -> Duration {
    asked.max(SHORTEST_PERIOD)
}

/// The first tick behind both `last` and now, on the grid of `last` and `period`: ticks that nobody waited for are
/// left out, and do not shift those to come.
pub(super) fn next_tick(last: Instant, period: Duration) -> Instant {
    let next = later(last, period);
    let now = Instant::now();
    if next > now {
        return next;
    }
    let into = (now - last).as_nanos() % period.as_nanos();
    let left = period.as_nanos() - into;
    later(now, u64::try_from(left).map_or(FAR, Duration::from_nanos))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_tick_that_was_slept_through_is_left_out_and_the_grid_stays() {
        let start = Instant::now();
        assert_eq!(next_tick(start, 3 * MS), start + 3 * MS);
        tokio::time::advance(10 * MS).await;
        assert_eq!(next_tick(start + 3 * MS, 3 * MS), start + 12 * MS);
        assert_eq!(next_tick(start + 4 * MS, 3 * MS), start + 13 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_that_no_clock_can_hold_is_very_far() {
        let now = Instant::now();
        assert!(later(now, Duration::MAX) > now + Duration::from_secs(1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_moment_it_was_last_set_to_be_it_nearer_or_farther() {
        let start = Instant::now();
        let mut alarm = Alarm::unset();
        for (first, then) in [(50, 3), (3, 50)] {
            let begun = Instant::now();
            alarm.set(begun + first * MS);
            assert_eq!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, Lull::Idle))).await, Poll::Pending);
            alarm.set(begun + then * MS);
            poll_fn(|cx| alarm.poll(cx, Lull::Idle)).await;
            assert_eq!(begun.elapsed(), then * MS);
            assert!(!alarm.is_set());
        }
        assert_eq!(start.elapsed(), 53 * MS);
    }
}
