//! [`Rx::share`].

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio_stream::Stream;

use super::Rx;
use super::heard::Heard;
use crate::stream::Count;

mod desk;
mod ring;
mod wakers;

use desk::Desk;
use ring::Ring;

/// How many items are held, unless [`Rx::with_capacity`] says otherwise.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

impl<S: Stream> Rx<S> {
    /// One stream for many readers: each clone yields all items, a late one the last `replay` of them first.
    ///
    /// A clone begins where it is made, with up to `replay` items that came before: it hears whatever is taken from the
    /// source from then on, be it polled soon or late. The end is told to those that begin behind it, too. Whichever reader has read all that is here takes the next item from the source, for
    /// all of them; the source is dropped at its end, or with the last reader. No reader waits for another: an item
    /// for which there is no room takes the place of the oldest, and a reader who had not read that is told by
    /// [`Heard::Missed`]. In ReactiveX it is `replay` with `ref_count`, and `share` if `replay` is 0.
    ///
    /// Holds what some reader has not read yet and the last `replay` items, together up to 1,024 items, or as
    /// [`with_capacity`](Rx::with_capacity) says, and never fewer than `replay`. One who is kept to be cloned and is not
    /// read is a reader, too.
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use agentbus::stream::rx::Heard;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut early = tokio_stream::iter([1, 2, 3]).rx().share(1);
    /// assert_eq!(early.next().await, Some(Heard::Item(1)));
    /// assert_eq!(early.next().await, Some(Heard::Item(2)));
    /// let late = early.clone();
    /// assert_eq!(late.collect::<Vec<_>>().await, [Heard::Item(2), Heard::Item(3)]);
    /// assert_eq!(early.next().await, Some(Heard::Item(3)));
    /// # }
    /// ```
    pub fn share(self, replay: usize) -> Rx<Share<S>>
    where
        S::Item: Clone,
    {
        let ring = Ring::new(self.stream, replay, CAPACITY);
        Rx::new(Share::reader(Arc::new(Desk::new(ring))))
    }
}

impl<S: Stream> Rx<Share<S>> {
    /// Holds up to `capacity` items, but never fewer than are replayed. For all readers; it is to be called before
    /// an item is taken, and does nothing later.
    pub fn with_capacity(self, capacity: impl Count) -> Self {
        let capacity = capacity.at_least_one();
        self.stream.desk.with_ring(|ring| ring.set_capacity(capacity));
        self
    }
}

/// One reader of a shared stream; a clone is another: see [`Rx::share`].
#[must_use = "streams do nothing unless polled"]
pub struct Share<S: Stream> {
    desk: Arc<Desk<S>>,
    /// Where its waker is kept, and its place in the ring.
    seat: usize,
    ended: bool,
}

impl<S: Stream> Share<S> {
    fn reader(desk: Arc<Desk<S>>) -> Self {
        let seat = desk.wakers().take_seat();
        desk.come(seat);
        Self { desk, seat, ended: false }
    }
}

impl<S: Stream> Clone for Share<S> {
    fn clone(&self) -> Self {
        Self::reader(Arc::clone(&self.desk))
    }
}

impl<S: Stream> Drop for Share<S> {
    fn drop(&mut self) {
        // In this order: whoever has the seat next comes behind him who leaves.
        self.desk.leave(self.seat);
        self.desk.wakers().leave_seat(self.seat);
    }
}

impl<S: Stream> Stream for Share<S>
where
    S::Item: Clone,
{
    type Item = Heard<S::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let Some(mut turn) = this.desk.take_turn(this.seat, cx) else {
            return Poll::Pending;
        };
        if let Some(heard) = turn.ring().read(this.seat) {
            return Poll::Ready(Some(heard));
        }
        turn.wait_for_news(this.seat, cx);
        let waker = Waker::from(Arc::clone(this.desk.wakers()));
        let polled = turn.ring().poll_source(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            return Poll::Pending;
        }
        turn.has_news(this.seat);
        let heard = turn.ring().read(this.seat);
        this.ended = heard.is_none();
        Poll::Ready(heard)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { (0, None) }
    }
}

impl<S: Stream> fmt::Debug for Share<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("ended", &self.ended).finish_non_exhaustive()
    }
}
