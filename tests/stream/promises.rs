//! What every operator promises: the end is the end, a dropped `next()` loses nothing, dropping lets go of the
//! source, time begins at the first poll, hints hold, and a panic in a closure takes only its item along.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use agentbus::StreamRx;
use agentbus::testing::marbles::{FRAME, Marble, Marbles, assert_marbles, cold};
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};

use crate::every::{Record, TEXT, record};
use crate::letters::{capital, small};

/// Yields two items, ends, and begins anew.
struct Unfused(u8);

impl Stream for Unfused {
    type Item = char;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<char>> {
        self.0 += 1;
        Poll::Ready((!self.0.is_multiple_of(3)).then_some('a'))
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_end_an_operator_stays_at_its_end() {
    async fn check<S: Stream>(name: &str, stream: S) {
        let mut stream = pin!(stream);
        while stream.next().await.is_some() {}
        for _ in 0..4 {
            assert!(stream.next().await.is_none(), "{name}");
            tokio::time::sleep(5 * FRAME).await;
        }
        assert_eq!(stream.size_hint(), (0, Some(0)), "{name}");
    }
    every_operator!(cold(TEXT), check);
    every_operator!(Unfused(0), check);
}

async fn patiently<S: Stream<Item: Marble>>(name: &'static str, stream: S) -> Record {
    record(name, stream, Duration::from_secs(1_000)).await
}

async fn impatiently<S: Stream<Item: Marble>>(name: &'static str, stream: S) -> Record {
    record(name, stream, FRAME).await
}

async fn late<S: Stream<Item: Marble>>(name: &'static str, stream: S) -> Record {
    tokio::time::sleep(10 * FRAME).await;
    record(name, stream, Duration::from_secs(1_000)).await
}

#[tokio::test(start_paused = true)]
async fn a_next_that_is_dropped_loses_nothing() {
    let (undisturbed, disturbed) =
        (every_operator!(cold(TEXT), patiently), every_operator!(cold(TEXT), impatiently));
    for (undisturbed, disturbed) in undisturbed.into_iter().zip(disturbed) {
        assert_eq!(undisturbed.items, disturbed.items, "{}", undisturbed.name);
        assert!(disturbed.hints.len() > undisturbed.hints.len(), "{} was disturbed", disturbed.name);
    }
}

#[tokio::test(start_paused = true)]
async fn time_begins_at_the_first_poll() {
    for (at_once, late) in
        every_operator!(cold(TEXT), patiently).into_iter().zip(every_operator!(cold(TEXT), late))
    {
        assert_eq!(at_once.items, late.items, "{}", at_once.name);
    }
}

#[test]
fn an_operator_is_made_without_a_runtime() {
    drop(
        cold("a").rx().debounce(FRAME).window_time(FRAME).throttle_last(FRAME).window_count_or_time(2, FRAME),
    );
}

#[tokio::test(start_paused = true)]
async fn hints_hold_at_every_moment() {
    for text in ["|", "a|", "(ab|)", "(abcdef)|", "aaaa|", "a-----|", TEXT] {
        for record in every_operator!(cold(text), impatiently) {
            record.check_hints(text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hints_are_as_near_as_they_can_be() {
    let source = || tokio_stream::iter("abcde".chars()).rx();
    assert_eq!(source().debounce(FRAME).size_hint(), (1, Some(5)));
    assert_eq!(source().throttle_first(FRAME).size_hint(), (1, Some(5)));
    assert_eq!(source().throttle_first(Duration::ZERO).size_hint().1, Some(5));
    assert_eq!(source().throttle_last(FRAME).size_hint(), (1, Some(5)));
    assert_eq!(source().distinct_until_changed().size_hint().1, Some(5));
    assert_eq!(cold("abcde|").rx().distinct_until_changed().size_hint(), (1, Some(5)));
    assert_eq!(cold("abcde|").rx().window(2).size_hint(), (3, Some(3)));
    assert_eq!(cold("abcde|").rx().window_time(FRAME).size_hint(), (1, None));
    assert_eq!(cold("abcd|").rx().window_count_or_time(2, FRAME).size_hint(), (3, None));
    assert_eq!(cold("abcde|").rx().scan(0, |count, _| count + 1).size_hint(), (5, Some(5)));
    assert_eq!(cold("abcde|").rx().take_until_item(cold("x")).size_hint(), (0, Some(5)));
    assert_eq!(cold("abcde|").rx().correlate(small, capital, FRAME).size_hint(), (0, Some(5)));
    let endless = tokio_stream::iter(0_u64..).rx().window(usize::MAX);
    assert_eq!(endless.size_hint(), (1, None));
}

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// A stream that knows whether one like it is still held.
struct Counted(Marbles);

impl Counted {
    fn new(text: &str) -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self(cold(text))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl Stream for Counted {
    type Item = char;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<char>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_dropped_in_the_middle_lets_go_of_its_source() {
    async fn check<S: Stream>(name: &str, stream: S) {
        let mut stream = Box::pin(stream);
        let _in_the_middle = timeout(4 * FRAME, async { while stream.next().await.is_some() {} }).await;
        assert_eq!(ALIVE.get(), 1, "{name}");
        drop(stream);
        assert_eq!(ALIVE.get(), 0, "{name}");
    }
    every_operator!(Counted::new(TEXT), check);
}

#[tokio::test(start_paused = true)]
async fn an_operator_at_its_end_has_let_go_of_its_source() {
    async fn check<S: Stream>(name: &str, stream: S) {
        let mut stream = Box::pin(stream);
        while stream.next().await.is_some() {}
        assert_eq!(ALIVE.get(), 0, "{name}");
    }
    every_operator!(Counted::new(TEXT), check);
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_panics_takes_only_its_item_along() {
    fn survives<S: Stream>(stream: S) -> usize {
        let mut stream = Box::pin(stream);
        let mut yielded = 0;
        loop {
            let next = std::panic::AssertUnwindSafe(|| {
                stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()))
            });
            match std::panic::catch_unwind(next) {
                Ok(Poll::Ready(Some(_))) => yielded += 1,
                Ok(_) => return yielded,
                Err(_) => {}
            }
        }
    }
    let source = || tokio_stream::iter("ab!c".chars()).rx();
    let picky = |item: &char| {
        assert_ne!(*item, '!');
        *item
    };
    assert_eq!(survives(source().distinct_until_changed_by_key(picky)), 3);
    assert_eq!(survives(source().correlate(move |item| Some(picky(item)), capital, FRAME)), 3);
    let once = |item| tokio_stream::once(picky(&item));
    assert_eq!(survives(source().merge_map(2, once)), 3);
    assert_eq!(survives(source().scan(0, |count, item| count + u32::from(picky(&item) == item))), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_must_not_move_has_operators_too() {
    struct Unmovable(std::marker::PhantomPinned);
    impl Stream for Unmovable {
        type Item = char;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<char>> {
            Poll::Ready(None)
        }
    }
    let unmovable = Unmovable(std::marker::PhantomPinned);
    assert_marbles(unmovable.rx().debounce(FRAME).window(2), "|").await;
}

#[test]
fn debug_tells_the_operators_from_the_last_to_the_source() {
    let text = format!("{:?}", cold("|").rx().debounce(FRAME).window(2).into_inner());
    assert!(text.starts_with("Window { source: Debounce { source: Marbles"), "{text}");
}
