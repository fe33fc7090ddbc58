//! [`Rx::pairwise`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::Upstream;

impl<S: Stream> Rx<S> {
    /// Yields each item but the first, behind the one before it.
    ///
    /// Holds a clone of the last item.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let steps = tokio_stream::iter([1, 4, 6]).rx().pairwise();
    /// assert_eq!(steps.collect::<Vec<_>>().await, [(1, 4), (4, 6)]);
    /// # }
    /// ```
    pub fn pairwise(self) -> Rx<Pairwise<S>>
    where
        S::Item: Clone,
    {
        Rx::new(Pairwise { upstream: Upstream::new(self.stream), last: None })
    }
}

pin_project! {
    /// Items behind the ones before them: see [`Rx::pairwise`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Pairwise<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        last: Option<S::Item>,
    }
}

impl<S: Stream<Item: Clone>> Stream for Pairwise<S> {
    type Item = (S::Item, S::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while let Some(item) = ready!(this.upstream.as_mut().poll_next(cx)) {
            if let Some(before) = this.last.replace(item.clone()) {
                return Poll::Ready(Some((before, item)));
            }
        }
        *this.last = None;
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint();
        let first = usize::from(self.last.is_none());
        (least.saturating_sub(first), most.map(|most| most.saturating_sub(first)))
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Pairwise<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairwise").field("source", &self.upstream).finish_non_exhaustive()
    }
}
