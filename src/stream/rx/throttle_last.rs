//! [`Rx::throttle_last`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later, next_tick, period};
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields, at the end of each period, the last item that came in it; nothing for one without items.
    ///
    /// Periods follow one another from the first poll. The end of the source is seen at the end of its period, after
    /// its last item, as RxPY's `sample` has it. Holds one item.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let progress = tokio_stream::iter([10, 20, 30]);
    /// let shown: Vec<_> = progress.rx().throttle_last(Duration::from_millis(100)).collect().await;
    /// assert_eq!(shown, [30]);
    /// # }
    /// ```
    pub fn throttle_last(self, duration: Duration) -> Rx<ThrottleLast<S>> {
        Rx::new(ThrottleLast {
            upstream: Upstream::new(self.stream),
            period: period(duration),
            last: None,
            tick: None,
            alarm: Alarm::unset(),
        })
    }
}

pin_project! {
    /// The last item of each period: see [`Rx::throttle_last`].
    #[must_use = "streams do nothing unless polled"]
    pub struct ThrottleLast<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        period: Duration,
        last: Option<S::Item>,
        // The end of this period; none before the first poll.
        tick: Option<Instant>,
        // Set to `tick`, until the end has been seen.
        alarm: Alarm,
    }
}

impl<S: Stream> Stream for ThrottleLast<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let mut tick = *this.tick.get_or_insert_with(|| {
            let first = later(Instant::now(), *this.period);
            this.alarm.set(first);
            first
        });
        loop {
            let lull = match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    *this.last = Some(item);
                    continue;
                }
                Step::End if !this.alarm.is_set() => return Poll::Ready(None),
                Step::End => Lull::Idle,
                Step::Lull(lull) => lull,
            };
            ready!(this.alarm.poll(cx, lull));
            let last = this.last.take();
            if this.upstream.is_ended() {
                return Poll::Ready(last);
            }
            tick = next_tick(tick, *this.period);
            *this.tick = Some(tick);
            this.alarm.set(tick);
            if last.is_some() {
                return Poll::Ready(last);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint_with(usize::from(self.last.is_some()));
        (least.min(1), most)
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for ThrottleLast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleLast")
            .field("source", &self.upstream)
            .field("period", &self.period)
            .field("last", &self.last.is_some())
            .finish_non_exhaustive()
    }
}
