//! [`Rx::combine_latest`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::{Turns, both};
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields, whenever this stream or `other` yields, the latest items of both; nothing before both have yielded one.
    ///
    /// At one instant, the items of this one come first. It ends when both have ended, and, as in RxPY, when one
    /// yields its first item while the other has ended without any. Holds the latest item of each.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let limits = tokio_stream::iter([10, 20]);
    /// let loads = limits.rx().combine_latest(tokio_stream::iter([15, 25]));
    /// assert_eq!(loads.collect::<Vec<_>>().await, [(20, 15), (20, 25)]);
    /// # }
    /// ```
    pub fn combine_latest<M>(self, other: M) -> Rx<CombineLatest<S, M>>
    where
        M: Stream,
        S::Item: Clone,
        M::Item: Clone,
    {
        Rx::new(CombineLatest {
            upstream: Upstream::new(self.stream),
            other: Upstream::new(other),
            latest: (None, None),
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// The latest items of two streams: see [`Rx::combine_latest`].
    #[must_use = "streams do nothing unless polled"]
    pub struct CombineLatest<S: Stream, M: Stream> {
        #[pin]
        upstream: Upstream<S>,
        #[pin]
        other: Upstream<M>,
        latest: (Option<S::Item>, Option<M::Item>),
        turns: Turns,
    }
}

impl<S, M> Stream for CombineLatest<S, M>
where
    S: Stream<Item: Clone>,
    M: Stream<Item: Clone>,
{
    type Item = (S::Item, M::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let (one, two) = this.latest;
        for place in this.turns.order(2) {
            loop {
                let step = if place == 0 {
                    this.upstream.as_mut().step(cx).map(|item| *one = Some(item))
                } else {
                    this.other.as_mut().step(cx).map(|item| *two = Some(item))
                };
                match step {
                    Step::Item(()) => {}
                    Step::End | Step::Lull(Lull::Idle) => break,
                    Step::Lull(Lull::Busy) => {
                        this.turns.busy(place);
                        return Poll::Pending;
                    }
                }
                if let (Some(one), Some(two)) = (&*one, &*two) {
                    return Poll::Ready(Some((one.clone(), two.clone())));
                }
                if (one.is_none() && this.upstream.is_ended()) || (two.is_none() && this.other.is_ended()) {
                    this.upstream.as_mut().close();
                    this.other.as_mut().close();
                }
            }
        }
        if this.upstream.is_ended() && this.other.is_ended() {
            *this.latest = (None, None);
            return Poll::Ready(None);
        }
        this.turns.rest();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (one, two) = (self.upstream.size_hint(), self.other.size_hint());
        let (all, most) = both(one, two);
        let least = match &self.latest {
            (Some(_), Some(_)) => all,
            (Some(_), None) => two.0,
            (None, Some(_)) => one.0,
            (None, None) => one.0.min(two.0),
        };
        (least, most)
    }
}

impl<S: Stream + fmt::Debug, M: Stream + fmt::Debug> fmt::Debug for CombineLatest<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CombineLatest")
            .field("source", &self.upstream)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}
