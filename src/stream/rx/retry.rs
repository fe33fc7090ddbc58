//! [`Rx::retry`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::{Step, Upstream};

impl<T, E, S: Stream<Item = Result<T, E>>> Rx<S> {
    /// Yields what comes; at an error, drops the source and goes on with the one that `again` makes, up to `retries`
    /// times. The error that comes then is yielded, and is the end.
    ///
    /// `again` is told the error, which is not yielded. A stream cannot be begun anew, so it has to make another one;
    /// one that begins later waits before it tries. `retries` are those beyond the first attempt, which RxPY counts
    /// too. Holds nothing. If `again` panics, the stream is at its end.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let attempt = || tokio_stream::iter([Ok(1), Err("cut off")]);
    /// let attempts = attempt().rx().retry(1, |_| attempt());
    /// assert_eq!(attempts.collect::<Vec<_>>().await, [Ok(1), Ok(1), Err("cut off")]);
    /// # }
    /// ```
    pub fn retry<F: FnMut(E) -> S>(self, retries: usize, again: F) -> Rx<Retry<S, F>> {
        Rx::new(Retry { upstream: Upstream::new(self.stream), again, left: retries })
    }
}

pin_project! {
    /// A stream that is begun again at an error: see [`Rx::retry`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Retry<S, F> {
        #[pin]
        upstream: Upstream<S>,
        again: F,
        left: usize,
    }
}

impl<T, E, S, F> Stream for Retry<S, F>
where
    S: Stream<Item = Result<T, E>>,
    F: FnMut(E) -> S,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            let error = match this.upstream.as_mut().step(cx) {
                Step::Item(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Step::Item(Err(error)) => error,
                Step::End => return Poll::Ready(None),
                Step::Lull(_) => return Poll::Pending,
            };
            this.upstream.as_mut().close();
            if *this.left == 0 {
                return Poll::Ready(Some(Err(error)));
            }
            *this.left -= 1;
            let again = (this.again)(error);
            this.upstream.as_mut().replace(again);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.upstream.size_hint() {
            (_, Some(0)) => (0, Some(0)),
            (least, most) if self.left == 0 => (least.min(1), most),
            _ => (0, None),
        }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Retry<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("source", &self.upstream)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
