//! The operators of ReactiveX, on any stream: [`Rx`], got by [`.rx()`](StreamRx::rx).
//!
//! They live on a type of their own, so that they keep the names the field knows and collide with nobody's;
//! `filter`, `map` and the rest come from `tokio-stream`. Every operator gives another [`Rx`], so they chain.
//!
//! | operator | yields |
//! |---|---|
//! | [`debounce`](Rx::debounce) | an item once it was quiet behind it |
//! | [`throttle_first`](Rx::throttle_first) | the first item of each stretch of time |
//! | [`throttle_last`](Rx::throttle_last) | the last item of each period |
//! | [`distinct_until_changed`](Rx::distinct_until_changed), [`.._by_key`](Rx::distinct_until_changed_by_key) | items that differ from the one before |
//! | [`window`](Rx::window), [`window_time`](Rx::window_time), [`window_count_or_time`](Rx::window_count_or_time) | items in lists |
//! | [`scan`](Rx::scan) | what has accumulated, after each item |
//! | [`take_until`](Rx::take_until), [`take_until_item`](Rx::take_until_item) | items until something else happens |
//! | [`correlate`](Rx::correlate) | openings with their closings |
//!
//! What they promise, all of them:
//! - **Meaning** is that of ReactiveX; where its implementations differ, that of RxPY. An item that is a `Result`
//!   is an item: there is no channel for errors beside it.
//! - **Time** is tokio's, so paused clocks work. It starts at the first poll, not before. At one instant the items
//!   that are ready come first, then timers in the order of their creation. The resolution is tokio's, 1 ms; a
//!   *period* below that counts as 1 ms.
//! - **The end is the end**: after it an operator stays there, and it has dropped its source. Dropping an operator
//!   drops its source at once.
//! - **Cancel safety**: what an operator holds is in the operator, so a dropped `next()` loses nothing.
//! - **Memory** is bounded: each operator says by what.
//! - **Fairness**: a source that is always ready keeps neither its task nor a timer that is overdue from their
//!   turn.
//!
//! What goes wrong: operators that wait panic when polled outside a tokio runtime that has its time enabled. A
//! panic in a closure reaches whoever polled; the operator can be polled on, without the item that it broke on
//! (except [`scan`](Rx::scan), which has lost its state and is at its end).
//!
//! # Of events
//! To an operator a notice of loss is an item like any other: of an `EventStream` itself they see
//! [`Delivery`](crate::Delivery)s, and one that leaves items out may leave a notice out. Where loss matters, hear of
//! it before: `.events_or(|lag| ..).rx()`; where not: `.events().rx()`.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use agentbus::event::SessionCreated;
//! use agentbus::{Delivery, DomainEvent, EventStream, StreamRx};
//! use tokio_stream::StreamExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! # let emitted = (0..3).map(|_| Delivery::Event(Arc::new(DomainEvent::new(SessionCreated::new(false)))));
//! # let stream = EventStream::new(tokio_stream::iter(emitted));
//! let mut missed = 0;
//! let mut bursts = stream
//!     .events_or(|lag| missed += lag.missed)
//!     .rx()
//!     .window_count_or_time(100, Duration::from_millis(50));
//! let burst = bursts.next().await.unwrap();
//! assert_eq!(burst.len(), 3);
//! # }
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_stream::Stream;

mod alarm;
mod upstream;

mod correlate;
mod debounce;
mod distinct_until_changed;
mod scan;
mod take_until;
mod throttle_first;
mod throttle_last;
mod window;
mod window_count_or_time;
mod window_time;

pub use correlate::{Correlate, Correlated};
pub use debounce::Debounce;
pub use distinct_until_changed::{DistinctUntilChanged, DistinctUntilChangedByKey};
pub use scan::Scan;
pub use take_until::{FirstItem, TakeUntil};
pub use throttle_first::ThrottleFirst;
pub use throttle_last::ThrottleLast;
pub use window::Window;
pub use window_count_or_time::WindowCountOrTime;
pub use window_time::WindowTime;

pin_project! {
    /// A stream with the operators of ReactiveX: see the [module](self).
    ///
    /// It yields what its stream does.
    #[derive(Clone, Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Rx<S> {
        #[pin]
        stream: S,
    }
}

impl<S> Rx<S> {
    const fn new(stream: S) -> Self {
        Self { stream }
    }

    /// The stream itself.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Stream> Stream for Rx<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.project().stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

/// Gives every stream its [`Rx`].
pub trait StreamRx: Stream + Sized {
    /// This stream, with the operators of ReactiveX.
    fn rx(self) -> Rx<Self> {
        Rx::new(self)
    }
}

impl<S: Stream> StreamRx for S {}
