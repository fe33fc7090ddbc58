//! [`Rx::distinct_until_changed`] and [`Rx::distinct_until_changed_by_key`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::{Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Leaves out an item that equals the one yielded before it.
    ///
    /// Holds a clone of the last item.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let changes = tokio_stream::iter([1, 1, 2, 1]).rx().distinct_until_changed();
    /// assert_eq!(changes.collect::<Vec<_>>().await, [1, 2, 1]);
    /// # }
    /// ```
    pub fn distinct_until_changed(self) -> Rx<DistinctUntilChanged<S>>
    where
        S::Item: Clone + PartialEq,
    {
        Rx::new(DistinctUntilChanged { upstream: Upstream::new(self.stream), last: None })
    }

    /// Leaves out an item whose key equals that of the one yielded before it.
    ///
    /// Holds the last key. `key` is called once for each item.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let turns = tokio_stream::iter(["ann: hi", "ann: well?", "bob: yes"]);
    /// let speakers = turns.rx().distinct_until_changed_by_key(|turn| turn.split(':').next());
    /// assert_eq!(speakers.collect::<Vec<_>>().await, ["ann: hi", "bob: yes"]);
    /// # }
    /// ```
    pub fn distinct_until_changed_by_key<K, F>(self, key: F) -> Rx<DistinctUntilChangedByKey<S, K, F>>
    where
        K: PartialEq,
        F: FnMut(&S::Item) -> K,
    {
        Rx::new(DistinctUntilChangedByKey { upstream: Upstream::new(self.stream), key, last: None })
    }
}

pin_project! {
    /// Items that differ from the one before: see [`Rx::distinct_until_changed`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DistinctUntilChanged<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        last: Option<S::Item>,
    }
}

impl<S> Stream for DistinctUntilChanged<S>
where
    S: Stream,
    S::Item: Clone + PartialEq,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) if this.last.as_ref() == Some(&item) => {}
                Step::Item(item) => {
                    *this.last = Some(item.clone());
                    return Poll::Ready(Some(item));
                }
                Step::End => {
                    *this.last = None;
                    return Poll::Ready(None);
                }
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        at_least_the_first(self.last.is_none(), self.upstream.size_hint())
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for DistinctUntilChanged<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistinctUntilChanged").field("source", &self.upstream).finish_non_exhaustive()
    }
}

pin_project! {
    /// Items whose key differs from that of the one before: see [`Rx::distinct_until_changed_by_key`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DistinctUntilChangedByKey<S, K, F> {
        #[pin]
        upstream: Upstream<S>,
        key: F,
        last: Option<K>,
    }
}

impl<S, K, F> Stream for DistinctUntilChangedByKey<S, K, F>
where
    S: Stream,
    K: PartialEq,
    F: FnMut(&S::Item) -> K,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    let key = Some((this.key)(&item));
                    if *this.last != key {
                        *this.last = key;
                        return Poll::Ready(Some(item));
                    }
                }
                Step::End => {
                    *this.last = None;
                    return Poll::Ready(None);
                }
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        at_least_the_first(self.last.is_none(), self.upstream.size_hint())
    }
}

impl<S: fmt::Debug, K, F> fmt::Debug for DistinctUntilChangedByKey<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistinctUntilChangedByKey").field("source", &self.upstream).finish_non_exhaustive()
    }
}

/// The first item is always yielded; the rest may all equal it.
fn at_least_the_first(none_yet: bool, (least, most): (usize, Option<usize>)) -> (usize, Option<usize>) {
    (least.min(usize::from(none_yet)), most)
}
