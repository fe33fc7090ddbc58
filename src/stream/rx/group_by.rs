//! [`Rx::group_by`].

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::heard::Heard;
use super::upstream::{Step, Upstream};
use crate::stream::Count;

mod groups;
mod queue;

use groups::{Groups, Seat};
use queue::Queue;

/// How many groups there are at once, unless [`Rx::with_groups`] says otherwise.
const GROUPS: NonZeroUsize = NonZeroUsize::new(1_000).expect("it is not zero");

/// How many items of a group wait for its reader, unless [`Rx::with_capacity`] says otherwise.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

impl<S: Stream> Rx<S> {
    /// Yields a [`Group`] for each new key: a stream of the items that have it, from the first one on.
    ///
    /// Whoever polls this drives the groups: they get their items while it is polled, end with it, and may be read
    /// anywhere. It never waits for them. What a group has no room for is dropped, the oldest first, and told by
    /// [`Heard::Missed`]. When a key comes for which there is no room, the group that was silent the longest ends; when
    /// its key comes again, or that of a group that was dropped, a new group begins.
    ///
    /// Holds up to 1,000 groups, or as [`with_groups`](Rx::with_groups) says, and up to 1,024 items in each, or as
    /// [`with_capacity`](Rx::with_capacity) says. In ReactiveX a group without a reader loses its items,
    /// and there are as many groups as keys. A [`merge_map`](Rx::merge_map) over the groups takes no more of them than
    /// its bound, and asks for no items while it has so many: give it one that is larger.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::stream::rx::Heard;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let calls = tokio_stream::iter([("grep", 3), ("edit", 1), ("grep", 4)]);
    /// let spent = calls.rx().group_by(|(tool, _)| *tool).merge_map(1_024, |group| {
    ///     let tool = *group.key();
    ///     group.filter_map(Heard::into_item).rx().scan(0, |sum, (_, cost)| sum + cost).map(move |sum| (tool, sum))
    /// });
    /// assert_eq!(spent.collect::<Vec<_>>().await, [("grep", 3), ("grep", 7), ("edit", 1)]);
    /// # }
    /// ```
    pub fn group_by<K, F>(self, key: F) -> Rx<GroupBy<S, K, F>>
    where
        K: Clone + Eq + Hash,
        F: FnMut(&S::Item) -> K,
    {
        Rx::new(GroupBy { upstream: Upstream::new(self.stream), key, groups: Groups::new(GROUPS, CAPACITY) })
    }
}

impl<S: Stream, K, F> Rx<GroupBy<S, K, F>> {
    /// Holds up to `at_most` groups; when one more comes, the one that was silent the longest ends.
    pub fn with_groups(mut self, at_most: impl Count) -> Self {
        self.stream.groups.at_most = at_most.at_least_one();
        self
    }

    /// Groups that begin from now on hold up to `capacity` items; when one more comes, the oldest is missed.
    pub fn with_capacity(mut self, capacity: impl Count) -> Self {
        self.stream.groups.capacity = capacity.at_least_one();
        self
    }
}

pin_project! {
    /// A stream for each key: see [`Rx::group_by`].
    #[must_use = "streams do nothing unless polled"]
    pub struct GroupBy<S: Stream, K, F> {
        #[pin]
        upstream: Upstream<S>,
        key: F,
        groups: Groups<K, S::Item>,
    }
}

impl<S, K, F> Stream for GroupBy<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    type Item = Group<K, S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    let key = (this.key)(&item);
                    if let Some(group) = this.groups.take_in(key, item) {
                        return Poll::Ready(Some(group));
                    }
                }
                Step::End => {
                    this.groups.end_all();
                    return Poll::Ready(None);
                }
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint();
        (least.min(usize::from(self.groups.had_none())), most)
    }
}

impl<S: Stream + fmt::Debug, K, F> fmt::Debug for GroupBy<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupBy")
            .field("source", &self.upstream)
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// The items that have one key: see [`Rx::group_by`].
#[must_use = "a dropped group loses its items; those that come begin another"]
pub struct Group<K, T> {
    key: K,
    queue: Arc<Queue<T>>,
    seat: Seat,
}

impl<K, T> Group<K, T> {
    /// What its items have in common.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K, T> Drop for Group<K, T> {
    fn drop(&mut self) {
        self.queue.leave();
        self.seat.leave();
    }
}

impl<K, T> Stream for Group<K, T> {
    type Item = Heard<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard<T>>> {
        self.queue.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.queue.size_hint()
    }
}

impl<K: fmt::Debug, T> fmt::Debug for Group<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("key", &self.key).finish_non_exhaustive()
    }
}
