//! [`Rx::merge_map`].

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::busy;
use super::turns::{Turns, both};
use super::upstream::{Lull, Step, Upstream};
use crate::stream::Count;

mod ready;

use ready::Ready;

/// Where the source sits among the streams, as the first of them; these have the seats behind it.
const SOURCE: usize = 0;

impl<S: Stream> Rx<S> {
    /// Yields what the streams yield that `f` makes of the items, at most `bound` of them at once.
    ///
    /// While so many run, no item is taken from the source. At one instant the source comes first, then the streams in
    /// the order in which they were made. It ends when the source and all of them have. Holds up to `bound` streams,
    /// each in a box that is used again, and asks those that were woken. ReactiveX calls it `merge` with
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
        let ready = Ready::new();
        ready.sit(SOURCE, 0);
        Rx::new(MergeMap {
            upstream: Upstream::new(self.stream),
            f,
            bound: bound.at_least_one(),
            streams: Vec::new(),
            spare: Vec::new(),
            begun: 0,
            waker: ready.waker(SOURCE),
            ready,
            asked: None,
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
        // Each on the seat behind its place here.
        streams: Vec<Running<N>>,
        // The places whose stream has ended.
        spare: Vec<usize>,
        // How many streams were begun.
        begun: u64,
        ready: Arc<Ready>,
        // Of the source.
        waker: Waker,
        // The seat that is asked now, and afterwards if what it did was to panic.
        asked: Option<usize>,
        turns: Turns,
    }
}

struct Running<N> {
    stream: Pin<Box<Upstream<N>>>,
    waker: Waker,
}

impl<S: Stream, N: Stream, F: FnMut(S::Item) -> N> MergeMap<S, N, F> {
    /// Asks who sits there: for an item, or, if it is the source, for a stream, which is then begun.
    fn ask(mut self: Pin<&mut Self>, seat: usize) -> Step<Option<N::Item>> {
        let Some(place) = seat.checked_sub(1) else {
            return self.begin().map(|()| None);
        };
        let this = self.as_mut().project();
        let running = this.streams.get_mut(place).filter(|running| !running.stream.is_ended());
        let Some(running) = running else {
            // Woken by the stream that was there.
            return Step::Lull(Lull::Idle);
        };
        let step = running.stream.as_mut().step(&mut Context::from_waker(&running.waker));
        if matches!(step, Step::End) {
            this.spare.push(place);
            // There is room for another.
            this.ready.again(SOURCE);
        }
        step.map(Some)
    }

    /// Begins a stream, if there is room and an item for it.
    fn begin(self: Pin<&mut Self>) -> Step<()> {
        let this = self.project();
        if this.streams.len() - this.spare.len() >= this.bound.get() {
            return Step::Lull(Lull::Idle);
        }
        let step = this.upstream.step(&mut Context::from_waker(this.waker));
        step.map(|item| {
            let stream = (this.f)(item);
            let place = this.spare.pop().unwrap_or(this.streams.len());
            let seat = place + 1;
            if let Some(running) = this.streams.get_mut(place) {
                running.stream.as_mut().replace(stream);
            } else {
                let stream = Box::pin(Upstream::new(stream));
                this.streams.push(Running { stream, waker: this.ready.waker(seat) });
            }
            *this.begun += 1;
            this.ready.sit(seat, *this.begun);
        })
    }
}

impl<S: Stream, N: Stream, F: FnMut(S::Item) -> N> Stream for MergeMap<S, N, F> {
    type Item = N::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<N::Item>> {
        if let Some(panicked) = self.as_mut().project().asked.take() {
            self.ready.again(panicked);
        }
        while let Some(seat) = self.ready.next(cx.waker()) {
            *self.as_mut().project().asked = Some(seat);
            let step = self.as_mut().ask(seat);
            let this = self.as_mut().project();
            *this.asked = None;
            match step {
                Step::Item(item) => {
                    this.ready.again(seat);
                    if item.is_some() {
                        return Poll::Ready(item);
                    }
                }
                Step::End | Step::Lull(Lull::Idle) => {}
                Step::Lull(Lull::Busy) => {
                    if this.turns.is_over() {
                        this.ready.after_the_others(seat);
                    }
                    busy::say_busy(cx);
                    return Poll::Pending;
                }
            }
        }
        if self.upstream.is_ended() && self.streams.len() == self.spare.len() {
            return Poll::Ready(None);
        }
        self.project().turns.rest();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let hints = self.streams.iter().map(|running| running.stream.size_hint());
        let (least, most) = hints.fold((0, Some(0)), both);
        (least, if self.upstream.size_hint().1 == Some(0) { most } else { None })
    }
}

impl<S: fmt::Debug, N, F> fmt::Debug for MergeMap<S, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeMap")
            .field("source", &self.upstream)
            .field("bound", &self.bound)
            .field("running", &(self.streams.len() - self.spare.len()))
            .finish_non_exhaustive()
    }
}
