//! The marble texts themselves: a helper that cannot fail proves nothing.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use agentbus::testing::marbles::{FRAME, assert_marbles, cold, hot, record};
use agentbus::{Delivery, StreamRx};
use tokio_stream::StreamExt;

/// What a panic of `run` says.
fn panic_of(run: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    panic.downcast_ref::<String>().cloned().expect("its message is formatted")
}

async fn mismatch(source: &'static str, expected: &'static str) -> String {
    let checked = tokio::spawn(assert_marbles(cold(source), expected)).await;
    let panic = checked.expect_err("it panics").into_panic();
    panic.downcast_ref::<String>().cloned().expect("its message is formatted")
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_text_records_as_that_text() {
    for text in ["", "|", "a|", "--a-(bc)-|", "(a|)", "-(ab)c---d"] {
        assert_eq!(record(cold(text), 100).await, text);
        assert_eq!(record(hot(text), 100).await, text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_stops_at_its_last_frame() {
    assert_eq!(record(cold("a--b-c|"), 3).await, "a--b");
}

#[tokio::test(start_paused = true)]
async fn a_hot_stream_goes_on_while_nobody_polls_and_a_cold_one_waits() {
    let (hot, cold) = (hot("a-b--c|"), cold("a-b--c|"));
    tokio::time::sleep(3 * FRAME).await;
    assert_marbles(hot, "(ab)-c|").await;
    assert_marbles(cold, "a-b--c|").await;
}

#[tokio::test(start_paused = true)]
async fn any_difference_is_found_and_shown_with_the_line_of_the_call() {
    for (source, expected) in [
        ("a|", "b|"),
        ("a|", "-a|"),
        ("a|", "a-|"),
        ("a|", "a"),
        ("a", "a|"),
        ("a", ""),
        ("a----------b", "a"),
        ("(ab)|", "(ba)|"),
        ("a|", "[a]|"),
    ] {
        let message = mismatch(source, expected).await;
        assert!(message.contains(&format!("expected \"{expected}\"")), "{message}");
        assert!(message.contains(&format!("actual \"{source}\"")), "{message}");
        assert!(message.contains("tests/stream/marbles.rs"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_text_is_told_with_its_position() {
    assert!(panic_of(|| drop(cold("a-#"))).contains("at position 2"));
    assert!(panic_of(|| drop(hot("a(b"))).contains("at position 1"));
    assert!(panic_of(|| drop(cold("a[b]"))).contains("[b]"));
    assert!(panic_of(|| drop(assert_marbles(cold("a"), "a|b"))).contains("at position 2"));
}

#[tokio::test(start_paused = true)]
async fn values_of_more_than_one_letter_are_in_brackets() {
    assert_marbles(tokio_stream::iter([1, 12, -3]), "(1[12][-3]|)").await;
    assert_marbles(tokio_stream::iter(["a", "", "bc", "|"]), "(a[][bc][|]|)").await;
    assert_marbles(cold("ab|").rx().window(1).window(2), "-[[a][b]]|").await;
    assert_marbles(tokio_stream::iter([Delivery::Event('a')]), "(a|)").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_runs_away_is_caught() {
    let runaway = tokio::spawn(record(tokio_stream::iter(std::iter::repeat('a')), 10)).await;
    assert!(runaway.expect_err("it panics").is_panic());
}

#[tokio::test(start_paused = true)]
async fn a_text_without_an_end_stays_pending() {
    let mut endless = cold("a");
    assert_eq!(endless.next().await, Some('a'));
    assert!(tokio::time::timeout(Duration::from_hours(1), endless.next()).await.is_err());
}
