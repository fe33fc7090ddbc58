//! What an [`EventStream`](super::EventStream) reads from: a [`Source`].

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_stream::Stream;

use super::{Delivery, Lag};
use crate::event::DomainEvent;

/// Where a stream takes its deliveries from.
pub(crate) trait Source: Send {
    /// Takes the next delivery; none is the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Handed>>;

    /// Takes up to `at_most` deliveries that are ready; 0 means the end.
    fn poll_many(
        &mut self,
        cx: &mut Context<'_>,
        at_most: NonZeroUsize,
        into: &mut Vec<Delivery>,
    ) -> Poll<usize> {
        let before = into.len();
        while into.len() - before < at_most.get() {
            match self.poll_next(cx) {
                Poll::Ready(Some(handed)) => into.push(handed.into()),
                Poll::Pending if into.len() == before => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(into.len() - before)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }

    /// Whether it is pending only for want of deliveries, or because its task has spent the budget of tokio.
    fn only_waits(&self) -> bool {
        true
    }
}

/// A [`Delivery`] in two words, which fit into registers. A whole one is written once, where it is yielded: to move it
/// on from where it was just written takes as long as all else that a stream does.
#[derive(Debug)]
pub(crate) enum Handed {
    Event(Arc<DomainEvent>),
    Lagged(Box<Lag>),
}

impl From<Handed> for Delivery {
    #[inline]
    fn from(handed: Handed) -> Self {
        match handed {
            Handed::Event(event) => Self::Event(event),
            Handed::Lagged(lag) => Self::Lagged(*lag),
        }
    }
}

impl From<Delivery> for Handed {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Event(event) => Self::Event(event),
            Delivery::Lagged(lag) => Self::Lagged(Box::new(lag)),
        }
    }
}

/// A stream from outside, taken one delivery at a time; none after its end, where it may not be polled again.
pub(super) struct Foreign<S>(Option<S>);

impl<S> Foreign<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self(Some(stream))
    }
}

impl<S: Stream<Item = Delivery> + Send + Unpin> Source for Foreign<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Handed>> {
        let Some(stream) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(stream).poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.0 = None;
        }
        polled.map(|delivery| delivery.map(Handed::from))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }

    fn only_waits(&self) -> bool {
        false
    }
}
