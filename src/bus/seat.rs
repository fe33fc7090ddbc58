//! The reading end of a route: a [`SeatStream`] is what an `EventStream` of this crate's buses reads from.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::task::coop::cooperative;
use tokio_stream::Stream;

use super::channel::Channel;
use super::core::Core;
use super::hand::Hand;
use super::route::RouteKey;
use super::slab::Slot;
use crate::filter::TypeSet;
use crate::stream::{Delivery, Source};

/// A place on a route.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) key: RouteKey,
    pub(super) types: TypeSet,
    pub(super) channel: Arc<Channel>,
    pub(super) slot: Slot,
}

/// Reads from a seat until the bus is closed or gone; dropping it gives the seat up.
pub(super) struct SeatStream {
    seat: Seat,
    /// What is handed over before anything else is read.
    hand: Hand,
    core: Weak<Core>,
}

impl SeatStream {
    pub(super) fn new(seat: Seat, core: Weak<Core>) -> Self {
        let hand = seat.channel.hand(seat.slot);
        Self { seat, hand, core }
    }
}

impl Drop for SeatStream {
    /// What is still in the hand then is given up with what waits.
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.leave(&self.seat);
        }
    }
}

impl SeatStream {
    /// Hands over the next thing, or waits until there is one; none at the end.
    ///
    /// What the filter keeps away is passed over in one go: that costs less than it cost to emit it, so it ends.
    fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let Self { seat: Seat { channel, slot, .. }, hand, .. } = self;
        loop {
            if let Some(delivery) = hand.next() {
                return Poll::Ready(Some(delivery));
            }
            if !ready!(channel.poll_fill(*slot, hand, cx.waker())) {
                return Poll::Ready(None);
            }
        }
    }

    /// Hands over the next thing that is there.
    fn take_ready(&mut self) -> Option<Delivery> {
        let Self { seat: Seat { channel, slot, .. }, hand, .. } = self;
        loop {
            match hand.next() {
                None if channel.fill(*slot, hand) => {}
                next => return next,
            }
        }
    }
}

impl Stream for SeatStream {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let this = self.get_mut();
        fairly(cx, |cx| this.poll_delivery(cx))
    }
}

impl Source for SeatStream {
    fn poll_many(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        at_most: NonZeroUsize,
        into: &mut Vec<Delivery>,
    ) -> Poll<usize> {
        let this = self.get_mut();
        fairly(cx, |cx| {
            let Some(first) = ready!(this.poll_delivery(cx)) else {
                return Poll::Ready(0);
            };
            let before = into.len();
            into.push(first);
            into.extend(std::iter::from_fn(|| this.take_ready()).take(at_most.get() - 1));
            Poll::Ready(into.len() - before)
        })
    }
}

/// Polls within the budget that tokio gives a task: a reader that always finds something lets others have a turn.
fn fairly<T>(cx: &mut Context<'_>, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    std::pin::pin!(cooperative(poll_fn(poll))).poll(cx)
}
