//! [`Rx::window_time`].

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio_stream::Stream;

use super::Rx;
use super::window_count_or_time::WindowCountOrTime;

impl<S: Stream> Rx<S> {
    /// Yields, at the end of each period, the items that came in it; an empty list for one without items.
    ///
    /// Periods follow one another from the first poll. At the end of the source the list begun is yielded at once,
    /// even an empty one: ReactiveX, which calls it `buffer_with_time`, has it so. Periods that nobody waited for
    /// give one list together.
    ///
    /// Holds what comes in one period;
    /// [`window_count_or_time`](Rx::window_count_or_time) bounds that.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let silent = tokio_stream::pending::<u8>();
    /// let mut seconds = silent.rx().window_time(Duration::from_secs(1));
    /// assert_eq!(seconds.next().await, Some(vec![]));
    /// # }
    /// ```
    pub fn window_time(self, duration: Duration) -> Rx<WindowTime<S>> {
        Rx::new(WindowTime { windows: WindowCountOrTime::new(self.stream, NonZeroUsize::MAX, duration) })
    }
}

pin_project! {
    /// Items in lists, one for each period: see [`Rx::window_time`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WindowTime<S: Stream> {
        // Of a length that no list can have more than.
        #[pin]
        windows: WindowCountOrTime<S>,
    }
}

impl<S: Stream> Stream for WindowTime<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        self.project().windows.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.windows.held.is_some() { (1, None) } else { (0, Some(0)) }
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WindowTime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowTime")
            .field("source", &self.windows.upstream)
            .field("period", &self.windows.period)
            .field("held", &self.windows.held.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
