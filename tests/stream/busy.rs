//! A source that only lets others have a turn is not silent: no operator above it takes its pause for want of items.
//!
//! Each operator is tried on a thousand items of one instant, as a marble text gives them and as other operators do,
//! and is to do the same with both.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use agentbus::StreamRx;
use agentbus::stream::Correlated;
use agentbus::stream::rx::{Group, Heard};
use agentbus::testing::marbles::{FRAME, Marble, Marbles, cold, record};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

use crate::letters::{capital, small};

/// A thousand letters, no two the same.
fn many() -> String {
    ('\u{4e00}'..).take(1_000).collect()
}

/// All of them in frame 3, and the end behind them.
fn text() -> String {
    format!("---({})-|", many())
}

fn source() -> Marbles {
    cold(&text())
}

async fn trace<S: Stream<Item: Marble>>(stream: S) -> String {
    record(stream, 20).await
}

/// What operators that have a timer, or ask several sources in their order, make of it.
async fn traces<S: Stream<Item = char>>(source: impl Fn() -> S) -> Vec<(&'static str, String)> {
    let beside = || cold("---x|");
    vec![
        ("debounce", trace(source().rx().debounce(Duration::ZERO)).await),
        ("throttle_first", trace(source().rx().throttle_first(FRAME)).await),
        ("throttle_last", trace(source().rx().throttle_last(3 * FRAME)).await),
        ("window_time", trace(source().rx().window_time(3 * FRAME)).await),
        ("window_count_or_time", trace(source().rx().window_count_or_time(usize::MAX, 3 * FRAME)).await),
        ("timeout_each", trace(source().rx().timeout_each(3 * FRAME)).await),
        ("correlate", trace(source().rx().correlate(|item| Some(*item), |_| None, Duration::ZERO)).await),
        ("take_until", trace(source().rx().take_until(tokio::time::sleep(3 * FRAME))).await),
        ("take_until_item", trace(source().rx().take_until_item(beside())).await),
        ("sample", trace(source().rx().sample(beside())).await),
        ("merge", trace(source().rx().merge(beside())).await),
        ("combine_latest", trace(source().rx().combine_latest(beside())).await),
        ("with_latest_from", trace(beside().rx().with_latest_from(source())).await),
        ("switch_map", trace(source().rx().switch_map(|_| beside())).await),
        ("merge_map", trace(source().rx().merge_map(1_001, |_| cold("x|"))).await),
    ]
}

fn item<T>(heard: Heard<T>) -> T {
    heard.into_item().expect("nothing is missed")
}

fn only(group: Group<char, char>) -> impl Stream<Item = char> {
    group.map(item)
}

/// Checks that what `source` gives is for every operator the same as the text itself.
macro_rules! same {
    ($($name:ident: $source:expr,)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            for (ours, plain) in traces(|| $source).await.into_iter().zip(traces(source).await) {
                assert!(ours == plain, "{}:\n   {}\n   {}", ours.0, ours.1, plain.1);
            }
        })+
    };
}

mod above {
    use super::*;

    same! {
        merge: source().rx().merge(cold("|")),
        merge_with_a_filter_between: source().rx().merge(cold("|")).filter(|_| true),
        merge_of_merges: source().rx().merge(cold("|")).merge(cold("|").rx().merge(cold("|"))),
        merge_map: cold("---a-|").rx().merge_map(1, |_| tokio_stream::iter(many().chars().collect::<Vec<_>>())),
        switch_map: cold("---a-|").rx().switch_map(|_| tokio_stream::iter(many().chars().collect::<Vec<_>>())),
        distinct: source().rx().distinct(1_000),
        distinct_by_key: source().rx().distinct_by_key(1_000, |item| *item),
        distinct_until_changed: source().rx().distinct_until_changed(),
        throttle_first: source().rx().throttle_first(Duration::ZERO),
        window: source().rx().window(1).map(|items| items[0]),
        window_count_or_time: source().rx().window_count_or_time(1, FRAME).filter_map(|items| items.first().copied()),
        group_by: source().rx().group_by(|item| *item).merge_map(1_001, only),
        combine_latest: source().rx().combine_latest(cold("x|")).map(|(item, _)| item),
        with_latest_from: source().rx().with_latest_from(cold("x|")).map(|(item, _)| item),
        take_until: source().rx().take_until(std::future::pending::<()>()),
        timeout_each: source().rx().timeout_each(Duration::MAX).filter_map(Result::ok),
        retry: source().map(Ok::<_, ()>).rx().retry(0, |()| unreachable!("there is no error")).filter_map(Result::ok),
        correlate: source().rx().correlate(|_| None, |item| Some(*item), FRAME).map(|orphan| match orphan {
            Correlated::Orphan(item) => item,
            other => panic!("{other:?}"),
        }),
        share: source().rx().merge(cold("|")).share(0).map(item),
    }
}

#[tokio::test(start_paused = true)]
async fn items_behind_a_thousand_that_are_left_out_come_before_a_timer() {
    let source = || cold(&format!("---({}b)-|", "a".repeat(1_000)));
    let few = || cold("---(ab)-|");
    let ours = traces(|| source().rx().distinct_until_changed()).await;
    for (ours, plain) in ours.into_iter().zip(traces(few).await) {
        assert_eq!(ours, plain);
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_tokio_that_spent_the_budget_of_the_task_is_not_silent() {
    let channel = || {
        let (sender, receiver) = tokio::sync::mpsc::channel(1_000);
        many().chars().for_each(|item| sender.try_send(item).expect("there is room"));
        ReceiverStream::new(receiver)
    };
    let last = many().chars().last().expect("there are many");
    let sampled: Vec<_> = channel().rx().sample(tokio_stream::once(())).collect().await;
    assert_eq!(sampled, [last]);
    let merged: Vec<_> = channel().rx().merge(tokio_stream::once('x')).collect().await;
    assert_eq!(merged.last(), Some(&'x'));
    let stopped = channel().rx().take_until(std::future::ready(())).collect::<Vec<_>>().await;
    assert_eq!(stopped.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn timeout_each_counts_what_lay_ready_while_nobody_asked_a_busy_source() {
    let backlog = || cold(&format!("b({}c)", "b".repeat(1_000))).rx().distinct_until_changed();
    let mut items = Box::pin(backlog().timeout_each(3 * FRAME));
    assert_eq!(items.next().await, Some(Ok('b')));
    tokio::time::sleep(50 * FRAME).await;
    assert_eq!(items.next().await, Some(Ok('c')));
}

#[tokio::test(start_paused = true)]
async fn timeout_each_ends_where_a_busy_source_gives_nothing_for_too_long() {
    let flood = tokio_stream::iter(std::iter::repeat('a')).rx().distinct_until_changed();
    let mut items = pin!(flood.timeout_each(2 * FRAME));
    assert_eq!(items.next().await, Some(Ok('a')));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(items.as_mut().poll_next(&mut cx).is_pending());
        tokio::time::advance(FRAME).await;
    }
    assert!(items.next().await.is_some_and(|item| item.is_err()));
    assert_eq!(items.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_overdue_timer_goes_off_above_a_busy_source_too() {
    let flood = || tokio_stream::iter(std::iter::repeat('a')).rx().merge(tokio_stream::pending());
    let mut windows = pin!(flood().window_time(FRAME));
    let mut opened =
        pin!(tokio_stream::once('a').chain(flood()).rx().merge(tokio_stream::pending()).correlate(
            |item| small(item).filter(|_| true),
            capital,
            FRAME
        ));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(windows.as_mut().poll_next(&mut cx).is_pending());
    while opened.as_mut().poll_next(&mut cx).is_ready() {}
    tokio::time::advance(2 * FRAME).await;
    assert!(windows.as_mut().poll_next(&mut cx).is_ready());
    assert!(opened.as_mut().poll_next(&mut cx).is_ready());
}
