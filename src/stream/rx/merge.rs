//! [`Rx::merge`].

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::{Turns, both};
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields what this stream and `other` yield, as it comes; at one instant, the items of this one first.
    ///
    /// It ends when both have. Where one of them is always ready, the other has its turn nevertheless. Holds nothing.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let all = tokio_stream::iter([1, 2]).rx().merge(tokio_stream::iter([3]));
    /// assert_eq!(all.collect::<Vec<_>>().await, [1, 2, 3]);
    /// # }
    /// ```
    pub fn merge<M: Stream<Item = S::Item>>(self, other: M) -> Rx<Merge<S, M>> {
        Rx::new(Merge {
            upstream: Upstream::new(self.stream),
            other: Upstream::new(other),
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// The items of two streams: see [`Rx::merge`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Merge<S, M> {
        #[pin]
        upstream: Upstream<S>,
        #[pin]
        other: Upstream<M>,
        turns: Turns,
    }
}

impl<S: Stream, M: Stream<Item = S::Item>> Stream for Merge<S, M> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        for place in this.turns.order(2) {
            let step =
                if place == 0 { this.upstream.as_mut().step(cx) } else { this.other.as_mut().step(cx) };
            match step {
                Step::Item(item) => return Poll::Ready(Some(item)),
                Step::End | Step::Lull(Lull::Idle) => {}
                Step::Lull(Lull::Busy) => {
                    this.turns.busy(place);
                    return Poll::Pending;
                }
            }
        }
        if this.upstream.is_ended() && this.other.is_ended() {
            return Poll::Ready(None);
        }
        this.turns.rest();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        both(self.upstream.size_hint(), self.other.size_hint())
    }
}
