//! [`Rx::switch_map`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::turns::Turns;
use super::upstream::{Lull, Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields what the stream yields that `f` makes of the latest item; a new item drops the stream of the one before.
    ///
    /// At one instant, items of the source come first, so what the stream before had ready by then is dropped with it.
    /// It ends when the source and the latest stream have. Holds one stream.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::testing::marbles::cold;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let searches = cold("x--y|").rx().switch_map(|typed| match typed {
    ///     'x' => cold("-1-2-3|"),
    ///     _ => cold("-4|"),
    /// });
    /// assert_eq!(searches.collect::<Vec<_>>().await, ['1', '4']);
    /// # }
    /// ```
    pub fn switch_map<N, F>(self, f: F) -> Rx<SwitchMap<S, N, F>>
    where
        N: Stream,
        F: FnMut(S::Item) -> N,
    {
        Rx::new(SwitchMap {
            upstream: Upstream::new(self.stream),
            f,
            latest: Upstream::ended(),
            turns: Turns::new(),
        })
    }
}

pin_project! {
    /// The items of the stream of the latest item: see [`Rx::switch_map`].
    #[must_use = "streams do nothing unless polled"]
    pub struct SwitchMap<S, N, F> {
        #[pin]
        upstream: Upstream<S>,
        f: F,
        #[pin]
        latest: Upstream<N>,
        turns: Turns,
    }
}

impl<S: Stream, N: Stream, F: FnMut(S::Item) -> N> Stream for SwitchMap<S, N, F> {
    type Item = N::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<N::Item>> {
        let mut this = self.project();
        for place in this.turns.order(2) {
            loop {
                let step = if place == 0 {
                    this.upstream.as_mut().step(cx).map(|item| {
                        this.latest.as_mut().replace((this.f)(item));
                        None
                    })
                } else {
                    this.latest.as_mut().step(cx).map(Some)
                };
                match step {
                    Step::Item(None) => {}
                    Step::Item(item) => return Poll::Ready(item),
                    Step::End | Step::Lull(Lull::Idle) => break,
                    Step::Lull(Lull::Busy) => {
                        this.turns.busy(place);
                        return Poll::Pending;
                    }
                }
            }
        }
        if this.upstream.is_ended() && this.latest.is_ended() {
            return Poll::Ready(None);
        }
        this.turns.rest();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.upstream.size_hint() {
            (_, Some(0)) => self.latest.size_hint(),
            _ => (0, None),
        }
    }
}

impl<S: fmt::Debug, N: fmt::Debug, F> fmt::Debug for SwitchMap<S, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchMap")
            .field("source", &self.upstream)
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}
