//! [`Rx::window`].

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::{Step, Upstream};
use crate::stream::Count;

impl<S: Stream> Rx<S> {
    /// Yields items in lists of `count`; at the end the rest, if there is any.
    ///
    /// Holds up to `count` items. ReactiveX calls it `buffer_with_count`.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let pages = tokio_stream::iter(1..=5).rx().window(2);
    /// assert_eq!(pages.collect::<Vec<_>>().await, [vec![1, 2], vec![3, 4], vec![5]]);
    /// # }
    /// ```
    pub fn window(self, count: impl Count) -> Rx<Window<S>> {
        let count = count.at_least_one();
        Rx::new(Window { upstream: Upstream::new(self.stream), count, held: Vec::new() })
    }
}

pin_project! {
    /// Items in lists of one length: see [`Rx::window`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Window<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        count: NonZeroUsize,
        held: Vec<S::Item>,
    }
}

impl<S: Stream> Stream for Window<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    this.held.push(item);
                    if this.held.len() >= this.count.get() {
                        return Poll::Ready(Some(mem::take(this.held)));
                    }
                }
                Step::End if this.held.is_empty() => return Poll::Ready(None),
                Step::End => return Poll::Ready(Some(mem::take(this.held))),
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint_with(self.held.len());
        (least.div_ceil(self.count.get()), most.map(|most| most.div_ceil(self.count.get())))
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Window<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("source", &self.upstream)
            .field("count", &self.count)
            .field("held", &self.held.len())
            .finish()
    }
}
