//! The reading end of a route: a [`RouteStream`] is what an `EventStream` of this crate's buses reads from.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::task::coop::{has_budget_remaining, poll_proceed};

use super::channel::Channel;
use super::core::Core;
use super::hand::Hand;
use super::route::RouteKey;
use super::slab::Slot;
use crate::filter::TypeSet;
use crate::stream::{Delivery, Handed, Source};

/// A seat on the channel of a route, and what it was taken for.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) key: RouteKey,
    pub(super) types: TypeSet,
    pub(super) channel: Arc<Channel>,
    pub(super) slot: Slot,
}

/// Reads from a seat until the bus is closed or gone; dropping it gives the seat up. It reads within the budget that
/// tokio gives a task.
pub(super) struct RouteStream {
    attachment: Attachment,
    /// What is handed over before anything else is read.
    hand: Hand,
    core: Weak<Core>,
}

impl RouteStream {
    pub(super) fn new(attachment: Attachment, core: Weak<Core>) -> Self {
        let hand = attachment.channel.hand(attachment.slot);
        Self { attachment, hand, core }
    }
}

impl Drop for RouteStream {
    /// What is still in the hand then is given up with what waits.
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.leave(&self.attachment);
        }
    }
}

impl RouteStream {
    /// Hands over the next thing, or waits until there is one; none at the end.
    ///
    /// What the filter keeps away is passed over in one go: that costs less than it cost to emit it, so it ends.
    fn poll_handed(&mut self, cx: &mut Context<'_>) -> Poll<Option<Handed>> {
        let Self { attachment: Attachment { channel, slot, .. }, hand, .. } = self;
        loop {
            if let Some(handed) = hand.next() {
                return Poll::Ready(Some(handed));
            }
            if !ready!(channel.poll_fill(*slot, hand, cx.waker())) {
                return Poll::Ready(None);
            }
        }
    }

    /// Hands over the next thing that is there.
    fn take_ready(&mut self) -> Option<Handed> {
        let Self { attachment: Attachment { channel, slot, .. }, hand, .. } = self;
        loop {
            match hand.next() {
                None if channel.fill(*slot, hand) => {}
                next => return next,
            }
        }
    }
}

impl Source for RouteStream {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Handed>> {
        let budget = ready!(poll_proceed(cx));
        let handed = ready!(self.poll_handed(cx));
        budget.made_progress();
        Poll::Ready(handed)
    }

    fn poll_many(
        &mut self,
        cx: &mut Context<'_>,
        at_most: NonZeroUsize,
        into: &mut Vec<Delivery>,
    ) -> Poll<usize> {
        let budget = ready!(poll_proceed(cx));
        let first = ready!(self.poll_handed(cx));
        budget.made_progress();
        let Some(first) = first else { return Poll::Ready(0) };
        let before = into.len();
        into.reserve((1 + self.hand.len()).min(at_most.get()));
        into.push(first.into());
        while into.len() - before < at_most.get() {
            let left = at_most.get() - (into.len() - before);
            if self.hand.next_run(left, into) {
                continue;
            }
            match self.take_ready() {
                Some(next) => into.push(next.into()),
                None => break,
            }
        }
        let taken = into.len() - before;
        pay(cx, taken - 1);
        Poll::Ready(taken)
    }
}

/// Has the task pay for so many more deliveries out of the budget that tokio gives it, as far as that goes: a reader
/// that always finds something lets others have a turn, however many it takes at once.
fn pay(cx: &mut Context<'_>, deliveries: usize) {
    for _ in 0..deliveries {
        if !has_budget_remaining() {
            return;
        }
        if let Poll::Ready(budget) = poll_proceed(cx) {
            budget.made_progress();
        }
    }
}
