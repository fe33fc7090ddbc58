//! [`Rx::throttle_first`].

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Rx;
use super::alarm::later;
use super::upstream::{Step, Upstream};

impl<S: Stream> Rx<S> {
    /// Yields an item, and leaves out those that come within `duration` of it.
    ///
    /// One that comes exactly `duration` later is yielded; a `duration` of zero leaves nothing out. Holds nothing and
    /// needs no timer.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use agentbus::StreamRx;
    /// # use tokio_stream::StreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let alerts = tokio_stream::iter(["disk full", "disk full", "disk full"]);
    /// let told: Vec<_> = alerts.rx().throttle_first(Duration::from_secs(60)).collect().await;
    /// assert_eq!(told, ["disk full"]);
    /// # }
    /// ```
    pub fn throttle_first(self, duration: Duration) -> Rx<ThrottleFirst<S>> {
        Rx::new(ThrottleFirst { upstream: Upstream::new(self.stream), duration, opens: None })
    }
}

pin_project! {
    /// The first item of each stretch of time: see [`Rx::throttle_first`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ThrottleFirst<S> {
        #[pin]
        upstream: Upstream<S>,
        duration: Duration,
        // From when on an item is yielded again; none before the first.
        opens: Option<Instant>,
    }
}

impl<S: Stream> Stream for ThrottleFirst<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match this.upstream.as_mut().step(cx) {
                Step::Item(item) => {
                    let now = Instant::now();
                    if this.opens.is_none_or(|opens| now >= opens) {
                        *this.opens = Some(later(now, *this.duration));
                        return Poll::Ready(Some(item));
                    }
                }
                Step::End => return Poll::Ready(None),
                Step::Lull(_) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.size_hint();
        let least =
            if self.duration.is_zero() { least } else { least.min(usize::from(self.opens.is_none())) };
        (least, most)
    }
}
