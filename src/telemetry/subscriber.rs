//! [`Telemetry`]: watches a bus and tells what it counted.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, unconstrained};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::count::Counting;
use crate::bus::EventBus;
use crate::event::{DomainEvent, Scope, Timestamp};
use crate::filter::Filter;
use crate::stream::{Delivery, EventStream};

/// How long an interval is, unless it is said otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);

/// The shortest interval.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The longest interval: a day, so that a process that runs on tells something.
const MAX_INTERVAL: Duration = Duration::from_hours(24);

/// How many deliveries are taken at once.
const AT_ONCE: usize = 256;

/// Watches a bus and tells in intervals what it counted.
///
/// It holds on to the bus: while it lives, the bus does not come to its end by being dropped. Dropping it stops it,
/// and the interval under way is not told; [`close`](Self::close) tells it.
#[derive(Debug)]
#[must_use = "dropped, it stops, and the last interval is not told"]
pub struct Telemetry {
    /// Asks for the last interval, and says until when what waits is counted.
    stop: Option<oneshot::Sender<Instant>>,
    task: JoinHandle<TelemetrySummary>,
}

/// Makes a [`Telemetry`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct TelemetryBuilder {
    interval: Duration,
}

/// What a [`Telemetry`] counted in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetrySummary {
    /// How many intervals it told.
    pub intervals: u64,
    /// How many events they count.
    pub events: u64,
    /// How many events it missed, at most; the intervals say so.
    pub missed: u64,
    /// How many events it counted and could not tell of: the bus was closed before.
    pub untold: u64,
    /// Whether everything that was emitted before the close is counted; if not, it was not within the deadline.
    pub is_whole: bool,
}

impl Telemetry {
    /// A telemetry to be started.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder { interval: DEFAULT_INTERVAL }
    }

    /// Counts what was emitted before, for at most `deadline`, tells the last interval, and says what was counted in
    /// all. Called before the bus is closed, which then takes nothing more.
    ///
    /// # Panics
    /// If the bus, one of others, panicked.
    ///
    /// # Cancel safety
    /// If dropped, it stops; whether the last interval is told is not known.
    pub async fn close(mut self, deadline: Duration) -> TelemetrySummary {
        // A deadline beyond a year is none for practical purposes, and no clock can tell every one.
        let until = Instant::now() + deadline.min(Duration::from_hours(24 * 365));
        if let Some(stop) = self.stop.take() {
            // If it is gone, its bus was closed, and the task tells how that was.
            let _gone_already = stop.send(until);
        }
        match (&mut self.task).await {
            Ok(summary) => summary,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shut down.
                Err(_cancelled) => TelemetrySummary::default(),
            },
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TelemetryBuilder {
    /// How long an interval is: [`DEFAULT_INTERVAL`] unless it is said, at least [`MIN_INTERVAL`], at most a day.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self
    }

    /// Starts to count what `bus` tells from now on, on the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self, bus: Arc<dyn EventBus>) -> Telemetry {
        let (stop, stopped) = oneshot::channel();
        let watch = Watch {
            stream: bus.stream(Filter::all()),
            bus,
            counting: Counting::begin(Timestamp::now()),
            summary: TelemetrySummary { is_whole: true, ..TelemetrySummary::default() },
        };
        Telemetry { stop: Some(stop), task: tokio::spawn(watch.run(self.interval, stopped)) }
    }
}

/// What counts.
struct Watch {
    bus: Arc<dyn EventBus>,
    stream: EventStream,
    counting: Counting,
    summary: TelemetrySummary,
}

impl Watch {
    /// Counts until it is told to stop, or the stream ends.
    async fn run(mut self, interval: Duration, mut stop: oneshot::Receiver<Instant>) -> TelemetrySummary {
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The interval ends and the close is heard also while events come faster than they are counted.
            tokio::select! {
                biased;
                _ = ticks.tick() => self.tell(),
                asked = &mut stop => {
                    if let Ok(until) = asked {
                        self.drain(until).await;
                    }
                    break;
                }
                taken = self.stream.next_many(AT_ONCE) => {
                    if taken.is_empty() {
                        break;
                    }
                    self.count(&taken);
                }
            }
        }
        self.tell();
        self.summary
    }

    fn count(&mut self, taken: &[Delivery]) {
        for delivery in taken {
            self.counting.take(delivery);
        }
    }

    /// Counts what waits, until nothing does or it is too late.
    async fn drain(&mut self, until: Instant) {
        let mut is_late = false;
        loop {
            // Pending here means that nothing waits: the budget of tokio does not count.
            let taken = unconstrained(poll_fn(|cx| {
                let polled = pin!(self.stream.next_many(AT_ONCE)).poll(cx);
                Poll::Ready(match polled {
                    Poll::Ready(taken) => taken,
                    Poll::Pending => Vec::new(),
                })
            }));
            let taken = taken.await;
            if taken.is_empty() {
                return;
            }
            self.count(&taken);
            if is_late {
                self.summary.is_whole = false;
                return;
            }
            is_late = Instant::now() >= until;
            // Others on this runtime are not to wait for the end of a flood.
            tokio::task::yield_now().await;
        }
    }

    /// Ends the interval.
    fn tell(&mut self) {
        let (events, missed) = self.counting.so_far();
        let Some(interval) = self.counting.end(Timestamp::now()) else { return };
        // Of no plan or session, whatever the scope is in which it was started.
        let receipt = self.bus.emit(DomainEvent::new_in(&Scope::new(), interval));
        self.summary.missed = self.summary.missed.saturating_add(missed);
        if receipt.seq.is_none() {
            self.summary.untold += events;
            tracing::warn!(target: "agentbus::telemetry", events, "telemetry_not_told");
            return;
        }
        self.summary.intervals += 1;
        self.summary.events += events;
    }
}
