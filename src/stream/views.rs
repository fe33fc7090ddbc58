//! Views of an [`EventStream`]: events alone, events with a listener for loss, details of one kind.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio_stream::Stream;

use super::{Delivery, EventStream, Lag, Typed};
use crate::event::{Details, DomainEvent};

/// The events of a stream, loss passed over: see [`EventStream::events`].
#[derive(Debug)]
#[must_use = "a dropped stream is unsubscribed"]
pub struct Events {
    stream: EventStream,
}

impl Events {
    pub(super) fn new(stream: EventStream) -> Self {
        Self { stream }
    }
}

impl Stream for Events {
    type Item = Arc<DomainEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Delivery::Event(event)) => return Poll::Ready(Some(event)),
                Some(Delivery::Lagged(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

/// The events of a stream, with a listener for loss: see [`EventStream::events_or`].
#[must_use = "a dropped stream is unsubscribed"]
pub struct EventsOr<F> {
    stream: EventStream,
    on_lag: F,
}

impl<F> EventsOr<F> {
    pub(super) fn new(stream: EventStream, on_lag: F) -> Self {
        Self { stream, on_lag }
    }
}

impl<F: FnMut(Lag) + Unpin> Stream for EventsOr<F> {
    type Item = Arc<DomainEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Delivery::Event(event)) => return Poll::Ready(Some(event)),
                Some(Delivery::Lagged(lag)) => (self.on_lag)(lag),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

impl<F> fmt::Debug for EventsOr<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsOr").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// The details of one kind, loss kept: see [`EventStream::of`].
#[must_use = "a dropped stream is unsubscribed"]
pub struct Of<D> {
    stream: EventStream,
    details: PhantomData<fn() -> D>,
}

impl<D> Of<D> {
    pub(super) fn new(stream: EventStream) -> Self {
        Self { stream, details: PhantomData }
    }
}

impl<D: Details> Stream for Of<D> {
    type Item = Delivery<Typed<D>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Delivery::Event(event)) => {
                    if let Ok(typed) = Typed::new(event) {
                        return Poll::Ready(Some(Delivery::Event(typed)));
                    }
                }
                Some(Delivery::Lagged(lag)) => return Poll::Ready(Some(Delivery::Lagged(lag))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

impl<D> fmt::Debug for Of<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Of").field("stream", &self.stream).finish()
    }
}
