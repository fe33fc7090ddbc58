//! The reading end of a route: a [`SeatStream`] is what an `EventStream` of this crate's buses reads from.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::task::coop::cooperative;
use tokio_stream::Stream;

use super::channel::{Channel, Read};
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

impl From<Read> for Delivery {
    fn from(read: Read) -> Self {
        match read {
            Read::Entry(entry) => Self::Event(entry.event),
            Read::Lagged(lag) => Self::Lagged(lag),
        }
    }
}

impl Stream for SeatStream {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let Self { seat: Seat { channel, slot, .. }, hand, .. } = self.get_mut();
        fairly(cx, |cx| {
            if let Some(event) = hand.pop() {
                return Poll::Ready(Some(Delivery::Event(event)));
            }
            channel.poll_into(*slot, hand, cx.waker()).map(|read| read.map(Delivery::from))
        })
    }
}

impl Source for SeatStream {
    fn poll_many(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        at_most: NonZeroUsize,
        into: &mut Vec<Delivery>,
    ) -> Poll<usize> {
        let Self { seat: Seat { channel, slot, .. }, hand, .. } = self.get_mut();
        fairly(cx, |cx| {
            let held = std::iter::from_fn(|| hand.pop()).take(at_most.get());
            let held = held.map(|event| into.push(Delivery::Event(event))).count();
            if held == at_most.get() {
                return Poll::Ready(held);
            }
            let read = channel.read_many(*slot, at_most.get() - held, |read| into.push(read.into()));
            if held + read > 0 {
                return Poll::Ready(held + read);
            }
            // Nothing was there a moment ago: wait for one.
            let polled = channel.poll(*slot, cx.waker());
            polled.map(|read| read.map(|read| into.push(read.into())).map_or(0, |()| 1))
        })
    }
}

/// Polls within the budget that tokio gives a task: a reader that always finds something lets others have a turn.
fn fairly<T>(cx: &mut Context<'_>, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    std::pin::pin!(cooperative(poll_fn(poll))).poll(cx)
}
