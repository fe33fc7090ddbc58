//! Whatever comes: what every operator promises, on random timelines.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use agentbus::testing::marbles::{FRAME, Marble, Marbles, cold};
use proptest::prelude::*;
use tokio_stream::Stream;

use crate::every::{Record, record};

/// A random marble text that ends.
fn timelines() -> impl Strategy<Value = String> {
    let moment = prop_oneof![5 => Just(String::from("-")), 3 => "[a-eA-E]", 2 => "\\([a-e]{2,4}\\)"];
    let silence = (0_usize..6).prop_map(|frames| "-".repeat(frames));
    (prop::collection::vec(moment, 0..12), silence).prop_map(|(text, silence)| text.concat() + &silence + "|")
}

/// A source that does not say how much it has left, or only the half of it.
struct Vague(Marbles);

impl Stream for Vague {
    type Item = char;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<char>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.size_hint().0 / 2, None)
    }
}

fn on_paused_time(test: impl Future) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime of one thread needs nothing").block_on(test);
}

async fn patiently<S: Stream<Item: Marble>>(name: &'static str, stream: S) -> Record {
    record(name, stream, Duration::from_secs(1_000)).await
}

async fn impatiently<S: Stream<Item: Marble>>(name: &'static str, stream: S) -> Record {
    record(name, stream, FRAME).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn hints_hold_and_a_dropped_next_loses_nothing(text in timelines()) {
        on_paused_time(async {
            let undisturbed = every_operator!(cold(&text), patiently);
            let disturbed = every_operator!(cold(&text), impatiently);
            let vague = every_operator!(Vague(cold(&text)), impatiently);
            for ((undisturbed, disturbed), vague) in undisturbed.iter().zip(&disturbed).zip(&vague) {
                assert_eq!(undisturbed.items, disturbed.items, "{} of {text}", undisturbed.name);
                assert_eq!(undisturbed.items, vague.items, "{} of {text}", undisturbed.name);
                for record in [undisturbed, disturbed, vague] {
                    record.check_hints(&text);
                }
            }
        });
    }
}
