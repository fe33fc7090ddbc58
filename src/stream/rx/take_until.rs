//! [`Rx::take_until`] and [`Rx::take_until_item`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields what comes until `notifier` completes, then ends.
    ///
    /// What is ready at the very instant of its completion is still yielded. The notifier is first polled when the
    /// stream is, and dropped at the end. Holds nothing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let silent = tokio_stream::pending::<u8>();
    /// let watched = silent.rx().take_until(tokio::time::sleep(Duration::from_secs(5)));
    /// let mut watched = std::pin::pin!(watched);
    /// assert_eq!(watched.next().await, None);
    /// # }
    /// ```
    pub fn take_until<F: Future>(self, notifier: F) -> Rx<TakeUntil<S, F>> {
        Rx::new(TakeUntil { upstream: Upstream::new(self.stream), notifier: Some(notifier), stopped: None })
    }

    /// Yields what comes until `notifier` yields its first item, then ends.
    ///
    /// A notifier that ends without an item ends nothing, as in ReactiveX. Otherwise as
    /// [`take_until`](Self::take_until).
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let never = tokio_stream::empty::<()>();
    /// let all = tokio_stream::iter([1, 2]).rx().take_until_item(never);
    /// assert_eq!(all.collect::<Vec<_>>().await, [1, 2]);
    /// # }
    /// ```
    pub fn take_until_item<N: Stream>(self, notifier: N) -> Rx<TakeUntil<S, FirstItem<N>>> {
        self.take_until(FirstItem { stream: Some(notifier) })
    }
}

pin_project! {
    /// Items until something else happens: see [`Rx::take_until`].
    #[must_use = "streams do nothing unless polled"]
    pub struct TakeUntil<S, F> {
        #[pin]
        upstream: Upstream<S>,
        // None once it has completed, and after the end.
        #[pin]
        notifier: Option<F>,
        // When the notifier completed: what is ready at that instant comes before it.
        stopped: Option<Instant>,
    }
}

impl<S: Stream, F: Future> Stream for TakeUntil<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if this.stopped.is_some_and(|stopped| Instant::now() > stopped) {
            this.upstream.as_mut().close();
        }
        let step = this.upstream.as_mut().step(cx);
        // Polled beside an item too: a source that is always ready must not drown it.
        if let Some(notifier) = this.notifier.as_mut().as_pin_mut()
            && notifier.poll(cx).is_ready()
        {
            this.notifier.set(None);
            *this.stopped = Some(Instant::now());
        }
        match step {
            Step::Item(item) => Poll::Ready(Some(item)),
            Step::Lull(Lull::Idle) if this.stopped.is_some() => {
                this.upstream.close();
                Poll::Ready(None)
            }
            Step::Lull(_) => Poll::Pending,
            Step::End => {
                this.notifier.set(None);
                Poll::Ready(None)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.upstream.size_hint().1)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TakeUntil<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeUntil")
            .field("source", &self.upstream)
            .field("stopped", &self.stopped.is_some())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Completes when a stream yields its first item, and never if it yields none: see [`Rx::take_until_item`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct FirstItem<N> {
        // None after its first item or its end.
        #[pin]
        stream: Option<N>,
    }
}

impl<N: Stream> Future for FirstItem<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let item = ready!(stream.poll_next(cx));
        this.stream.set(None);
        if item.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }
}
