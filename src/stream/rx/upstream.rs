//! What an operator takes its items from: fused, and unable to hold a task for ever.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::busy;

/// How many items in a row an operator takes before others have a turn: as many as tokio's own budget.
const TURN: u8 = 128;

pin_project! {
    /// A source that is dropped at its end.
    pub(super) struct Upstream<S> {
        // `None` after the end.
        #[pin]
        stream: Option<S>,
        // Items taken since the source last had none.
        taken: u8,
    }
}

/// What a source has to give now.
pub(super) enum Step<T> {
    Item(T),
    End,
    Lull(Lull),
}

impl<T> Step<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Item(item) => Step::Item(change(item)),
            Self::End => Step::End,
            Self::Lull(lull) => Step::Lull(lull),
        }
    }
}

/// Why a source gives no item now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lull {
    /// It has none; it will wake the task.
    Idle,
    /// It may have more, but others have a turn; the task is already woken. Its own source may have said so.
    Busy,
}

impl<S> Upstream<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream: Some(stream), taken: 0 }
    }

    /// One that has no source yet, or never.
    pub(super) const fn ended() -> Self {
        Self { stream: None, taken: 0 }
    }

    /// Ends it, and drops the source.
    pub(super) fn close(self: Pin<&mut Self>) {
        self.project().stream.set(None);
    }

    /// Takes its items from another source from now on.
    pub(super) fn replace(self: Pin<&mut Self>, stream: S) {
        self.project().stream.set(Some(stream));
    }

    pub(super) const fn is_ended(&self) -> bool {
        self.stream.is_none()
    }
}

impl<S: Stream> Upstream<S> {
    /// The next item as the source gives it, for operators that yield one for each.
    pub(super) fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = stream.poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            this.stream.set(None);
        }
        polled
    }

    /// The next item, for operators that take several before they yield or that have timers.
    pub(super) fn step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Step<S::Item> {
        if *self.as_mut().project().taken == TURN {
            *self.project().taken = 0;
            busy::say_busy(cx);
            return Step::Lull(Lull::Busy);
        }
        let (polled, is_busy) = busy::ask(|| self.as_mut().poll_next(cx));
        match polled {
            Poll::Ready(Some(item)) => {
                *self.project().taken += 1;
                Step::Item(item)
            }
            Poll::Ready(None) => Step::End,
            Poll::Pending => {
                *self.project().taken = 0;
                if is_busy {
                    busy::say_busy(cx);
                    return Step::Lull(Lull::Busy);
                }
                busy::say_idle();
                Step::Lull(Lull::Idle)
            }
        }
    }

    /// How many items are left, as [`Stream::size_hint`] says it.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }

    /// How many items there are with `held` that the operator has taken and not yielded.
    pub(super) fn size_hint_with(&self, held: usize) -> (usize, Option<usize>) {
        let (least, most) = self.size_hint();
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}

impl<S: fmt::Debug> fmt::Debug for Upstream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stream {
            Some(stream) => stream.fmt(f),
            None => f.write_str("ended"),
        }
    }
}
