//! [`Rx::window_time`].

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later, next_tick, period};
use super::upstream::{Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields, at the end of each period, the items that came in it; an empty list for one without items.
    ///
    /// Periods follow one another from the first poll. At the end of the source the list begun is yielded at once,
    /// even an empty one: ReactiveX, which calls it `buffer_with_time`, has it so. Periods that nobody waited for
    /// give one list together.
    ///
    /// Holds what comes in one period;
    /// [`window_count_or_time`](Rx::window_count_or_time) bounds that.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let silent = tokio_stream::pending::<u8>();
    /// let mut seconds = silent.rx().window_time(Duration::from_secs(1));
    /// assert_eq!(seconds.next().await, Some(vec![]));
    /// # }
    /// ```
    pub fn window_time(self, duration: Duration) -> Rx<WindowTime<S>> {
        Rx::new(WindowTime {
            upstream: Upstream::new(self.stream),
            period: period(duration),
            held: Some(Vec::new()),
            tick: None,
            alarm: Alarm::unset(),
        })
    }
}

pin_project! {
    /// Items in lists, one for each period: see [`Rx::window_time`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WindowTime<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        period: Duration,
        // None once the last list is yielded.
        held: Option<Vec<S::Item>>,
        // The end of this period; none before the first poll.
        tick: Option<Instant>,
        alarm: Alarm,
    }
}

impl<S: Stream> Stream for WindowTime<S> {
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
                Step::Item(item) => held.push(item),
                Step::End => return Poll::Ready(this.held.take()),
                Step::Lull(lull) => break lull,
            }
        };
        ready!(this.alarm.poll(cx, lull));
        *this.tick = Some(next_tick(tick, *this.period));
        Poll::Ready(Some(mem::take(held)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.held.is_some() { (1, None) } else { (0, Some(0)) }
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WindowTime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowTime")
            .field("source", &self.upstream)
            .field("period", &self.period)
            .field("held", &self.held.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
