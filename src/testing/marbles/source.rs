//! Streams made of marble text.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_stream::Stream;

use super::frames;
use super::text::{Moment, Timeline};

/// A stream whose time begins when it is first polled.
///
/// # Panics
/// If `text` is no marble text of single letters and digits; the message has the position of the fault.
#[track_caller]
pub fn cold(text: &str) -> Marbles {
    Marbles { left: read(text), begun: None, sleep: None }
}

/// A stream whose time begins now: what nobody waited for is ready at once.
///
/// # Panics
/// If `text` is no marble text of single letters and digits; the message has the position of the fault.
#[track_caller]
pub fn hot(text: &str) -> Marbles {
    Marbles { left: read(text), begun: Some(Instant::now()), sleep: None }
}

#[track_caller]
#[expect(clippy::panic, reason = "a fault in a marble text is a bug of the test that has it")]
fn read(text: &str) -> VecDeque<(u32, Option<char>)> {
    let timeline = match Timeline::parse(text) {
        Ok(timeline) => timeline,
        Err(fault) => panic!("cannot read the marble text {text:?}: {fault}"),
    };
    let single = |moment| match moment {
        Moment::Value(value) if value.starts_with('[') => {
            panic!("cannot read the marble text {text:?}: only what is expected has values such as {value}")
        }
        Moment::Value(value) => value.chars().next(),
        Moment::End => None,
    };
    timeline.moments.into_iter().map(|(frame, moment)| (frame, single(moment))).collect()
}

/// The stream of a marble text: see [`cold`] and [`hot`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Marbles {
    /// Values and, as `None`, the end, which stays; without it the stream stays pending.
    left: VecDeque<(u32, Option<char>)>,
    begun: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Stream for Marbles {
    type Item = char;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<char>> {
        let this = &mut *self;
        let Some((frame, value)) = this.left.front().copied() else {
            return Poll::Pending;
        };
        let due = *this.begun.get_or_insert_with(Instant::now) + frames(frame);
        if Instant::now() < due {
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            ready!(sleep.as_mut().poll(cx));
        }
        if value.is_some() {
            this.left.pop_front();
        }
        Poll::Ready(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let values = self.left.iter().filter(|(_, value)| value.is_some()).count();
        (values, Some(values))
    }
}
