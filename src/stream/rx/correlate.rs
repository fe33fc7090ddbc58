//! [`Rx::correlate`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later};
use super::upstream::{Step, Upstream};
use crate::stream::Count;

/// How many openings are held, unless [`Rx::with_capacity`] says otherwise.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

/// What became of an opening, or of a closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correlated<T> {
    /// An opening and its closing.
    Pair {
        /// What opened.
        opening: T,
        /// What closed it.
        closing: T,
    },
    /// An opening without a closing: its time was up, another with the same key came, more were open than can be
    /// held and it was the oldest, or the source ended.
    Unanswered(T),
    /// A closing without an opening, or whose opening was given up before.
    Orphan(T),
}

impl<S: Stream> Rx<S> {
    /// Pairs openings with their closings by key; an opening that waits for longer than `timeout` is given up.
    ///
    /// An item for which `opens` gives a key is an opening; else, if `closes` gives one, a closing; any other is left
    /// out, a notice of loss too. Every opening and every closing is yielded exactly once, in a [`Correlated`]:
    /// pairs and orphans when the closing comes, the unanswered when they are given up, oldest first. A closing that
    /// comes at the very instant of the timeout is in time.
    ///
    /// Holds up to 1,024 openings, or as [`with_capacity`](Rx::with_capacity) says.
    ///
    /// ```
    /// use std::time::Duration;
    /// use agentbus::event::{CallId, Hash, ToolCompleted, ToolInvoked};
    /// use agentbus::stream::Correlated;
    /// use agentbus::{DomainEvent, StreamRx};
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let invoked = ToolInvoked::new("read_file", CallId::generate(), Hash::of("{}"), 2, true);
    /// # let invoked = std::sync::Arc::new(DomainEvent::new(invoked));
    /// # let events = tokio_stream::iter([std::sync::Arc::clone(&invoked)]);
    /// let mut calls = events.rx().correlate(
    ///     |event| event.details().map(|invoked: &ToolInvoked| invoked.call_id.clone()),
    ///     |event| event.details().map(|completed: &ToolCompleted| completed.call_id.clone()),
    ///     Duration::from_secs(30),
    /// );
    /// assert_eq!(calls.next().await, Some(Correlated::Unanswered(invoked)));
    /// # }
    /// ```
    pub fn correlate<K, O, C>(self, opens: O, closes: C, timeout: Duration) -> Rx<Correlate<S, K, O, C>>
    where
        K: Clone + Eq + Hash,
        O: FnMut(&S::Item) -> Option<K>,
        C: FnMut(&S::Item) -> Option<K>,
    {
        Rx::new(Correlate {
            upstream: Upstream::new(self.stream),
            opens,
            closes,
            timeout,
            capacity: CAPACITY,
            openings: Openings::new(),
            alarm: Alarm::unset(),
        })
    }
}

impl<S: Stream, K, O, C> Rx<Correlate<S, K, O, C>> {
    /// Holds up to `capacity` openings; when one more comes, the oldest is given up.
    pub fn with_capacity(mut self, capacity: impl Count) -> Self {
        self.stream.capacity = capacity.at_least_one();
        self
    }
}

pin_project! {
    /// Openings with their closings: see [`Rx::correlate`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Correlate<S: Stream, K, O, C> {
        #[pin]
        upstream: Upstream<S>,
        opens: O,
        closes: C,
        timeout: Duration,
        capacity: NonZeroUsize,
        openings: Openings<K, S::Item>,
        alarm: Alarm,
    }
}

impl<S, K, O, C> Stream for Correlate<S, K, O, C>
where
    S: Stream,
    K: Clone + Eq + Hash,
    O: FnMut(&S::Item) -> Option<K>,
    C: FnMut(&S::Item) -> Option<K>,
{
    type Item = Correlated<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while this.openings.len() <= this.capacity.get() {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    if let Some(key) = (this.opens)(&item) {
                        let until = later(Instant::now(), *this.timeout);
                        if let Some(replaced) = this.openings.insert(key, item, until) {
                            return Poll::Ready(Some(Correlated::Unanswered(replaced)));
                        }
                    } else if let Some(key) = (this.closes)(&item) {
                        return Poll::Ready(Some(match this.openings.remove(&key) {
                            Some(opening) => Correlated::Pair { opening, closing: item },
                            None => Correlated::Orphan(item),
                        }));
                    }
                }
                Step::End => break,
                Step::Lull(lull) => {
                    let Some(until) = this.openings.oldest_until() else {
                        this.alarm.clear();
                        return Poll::Pending;
                    };
                    this.alarm.set(until);
                    ready!(this.alarm.poll(cx, lull));
                    break;
                }
            }
        }
        Poll::Ready(this.openings.remove_oldest().map(Correlated::Unanswered))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.openings.len(), self.upstream.size_hint_with(self.openings.len()).1)
    }
}

impl<S: Stream + fmt::Debug, K, O, C> fmt::Debug for Correlate<S, K, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correlate")
            .field("source", &self.upstream)
            .field("timeout", &self.timeout)
            .field("capacity", &self.capacity)
            .field("open", &self.openings.len())
            .finish_non_exhaustive()
    }
}

/// What is open, by key and by age.
struct Openings<K, T> {
    /// By number, that is oldest first; as all wait equally long, also the one whose time is up next.
    by_age: BTreeMap<u64, Opening<K, T>>,
    /// The number of each key.
    numbers: HashMap<K, u64>,
    next: u64,
}

struct Opening<K, T> {
    key: K,
    item: T,
    until: Instant,
}

impl<K, T> Openings<K, T> {
    fn new() -> Self {
        Self { by_age: BTreeMap::new(), numbers: HashMap::new(), next: 0 }
    }

    fn len(&self) -> usize {
        self.by_age.len()
    }

    fn oldest_until(&self) -> Option<Instant> {
        self.by_age.first_key_value().map(|(_, opening)| opening.until)
    }
}

impl<K: Clone + Eq + Hash, T> Openings<K, T> {
    /// Adds one, and gives back the one it takes the key from.
    fn insert(&mut self, key: K, item: T, until: Instant) -> Option<T> {
        let number = self.next;
        self.next += 1;
        let replaced = self.numbers.insert(key.clone(), number);
        self.by_age.insert(number, Opening { key, item, until });
        self.by_age.remove(&replaced?).map(|opening| opening.item)
    }

    fn remove(&mut self, key: &K) -> Option<T> {
        let number = self.numbers.remove(key)?;
        self.by_age.remove(&number).map(|opening| opening.item)
    }

    fn remove_oldest(&mut self) -> Option<T> {
        let (_, oldest) = self.by_age.pop_first()?;
        self.numbers.remove(&oldest.key);
        Some(oldest.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_out_leaves_nothing_behind() {
        let now = Instant::now();
        let mut openings = Openings::new();
        assert_eq!(openings.insert('a', 1, now), None);
        assert_eq!(openings.insert('a', 2, now), Some(1));
        assert_eq!(openings.insert('b', 3, now), None);
        assert_eq!((openings.by_age.len(), openings.numbers.len()), (2, 2));
        assert_eq!(openings.remove_oldest(), Some(2));
        assert_eq!((openings.by_age.len(), openings.numbers.len()), (1, 1));
        assert_eq!(openings.remove(&'a'), None);
        assert_eq!(openings.remove(&'b'), Some(3));
        assert_eq!(openings.remove_oldest(), None);
        assert_eq!((openings.by_age.len(), openings.numbers.len()), (0, 0));
    }
}
