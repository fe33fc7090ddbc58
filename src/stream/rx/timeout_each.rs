//! [`Rx::timeout_each`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later};
use super::upstream::{Lull, Step, Upstream};

/// No item came in time: the last that [`Rx::timeout_each`] yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing came within {after:?}")]
pub struct TimedOut {
    /// How long was waited.
    pub after: Duration,
}

impl<S: Stream> Rx<S> {
    /// Yields what comes, and ends with [`TimedOut`] if for longer than `patience` nothing does.
    ///
    /// Each item has that long from the one before, the first from the first poll. What comes at the very instant of
    /// the timeout is in time, and so is what lay ready while nobody polled. A source that is busy, as one that leaves
    /// items out, has that long from when it was asked. Holds nothing. ReactiveX calls it `timeout`; its other sequence
    /// to go on with is had by [`on_error`](Rx::on_error).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use agentbus::stream::rx::TimedOut;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let after = Duration::from_secs(5);
    /// let beats = tokio_stream::once("beat").chain(tokio_stream::pending());
    /// let heard: Vec<_> = beats.rx().timeout_each(after).collect().await;
    /// assert_eq!(heard, [Ok("beat"), Err(TimedOut { after })]);
    /// # }
    /// ```
    pub fn timeout_each(self, patience: Duration) -> Rx<TimeoutEach<S>> {
        Rx::new(TimeoutEach {
            upstream: Upstream::new(self.stream),
            patience,
            alarm: Alarm::unset(),
            busy_until: None,
        })
    }
}

pin_project! {
    /// Items that come in time, or [`TimedOut`]: see [`Rx::timeout_each`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct TimeoutEach<S> {
        #[pin]
        upstream: Upstream<S>,
        patience: Duration,
        // When the next item is overdue; unset before the first poll.
        alarm: Alarm,
        // How long the source may be busy without an item; none while it is not.
        busy_until: Option<Instant>,
    }
}

impl<S: Stream> Stream for TimeoutEach<S> {
    type Item = Result<S::Item, TimedOut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let lull = match this.upstream.as_mut().step(cx) {
            Step::Item(item) => {
                this.alarm.set(later(Instant::now(), *this.patience));
                *this.busy_until = None;
                return Poll::Ready(Some(Ok(item)));
            }
            Step::End => return Poll::Ready(None),
            Step::Lull(lull) => lull,
        };
        if !this.alarm.is_set() {
            this.alarm.set(later(Instant::now(), *this.patience));
        }
        if lull == Lull::Busy {
            let now = Instant::now();
            if now <= *this.busy_until.get_or_insert_with(|| later(now, *this.patience)) {
                return Poll::Pending;
            }
        } else {
            *this.busy_until = None;
            ready!(this.alarm.poll(cx, lull));
        }
        this.upstream.close();
        Poll::Ready(Some(Err(TimedOut { after: *this.patience })))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let timeout = usize::from(!self.upstream.is_ended());
        let (least, _) = self.upstream.size_hint();
        (least.min(1), self.upstream.size_hint_with(timeout).1)
    }
}
