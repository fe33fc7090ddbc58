//! [`Rx::distinct`] and [`Rx::distinct_by_key`].

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::upstream::{Step, Upstream};
use crate::stream::Count;

impl<S: Stream> Rx<S> {
    /// Leaves out an item that equals one of the last `capacity` that were yielded.
    ///
    /// ReactiveX remembers all of them; one that this has forgotten is yielded again. So what is left out was
    /// yielded before, and a repetition is the price of a `capacity` that is too small. Holds two clones of each of
    /// these items.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let first = tokio_stream::iter([1, 2, 1, 3, 2]).rx().distinct(1_000);
    /// assert_eq!(first.collect::<Vec<_>>().await, [1, 2, 3]);
    /// # }
    /// ```
    pub fn distinct(self, capacity: impl Count) -> Rx<Distinct<S>>
    where
        S::Item: Clone + Eq + Hash,
    {
        Rx::new(Distinct { upstream: Upstream::new(self.stream), seen: Seen::new(capacity) })
    }

    /// Leaves out an item whose key equals that of one of the last `capacity` that were yielded.
    ///
    /// Holds two clones of each of these keys; `key` is called once for each item. Otherwise as
    /// [`distinct`](Self::distinct).
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let events = tokio_stream::iter([("e1", 1), ("e2", 1), ("e1", 2)]);
    /// let once = events.rx().distinct_by_key(1_000, |(id, _)| *id);
    /// assert_eq!(once.collect::<Vec<_>>().await, [("e1", 1), ("e2", 1)]);
    /// # }
    /// ```
    pub fn distinct_by_key<K, F>(self, capacity: impl Count, key: F) -> Rx<DistinctByKey<S, K, F>>
    where
        K: Clone + Eq + Hash,
        F: FnMut(&S::Item) -> K,
    {
        Rx::new(DistinctByKey { upstream: Upstream::new(self.stream), key, seen: Seen::new(capacity) })
    }
}

pin_project! {
    /// Items that were not seen lately: see [`Rx::distinct`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Distinct<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        seen: Seen<S::Item>,
    }
}

impl<S: Stream<Item: Clone + Eq + Hash>> Stream for Distinct<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) if this.seen.contains(&item) => {}
                Step::Item(item) => {
                    this.seen.remember(item.clone());
                    return Poll::Ready(Some(item));
                }
                Step::End => {
                    this.seen.forget();
                    return Poll::Ready(None);
                }
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.seen.of(self.upstream.size_hint())
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Distinct<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Distinct");
        debug.field("source", &self.upstream).field("seen", &self.seen.order.len()).finish_non_exhaustive()
    }
}

pin_project! {
    /// Items whose key was not seen lately: see [`Rx::distinct_by_key`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DistinctByKey<S, K, F> {
        #[pin]
        upstream: Upstream<S>,
        key: F,
        seen: Seen<K>,
    }
}

impl<S, K, F> Stream for DistinctByKey<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    let key = (this.key)(&item);
                    if !this.seen.contains(&key) {
                        this.seen.remember(key);
                        return Poll::Ready(Some(item));
                    }
                }
                Step::End => {
                    this.seen.forget();
                    return Poll::Ready(None);
                }
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.seen.of(self.upstream.size_hint())
    }
}

impl<S: fmt::Debug, K, F> fmt::Debug for DistinctByKey<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DistinctByKey");
        debug.field("source", &self.upstream).field("seen", &self.seen.order.len()).finish_non_exhaustive()
    }
}

/// The last keys that were new.
struct Seen<K> {
    keys: HashSet<K>,
    /// The same keys, oldest first.
    order: VecDeque<K>,
    capacity: NonZeroUsize,
}

impl<K> Seen<K> {
    fn new(capacity: impl Count) -> Self {
        Self { keys: HashSet::new(), order: VecDeque::new(), capacity: capacity.at_least_one() }
    }

    /// Nothing comes any more that it could be told from.
    fn forget(&mut self) {
        self.keys = HashSet::new();
        self.order = VecDeque::new();
    }

    /// How many of so many items are yielded: the first is, the rest may all have been seen.
    fn of(&self, (least, most): (usize, Option<usize>)) -> (usize, Option<usize>) {
        (least.min(usize::from(self.order.is_empty())), most)
    }
}

impl<K: Clone + Eq + Hash> Seen<K> {
    fn contains(&self, key: &K) -> bool {
        self.keys.contains(key)
    }

    /// Adds a key that is not among them; the oldest is forgotten for it where there is no room.
    fn remember(&mut self, key: K) {
        if self.order.len() >= self.capacity.get()
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.keys.insert(key);
    }
}
