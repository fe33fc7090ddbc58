//! [`Rx::sample`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::Turns;
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields, whenever `sampler` yields, the last item that came since; nothing if none came.
    ///
    /// What is ready at the very instant of a sample is in it. The end of `sampler` is a sample too, the last one:
    /// nothing can come behind it, so this ends there (RxPY stays silent for ever). The end of this stream is seen at
    /// the next sample, as RxPY has it. Holds one item. By time, it is [`throttle_last`](Rx::throttle_last).
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::testing::marbles::cold;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let asked_for = cold("abc-d|").rx().sample(cold("--x----x|"));
    /// assert_eq!(asked_for.collect::<Vec<_>>().await, ['c', 'd']);
    /// # }
    /// ```
    pub fn sample<N: Stream>(self, sampler: N) -> Rx<Sample<S, N>> {
        Rx::new(Sample {
            upstream: Upstream::new(self.stream),
            sampler: Upstream::new(sampler),
            last: None,
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// The last item before each sample: see [`Rx::sample`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Sample<S: Stream, N> {
        #[pin]
        upstream: Upstream<S>,
        // Ended once the last sample is taken.
        #[pin]
        sampler: Upstream<N>,
        last: Option<S::Item>,
        turns: Turns,
    }
}

impl<S: Stream, N: Stream> Stream for Sample<S, N> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        for place in this.turns.order(2) {
            loop {
                let step = if place == 0 {
                    this.upstream.as_mut().step(cx).map(|item| *this.last = Some(item))
                } else {
                    this.sampler.as_mut().step(cx).map(drop)
                };
                match step {
                    Step::Item(()) if place == 0 => {}
                    Step::Item(()) if this.upstream.is_ended() => {
                        this.sampler.close();
                        return Poll::Ready(this.last.take());
                    }
                    Step::Item(()) if this.last.is_some() => return Poll::Ready(this.last.take()),
                    Step::Item(()) => {}
                    Step::End if place == 1 => {
                        this.upstream.close();
                        return Poll::Ready(this.last.take());
                    }
                    Step::End | Step::Lull(Lull::Idle) => break,
                    Step::Lull(Lull::Busy) => {
                        this.turns.busy(place);
                        return Poll::Pending;
                    }
                }
            }
        }
        this.turns.rest();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.sampler.is_ended() {
            return (0, Some(0));
        }
        let items = self.upstream.size_hint_with(usize::from(self.last.is_some())).1;
        // Its end samples too.
        let samples = self.sampler.size_hint_with(1).1;
        (0, items.into_iter().chain(samples).min())
    }
}

impl<S: Stream + fmt::Debug, N: fmt::Debug> fmt::Debug for Sample<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("source", &self.upstream)
            .field("sampler", &self.sampler)
            .field("last", &self.last.is_some())
            .finish_non_exhaustive()
    }
}
