//! [`Rx::debounce`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::{Alarm, later};
use super::upstream::{Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields an item once no other has come for `quiet`; an item that is followed sooner is left out.
    ///
    /// At the end the item still waiting is yielded at once. With a `quiet` of zero, each burst gives its last item.
    /// Holds one item. ReactiveX also calls it `throttle_with_timeout`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let mut settled = tokio_stream::iter(["a", "ab", "abc"]).rx().debounce(Duration::from_millis(300));
    /// assert_eq!(settled.next().await, Some("abc"));
    /// # }
    /// ```
    pub fn debounce(self, quiet: Duration) -> Rx<Debounce<S>> {
        Rx::new(Debounce {
            upstream: Upstream::new(self.stream),
            quiet,
            waiting: None,
            alarm: Alarm::unset(),
        })
    }
}

pin_project! {
    /// Items that nothing followed for a while: see [`Rx::debounce`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Debounce<S: Stream> {
        #[pin]
        upstream: Upstream<S>,
        quiet: Duration,
        waiting: Option<S::Item>,
        // Set while an item waits.
        alarm: Alarm,
    }
}

impl<S: Stream> Stream for Debounce<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let mut followed = false;
        let lull = loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    *this.waiting = Some(item);
                    followed = true;
                }
                Step::End => return Poll::Ready(this.waiting.take()),
                Step::Lull(lull) => break lull,
            }
        };
        if followed {
            this.alarm.set(later(Instant::now(), *this.quiet));
        }
        ready!(this.alarm.poll(cx, lull));
        Poll::Ready(this.waiting.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint_with(usize::from(self.waiting.is_some()));
        (least.min(1), most)
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Debounce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debounce")
            .field("source", &self.upstream)
            .field("quiet", &self.quiet)
            .field("waiting", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}
