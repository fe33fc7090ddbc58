//! [`Rx::start_with`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::both;
use super::upstream::Upstream;

impl<S: Stream> Rx<S> {
    /// Yields `items` first, at once, and then what comes.
    ///
    /// The stream behind is first polled when the items are yielded. Holds the items.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let states = tokio_stream::iter(["running", "done"]).rx().start_with(["idle"]);
    /// assert_eq!(states.collect::<Vec<_>>().await, ["idle", "running", "done"]);
    /// # }
    /// ```
    pub fn start_with<I>(self, items: I) -> Rx<StartWith<S, I::IntoIter>>
    where
        I: IntoIterator<Item = S::Item>,
    {
        Rx::new(StartWith { upstream: Upstream::new(self.stream), items: Some(items.into_iter()) })
    }
}

pin_project! {
    /// Some items and then those of a stream: see [`Rx::start_with`].
    #[must_use = "streams do nothing unless polled"]
    pub struct StartWith<S, I> {
        #[pin]
        upstream: Upstream<S>,
        // None once they are yielded.
        items: Option<I>,
    }
}

impl<S: Stream, I: Iterator<Item = S::Item>> Stream for StartWith<S, I> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if let Some(item) = this.items.as_mut().and_then(Iterator::next) {
            return Poll::Ready(Some(item));
        }
        *this.items = None;
        this.upstream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let items = self.items.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        both(items, self.upstream.size_hint())
    }
}

impl<S: fmt::Debug, I> fmt::Debug for StartWith<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartWith")
            .field("source", &self.upstream)
            .field("started", &self.items.is_none())
            .finish_non_exhaustive()
    }
}
