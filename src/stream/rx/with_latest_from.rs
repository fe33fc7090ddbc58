//! [`Rx::with_latest_from`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::Turns;
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields each item with the latest one of `other`; items that come before `other` has yielded any are left out.
    ///
    /// At one instant the items of `other` come first, as ReactiveX, which subscribes to it first, has it: so an item
    /// meets what `other` yields at that instant. It ends with this stream; the end of `other` ends nothing. Holds the
    /// latest item of `other`.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::testing::marbles::cold;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let calls = cold("-a--b|").rx().with_latest_from(cold("1-2-|"));
    /// assert_eq!(calls.collect::<Vec<_>>().await, [('a', '1'), ('b', '2')]);
    /// # }
    /// ```
    pub fn with_latest_from<M>(self, other: M) -> Rx<WithLatestFrom<S, M>>
    where
        M: Stream,
        M::Item: Clone,
    {
        Rx::new(WithLatestFrom {
            upstream: Upstream::new(self.stream),
            other: Upstream::new(other),
            latest: None,
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// Items with the latest one of another stream: see [`Rx::with_latest_from`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WithLatestFrom<S, M: Stream> {
        #[pin]
        upstream: Upstream<S>,
        #[pin]
        other: Upstream<M>,
        latest: Option<M::Item>,
        turns: Turns,
    }
}

impl<S: Stream, M: Stream<Item: Clone>> Stream for WithLatestFrom<S, M> {
    type Item = (S::Item, M::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        for place in this.turns.order(2) {
            loop {
                let step = if place == 0 {
                    this.other.as_mut().step(cx).map(|item| {
                        *this.latest = Some(item);
                        None
                    })
                } else {
                    this.upstream.as_mut().step(cx).map(Some)
                };
                match step {
                    Step::Item(item) => {
                        if let Some(pair) = item.zip(this.latest.clone()) {
                            return Poll::Ready(Some(pair));
                        }
                    }
                    Step::End if place == 1 => {
                        this.other.close();
                        *this.latest = None;
                        return Poll::Ready(None);
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
        let (least, most) = self.upstream.size_hint();
        (if self.latest.is_some() { least } else { 0 }, most)
    }
}

impl<S: fmt::Debug, M: Stream + fmt::Debug> fmt::Debug for WithLatestFrom<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithLatestFrom")
            .field("source", &self.upstream)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}
