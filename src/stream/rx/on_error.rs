//! [`Rx::on_error`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::Upstream;

impl<T, E, S: Stream<Item = Result<T, E>>> Rx<S> {
    /// Yields what comes; at the first error, drops the source and goes on with the stream that `instead` makes of it.
    ///
    /// As in ReactiveX, which calls it `catch`, an error ends its source; errors of the stream that follows are
    /// yielded like any item. Holds nothing. If `instead` panics, the stream is at its end.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let live = tokio_stream::iter([Ok(1), Err("cut off"), Ok(2)]);
    /// let healed = live.rx().on_error(|_| tokio_stream::iter([Ok::<_, Infallible>(7)]));
    /// assert_eq!(healed.collect::<Vec<_>>().await, [Ok(1), Ok(7)]);
    /// # }
    /// ```
    pub fn on_error<N, E2, F>(self, instead: F) -> Rx<OnError<S, N, F>>
    where
        N: Stream<Item = Result<T, E2>>,
        F: FnOnce(E) -> N,
    {
        Rx::new(OnError {
            upstream: Upstream::new(self.stream),
            instead: Some(instead),
            next: Upstream::ended(),
        })
    }
}

pin_project! {
    /// A stream, and another after its first error: see [`Rx::on_error`].
    #[must_use = "streams do nothing unless polled"]
    pub struct OnError<S, N, F> {
        #[pin]
        upstream: Upstream<S>,
        // None once it was called, or cannot be any more.
        instead: Option<F>,
        #[pin]
        next: Upstream<N>,
    }
}

impl<T, E, E2, S, N, F> Stream for OnError<S, N, F>
where
    S: Stream<Item = Result<T, E>>,
    N: Stream<Item = Result<T, E2>>,
    F: FnOnce(E) -> N,
{
    type Item = N::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<N::Item>> {
        let mut this = self.project();
        match ready!(this.upstream.as_mut().poll_next(cx)) {
            Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
            Some(Err(error)) => {
                this.upstream.close();
                if let Some(instead) = this.instead.take() {
                    this.next.as_mut().replace(instead(error));
                }
            }
            None => *this.instead = None,
        }
        this.next.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.upstream.size_hint() {
            (_, Some(0)) => self.next.size_hint(),
            _ => (0, None),
        }
    }
}

impl<S: fmt::Debug, N: fmt::Debug, F> fmt::Debug for OnError<S, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnError")
            .field("source", &self.upstream)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
