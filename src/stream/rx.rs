//! The operators of ReactiveX, on any stream: [`Rx`], got by [`.rx()`](StreamRx::rx).
//!
//! They live on a type of their own, so that they keep the names the field knows and collide with nobody's;
//! `filter`, `map` and the rest come from `tokio-stream`. Every operator gives another [`Rx`], so they chain.
//!
//! | operator | yields | in ReactiveX |
//! |---|---|---|
//! | [`debounce`](Rx::debounce) | an item once it was quiet behind it | debounce, `throttle_with_timeout` |
//! | [`throttle_first`](Rx::throttle_first) | the first item of each stretch of time | `throttle_first` |
//! | [`throttle_last`](Rx::throttle_last) | the last item of each period | sample, by time |
//! | [`sample`](Rx::sample) | the last item whenever another stream yields | sample |
//! | [`distinct`](Rx::distinct), [`distinct_by_key`](Rx::distinct_by_key) | items that did not come lately | distinct, of all time |
//! | [`distinct_until_changed`](Rx::distinct_until_changed), [`.._by_key`](Rx::distinct_until_changed_by_key) | items that differ from the one before | `distinct_until_changed` |
//! | [`window`](Rx::window) or [`buffer`](Rx::buffer) | items in lists of one length | `buffer_with_count` |
//! | [`window_time`](Rx::window_time) or [`buffer_time`](Rx::buffer_time) | items in lists, one for each period | `buffer_with_time` |
//! | [`window_count_or_time`](Rx::window_count_or_time) or [`buffer_..`](Rx::buffer_count_or_time) | items in lists of bounded length and age | `buffer_with_time_or_count` |
//! | [`group_by`](Rx::group_by) | a stream for each key | `group_by` |
//! | [`scan`](Rx::scan) | what has accumulated, after each item | scan |
//! | [`pairwise`](Rx::pairwise) | each item behind the one before it | pairwise |
//! | [`start_with`](Rx::start_with) | some items first | `start_with` |
//! | [`merge`](Rx::merge) | the items of two streams, as they come | merge |
//! | [`combine_latest`](Rx::combine_latest) | the latest items of two streams, whenever either yields | `combine_latest` |
//! | [`with_latest_from`](Rx::with_latest_from) | items with the latest one of another stream | `with_latest_from` |
//! | [`switch_map`](Rx::switch_map) | what the stream of the latest item yields | `flat_map_latest`, `switch_map` |
//! | [`merge_map`](Rx::merge_map) | what the streams of items yield, so many at once | `flat_map`, merge with `max_concurrent`, `concat_map` |
//! | [`take_until`](Rx::take_until), [`take_until_item`](Rx::take_until_item) | items until something else happens | `take_until` |
//! | [`timeout_each`](Rx::timeout_each) | items that come in time, or that none did | timeout |
//! | [`on_error`](Rx::on_error) | another stream after the first error | catch, `on_error_resume_next` |
//! | [`retry`](Rx::retry) | the stream once more after an error | retry |
//! | [`share`](Rx::share) | all items to many readers, the last to late ones | share, replay with `ref_count` |
//! | [`correlate`](Rx::correlate) | openings with their closings | |
//!
//! What they promise, all of them:
//! - **Meaning** is that of ReactiveX; where its implementations differ, that of RxPY, with which they are compared on
//!   a thousand random timelines each (`tests/oracle`). Where one differs, it says so. An item that is a `Result` is
//!   an item: there is no channel for errors beside it, and only `on_error` and `retry` tell errors from other items.
//! - **Time** is tokio's, so paused clocks work. It starts at the first poll, not before. At one instant the items
//!   that are ready come first, those of several streams in the order of the arguments (of
//!   [`with_latest_from`](Rx::with_latest_from) in that of ReactiveX), then timers in the order of their creation. So a stream that is pending to let others have a turn is not taken for a silent one; one of
//!   somebody else's that does so often in a row may be. The resolution is tokio's, 1 ms; a *period* below that counts
//!   as 1 ms.
//! - **The end is the end**: after it an operator stays there, and it has dropped its source and the items that it
//!   held. Dropping an operator drops its source at once.
//! - **Cancel safety**: what an operator holds is in the operator, so a dropped `next()` loses nothing.
//! - **Memory** is bounded: each operator says by what. Where something has no room, that is told by what is yielded:
//!   a list, an item once more, [`Correlated::Unanswered`], [`Heard::Missed`].
//! - **Fairness**: a source that is always ready keeps neither its task, nor a timer that is overdue, nor the streams
//!   beside it from their turn.
//!
//! What goes wrong: operators that wait panic when polled outside a tokio runtime that has its time enabled. A
//! panic in a closure reaches whoever polled; the operator can be polled on, without the item that it broke on
//! (except [`scan`](Rx::scan), which has lost its state, [`on_error`](Rx::on_error) and [`retry`](Rx::retry), which have
//! nothing to go on with: they are at their end).
//!
//! # Of events
//! To an operator a notice of loss is an item like any other: of an `EventStream` itself they see
//! [`Delivery`](crate::Delivery)s, and one that leaves items out may leave a notice out. Where loss matters, hear of
//! it before: `.events_or(|lag| ..).rx()`; where not: `.events().rx()`. Of [`merge`](Rx::merge), [`share`](Rx::share),
//! the windows and whatever else leaves nothing out, each notice comes out where it went in; a key, for
//! [`group_by`](Rx::group_by) and [`distinct_by_key`](Rx::distinct_by_key), has to be found for it too.
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
mod busy;
mod turns;
mod upstream;

mod buffer;
mod combine_latest;
mod correlate;
mod debounce;
mod distinct;
mod distinct_until_changed;
mod group_by;
mod heard;
mod merge;
mod merge_map;
mod on_error;
mod pairwise;
mod retry;
mod sample;
mod scan;
mod share;
mod start_with;
mod switch_map;
mod take_until;
mod throttle_first;
mod throttle_last;
mod timeout_each;
mod window;
mod window_count_or_time;
mod window_time;
mod with_latest_from;

pub(super) use busy::say_idle;
pub use combine_latest::CombineLatest;
pub use correlate::{Correlate, Correlated};
pub use debounce::Debounce;
pub use distinct::{Distinct, DistinctByKey};
pub use distinct_until_changed::{DistinctUntilChanged, DistinctUntilChangedByKey};
pub use group_by::{Group, GroupBy};
pub use heard::Heard;
pub use merge::Merge;
pub use merge_map::MergeMap;
pub use on_error::OnError;
pub use pairwise::Pairwise;
pub use retry::Retry;
pub use sample::Sample;
pub use scan::Scan;
pub use share::Share;
pub use start_with::StartWith;
pub use switch_map::SwitchMap;
pub use take_until::{FirstItem, TakeUntil};
pub use throttle_first::ThrottleFirst;
pub use throttle_last::ThrottleLast;
pub use timeout_each::{TimedOut, TimeoutEach};
pub use window::Window;
pub use window_count_or_time::WindowCountOrTime;
pub use window_time::WindowTime;
pub use with_latest_from::WithLatestFrom;

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
