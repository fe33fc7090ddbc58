//! Pairs of openings and closings; letters are as in `letters.rs`.

use std::time::Duration;

use agentbus::stream::Correlated;
use agentbus::stream::rx::Correlate;
use agentbus::testing::marbles::{FRAME, Marbles, assert_marbles, cold};
use agentbus::{Rx, StreamRx};
use tokio_stream::{Stream, StreamExt};

use crate::letters::{capital, small};

type Key = fn(&char) -> Option<char>;

fn correlate(source: &str, timeout: Duration) -> Rx<Correlate<Marbles, char, Key, Key>> {
    cold(source).rx().correlate(small as Key, capital as Key, timeout)
}

#[tokio::test(start_paused = true)]
async fn an_opening_is_paired_with_its_closing_given_up_in_time_or_at_the_end() {
    for (source, expected) in [
        ("|", "|"),
        ("", ""),
        ("aA|", "-[aA]|"),
        ("(aA)|", "[aA]|"),
        ("ab-BA|", "---[bB][aA]|"),
        ("a------|", "-----[a?]-|"),
        ("a----A|", "-----[aA]|"),
        ("a-----A|", "-----[a?][?A]|"),
        ("A|", "[?A]|"),
        ("aAA|", "-[aA][?A]|"),
        ("ab|", "--([a?][b?]|)"),
        ("(ab)------|", "-----([a?][b?])-|"),
        ("1a2A3|", "---[aA]-|"),
        ("aAaA|", "-[aA]-[aA]|"),
    ] {
        assert_marbles(correlate(source, 5 * FRAME), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_opening_of_a_key_takes_the_place_of_the_first_and_its_time_begins_anew() {
    assert_marbles(correlate("a--a---A|", 5 * FRAME), "---[a?]---[aA]|").await;
    assert_marbles(correlate("a--a------|", 5 * FRAME), "---[a?]----[a?]-|").await;
}

#[tokio::test(start_paused = true)]
async fn when_more_are_open_than_can_be_held_the_oldest_is_given_up() {
    assert_marbles(correlate("(abc)AB|", 50 * FRAME).with_capacity(2), "[a?][?A][bB]([c?]|)").await;
    assert_marbles(correlate("(ab)B|", 50 * FRAME).with_capacity(0), "[a?][bB]|").await;
}

#[tokio::test(start_paused = true)]
async fn a_capacity_made_smaller_gives_up_those_that_are_too_many() {
    let mut calls = correlate("(abcd)----|", 50 * FRAME);
    assert!(tokio::time::timeout(FRAME, calls.next()).await.is_err());
    assert_marbles(calls.with_capacity(1), "([a?][b?][c?])---([d?]|)").await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_pairs_only_what_comes_at_one_instant() {
    assert_marbles(correlate("(abA)-B|", Duration::ZERO), "([aA][b?])-[?B]|").await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_no_clock_can_hold_never_comes() {
    assert_marbles(correlate("a----A", Duration::MAX), "-----[aA]").await;
    assert_marbles(correlate("a----|", Duration::MAX), "-----([a?]|)").await;
}

#[tokio::test(start_paused = true)]
async fn by_itself_it_holds_1024_openings() {
    let opens: fn(&u32) -> Option<u32> = |item| Some(*item);
    let calls = tokio_stream::iter(0..1_030).chain(tokio_stream::pending());
    let mut calls = calls.rx().correlate(opens, |_| None, Duration::MAX);
    for oldest in 0..6 {
        assert_eq!(calls.next().await, Some(Correlated::Unanswered(oldest)));
    }
    assert!(tokio::time::timeout(FRAME, calls.next()).await.is_err());
    assert_eq!(calls.size_hint().0, 1_024);
}

#[tokio::test(start_paused = true)]
async fn every_opening_and_closing_comes_out_exactly_once() {
    // A fixed walk over few keys: it meets every way of giving up.
    let mut state = 7_u32;
    let items: Vec<(bool, u32)> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 31 == 0, (state >> 16) % 40)
    })
    .take(20_000)
    .collect();
    let calls = tokio_stream::iter(items.clone().into_iter().enumerate()).rx();
    let calls = calls
        .correlate(
            |(_, (opens, key))| opens.then_some(*key),
            |(_, (opens, key))| (!opens).then_some(*key),
            FRAME,
        )
        .with_capacity(16);
    let mut seen: Vec<usize> = calls
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .flat_map(|correlated| match correlated {
            Correlated::Pair { opening, closing } => vec![opening.0, closing.0],
            Correlated::Unanswered(alone) | Correlated::Orphan(alone) => vec![alone.0],
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..items.len()).collect::<Vec<_>>());
}
