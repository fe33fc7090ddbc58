//! What a stream yields, as marble text.

use std::panic::Location;
use std::pin::pin;

use tokio::time::{Instant, timeout_at};
use tokio_stream::{Stream, StreamExt};

use super::text::{Moment, Timeline};
use super::{FRAME, Marble, frames};

/// How far behind the last expected moment something unexpected is still found.
const FRAMES_BEYOND: u32 = 1_000;

/// More in one recording is a stream that runs away.
const MOST_MOMENTS: usize = 100_000;

/// What `stream` yields until its end, or until frame `at_most`, as marble text. Frame 0 is the first poll.
///
/// # Panics
/// If the stream yields more than 100,000 values.
///
/// # Cancel safety
/// Cancel safe as far as the stream is; what was recorded is lost.
pub async fn record<S>(stream: S, at_most: u32) -> String
where
    S: Stream,
    S::Item: Marble,
{
    record_timeline(stream, at_most).await.to_string()
}

/// Asserts that `stream` does what the marble text `expected` says, and nothing else for a second of its time after.
///
/// # Panics
/// At once if `expected` is no marble text, with the position of the fault. When awaited, if the stream does anything
/// else; the message shows both texts and the line of the call.
#[track_caller]
pub fn assert_marbles<S>(stream: S, expected: &str) -> impl Future<Output = ()> + use<S>
where
    S: Stream,
    S::Item: Marble,
{
    let caller = Location::caller();
    let expected = read(expected);
    async move {
        let at_most = expected.last_frame().saturating_add(FRAMES_BEYOND);
        let actual = record_timeline(stream, at_most).await;
        assert!(expected == actual, "at {caller}\n  expected \"{expected}\"\n    actual \"{actual}\"");
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a fault in a marble text is a bug of the test that has it")]
fn read(expected: &str) -> Timeline {
    match Timeline::parse(expected) {
        Ok(timeline) => timeline,
        Err(fault) => panic!("cannot read the marble text {expected:?}: {fault}"),
    }
}

async fn record_timeline<S>(stream: S, at_most: u32) -> Timeline
where
    S: Stream,
    S::Item: Marble,
{
    let begun = Instant::now();
    let until = begun + frames(at_most);
    let mut stream = pin!(stream);
    let mut timeline = Timeline::default();
    while let Ok(item) = timeout_at(until, stream.next()).await {
        let frame = begun.elapsed().as_nanos() / FRAME.as_nanos();
        let frame = u32::try_from(frame).unwrap_or(u32::MAX);
        let Some(item) = item else {
            timeline.moments.push((frame, Moment::End));
            break;
        };
        let mut value = String::new();
        item.write_marble(&mut value);
        timeline.moments.push((frame, Moment::Value(value)));
        assert!(timeline.moments.len() <= MOST_MOMENTS, "more than {MOST_MOMENTS} values by frame {frame}");
    }
    timeline
}
