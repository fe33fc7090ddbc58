//! [`Rx::scan`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::Upstream;

impl<S: Stream> Rx<S> {
    /// Yields, for each item, what has accumulated: `f` of what had accumulated before, at first `seed`, and the item.
    ///
    /// The seed itself is not yielded. Holds a clone of what has accumulated; if `f` panics that is lost, and the
    /// stream is at its end.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let spent = tokio_stream::iter([3, 1, 2]).rx().scan(0, |sum, cost| sum + cost);
    /// assert_eq!(spent.collect::<Vec<_>>().await, [3, 4, 6]);
    /// # }
    /// ```
    pub fn scan<A, F>(self, seed: A, f: F) -> Rx<Scan<S, A, F>>
    where
        A: Clone,
        F: FnMut(A, S::Item) -> A,
    {
        Rx::new(Scan { upstream: Upstream::new(self.stream), accumulated: Some(seed), f })
    }
}

pin_project! {
    /// What has accumulated after each item: see [`Rx::scan`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Scan<S, A, F> {
        #[pin]
        upstream: Upstream<S>,
        // None while `f` has it, and for good if `f` panicked.
        accumulated: Option<A>,
        f: F,
    }
}

impl<S, A, F> Stream for Scan<S, A, F>
where
    S: Stream,
    A: Clone,
    F: FnMut(A, S::Item) -> A,
{
    type Item = A;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A>> {
        let mut this = self.project();
        if this.accumulated.is_none() {
            this.upstream.as_mut().close();
        }
        let item = ready!(this.upstream.poll_next(cx));
        let Some((item, before)) = item.zip(this.accumulated.take()) else {
            return Poll::Ready(None);
        };
        let after = (this.f)(before, item);
        *this.accumulated = Some(after.clone());
        Poll::Ready(Some(after))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.accumulated.is_some() { self.upstream.size_hint() } else { (0, Some(0)) }
    }
}

impl<S: fmt::Debug, A, F> fmt::Debug for Scan<S, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("source", &self.upstream).finish_non_exhaustive()
    }
}
