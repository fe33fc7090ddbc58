//! [`Rx::window_count_or_time`].

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later, next_tick, period};
use super::upstream::{Step, Upstream};
use crate::stream::Count;

impl<S: Stream> Rx<S> {
    /// Yields items in lists: one that has `count` of them at once, any other `duration` after it was begun.
    ///
    /// A list is begun when the one before is yielded, the first at the first poll; one without items is yielded
    /// too. At the end of the source the list begun is yielded at once, even an empty one: ReactiveX, which calls it
    /// `buffer_with_time_or_count`, has it so.
    ///
    /// Holds up to `count` items.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let rows = tokio_stream::iter(1..=3).chain(tokio_stream::pending());
    /// let mut batches = rows.rx().window_count_or_time(2, Duration::from_secs(1));
    /// assert_eq!(batches.next().await, Some(vec![1, 2]));
    /// assert_eq!(batches.next().await, Some(vec![3]));
    /// # }
    /// ```
    pub fn window_count_or_time(self, count: impl Count, duration: Duration) -> Rx<WindowCountOrTime<S>> {
        Rx::new(WindowCountOrTime::new(self.stream, count.at_least_one(), duration))
    }
}

impl<S: Stream> WindowCountOrTime<S> {
    pub(super) fn new(source: S, count: NonZeroUsize, duration: Duration) -> Self {
        Self {
            upstream: Upstream::new(source),
            count,
            period: period(duration),
            held: Some(Vec::new()),
            tick: None,
            alarm: Alarm::unset(),
        }
    }
}

pin_project! {
    /// Items in lists of bounded length and age: see [`Rx::window_count_or_time`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WindowCountOrTime<S: Stream> {
        #[pin]
        pub(super) upstream: Upstream<S>,
        count: NonZeroUsize,
        pub(super) period: Duration,
        // None once the last list is yielded.
        pub(super) held: Option<Vec<S::Item>>,
        // When the list begun is due; none before the first poll.
        tick: Option<Instant>,
        alarm: Alarm,
    }
}

impl<S: Stream> Stream for WindowCountOrTime<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        let Some(held) = this.held else {
            return Poll::Ready(None);
        };
        let tick = *this.tick.get_or_insert_with(|| later(Instant::now(), *this.period));
        this.alarm.set(tick);
        let lull = loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    held.push(item);
                    if held.len() >= this.count.get() {
                        *this.tick = Some(later(Instant::now(), *this.period));
                        return Poll::Ready(Some(mem::take(held)));
                    }
                }
                Step::End => return Poll::Ready(this.held.take()),
                Step::Lull(lull) => break lull,
            }
        };
        ready!(this.alarm.poll(cx, lull));
        *this.tick = Some(next_tick(tick, *this.period));
        Poll::Ready(Some(mem::take(held)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(held) = &self.held else {
            return (0, Some(0));
        };
        // The last list is never full, so there is always one more than there are full ones.
        let (items, _) = self.upstream.size_hint_with(held.len());
        ((items / self.count.get()).saturating_add(1), None)
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WindowCountOrTime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowCountOrTime")
            .field("source", &self.upstream)
            .field("count", &self.count)
            .field("period", &self.period)
            .field("held", &self.held.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
