//! [`Rx::merge_map`].

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::{Turns, both};
use super::upstream::{Lull, Step, Upstream};
use crate::stream::Count;

impl<S: Stream> Rx<S> {
    /// Yields what the streams yield that `f` makes of the items, at most `bound` of them at once.
    ///
    /// While so many run, no item is taken from the source. At one instant the source comes first, then the streams in
    /// the order in which they were made. It ends when the source and all of them have. Holds up to `bound` streams,
    /// each in a box that is used again; whenever it is woken it asks each of them. ReactiveX calls it `merge` with
    /// `max_concurrent`, after `map`; with a `bound` of 1 it is `concat_map`.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::testing::marbles::cold;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let fetched = cold("(xyz)|").rx().merge_map(2, |page| match page {
    ///     'x' => cold("--1|"),
    ///     'y' => cold("-2|"),
    ///     _ => cold("3|"),
    /// });
    /// assert_eq!(fetched.collect::<Vec<_>>().await, ['2', '1', '3']);
    /// # }
    /// ```
    pub fn merge_map<N, F>(self, bound: impl Count, f: F) -> Rx<MergeMap<S, N, F>>
    where
        N: Stream,
        F: FnMut(S::Item) -> N,
    {
        Rx::new(MergeMap {
            upstream: Upstream::new(self.stream),
            f,
            bound: bound.at_least_one(),
            running: Vec::new(),
            spare: Vec::new(),
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// The items of the streams of items: see [`Rx::merge_map`].
    #[must_use = "streams do nothing unless polled"]
    pub struct MergeMap<S, N, F> {
        #[pin]
        upstream: Upstream<S>,
        f: F,
        bound: NonZeroUsize,
        // In the order in which they were made.
        running: Vec<Pin<Box<Upstream<N>>>>,
        // Boxes whose stream has ended.
        spare: Vec<Pin<Box<Upstream<N>>>>,
        turns: Turns,
    }
}

impl<S: Stream, N: Stream, F: FnMut(S::Item) -> N> MergeMap<S, N, F> {
    /// Begins streams while there is room; an item is that some were begun. A source that has nothing `now` wakes the
    /// task, and is not asked again before.
    fn begin(self: Pin<&mut Self>, cx: &mut Context<'_>, now: &mut bool) -> Step<()> {
        let mut this = self.project();
        let mut begun = Step::Lull(Lull::Idle);
        while *now && this.running.len() < this.bound.get() {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    let stream = (this.f)(item);
                    let mut place = this.spare.pop().unwrap_or_else(|| Box::pin(Upstream::ended()));
                    place.as_mut().replace(stream);
                    this.running.push(place);
                    begun = Step::Item(());
                }
                Step::Lull(Lull::Busy) => return Step::Lull(Lull::Busy),
                Step::End | Step::Lull(Lull::Idle) => *now = false,
            }
        }
        begun
    }

    /// Asks the source and each stream once; `None` if one has begun or ended, so that they are to be asked again.
    fn round(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        now: &mut bool,
    ) -> Option<Poll<Option<N::Item>>> {
        let this = self.as_mut().project();
        this.spare.extend(this.running.extract_if(.., |stream| stream.is_ended()));
        let mut changed = false;
        for place in this.turns.order(this.running.len() + 1) {
            let step = match place.checked_sub(1) {
                None => self.as_mut().begin(cx, now).map(|()| None),
                Some(place) => {
                    let stream = self.as_mut().project().running.get_mut(place)?;
                    stream.as_mut().step(cx).map(Some)
                }
            };
            match step {
                Step::Item(None) | Step::End => changed = true,
                Step::Item(item) => return Some(Poll::Ready(item)),
                Step::Lull(Lull::Idle) => {}
                Step::Lull(Lull::Busy) => {
                    self.project().turns.busy(place);
                    return Some(Poll::Pending);
                }
            }
        }
        if changed {
            return None;
        }
        self.project().turns.rest();
        Some(Poll::Pending)
    }
}

impl<S: Stream, N: Stream, F: FnMut(S::Item) -> N> Stream for MergeMap<S, N, F> {
    type Item = N::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<N::Item>> {
        let mut now = true;
        let polled = loop {
            if let Some(polled) = self.as_mut().round(cx, &mut now) {
                break polled;
            }
        };
        let this = self.project();
        if polled.is_pending() && this.upstream.is_ended() && this.running.is_empty() {
            return Poll::Ready(None);
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let hints = self.running.iter().map(|stream| stream.size_hint());
        let (least, most) = hints.fold((0, Some(0)), both);
        (least, if self.upstream.size_hint().1 == Some(0) { most } else { None })
    }
}

impl<S: fmt::Debug, N, F> fmt::Debug for MergeMap<S, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeMap")
            .field("source", &self.upstream)
            .field("bound", &self.bound)
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}
