//! [`Rx::buffer`], [`Rx::buffer_time`], [`Rx::buffer_count_or_time`]: the names that ReactiveX has for lists.

use std::time::Duration;

use tokio_stream::Stream;

use super::{Rx, Window, WindowCountOrTime, WindowTime};
use crate::stream::Count;

impl<S: Stream> Rx<S> {
    /// Yields items in lists of `count`: another name for [`window`](Self::window).
    ///
    /// ```
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let pairs = tokio_stream::iter(1..=3).rx().buffer(2);
    /// assert_eq!(pairs.collect::<Vec<_>>().await, [vec![1, 2], vec![3]]);
    /// # }
    /// ```
    pub fn buffer(self, count: impl Count) -> Rx<Window<S>> {
        self.window(count)
    }

    /// Yields a list for each period: another name for [`window_time`](Self::window_time).
    pub fn buffer_time(self, duration: Duration) -> Rx<WindowTime<S>> {
        self.window_time(duration)
    }

    /// Yields lists of bounded length and age: another name for
    /// [`window_count_or_time`](Self::window_count_or_time).
    pub fn buffer_count_or_time(self, count: impl Count, duration: Duration) -> Rx<WindowCountOrTime<S>> {
        self.window_count_or_time(count, duration)
    }
}
