//! At one instant items come before timers, but no source holds a task or a timer for ever.

use std::pin::pin;
use std::task::{Context, Waker};

use agentbus::StreamRx;
use agentbus::testing::marbles::{FRAME, assert_marbles, cold};
use tokio_stream::{Stream, StreamExt};

use crate::letters::{capital, small};

/// Always ready with the same digit, which operators that leave out would take in for ever.
fn flood() -> impl Stream<Item = char> {
    tokio_stream::iter(std::iter::repeat('1'))
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_hold_the_task() {
    fn polls_end<S: Stream>(stream: S) {
        let mut stream = pin!(stream);
        let mut cx = Context::from_waker(Waker::noop());
        while stream.as_mut().poll_next(&mut cx).is_ready() {}
    }
    polls_end(flood().rx().debounce(FRAME));
    polls_end(flood().rx().throttle_first(FRAME));
    polls_end(flood().rx().throttle_last(FRAME));
    polls_end(flood().rx().distinct_until_changed());
    polls_end(flood().rx().distinct_until_changed_by_key(|item| *item));
    polls_end(flood().rx().window(usize::MAX));
    polls_end(flood().rx().window_time(FRAME));
    polls_end(flood().rx().window_count_or_time(usize::MAX, FRAME));
    polls_end(flood().rx().sample(tokio_stream::pending::<()>()));
    polls_end(flood().rx().distinct(1));
    polls_end(flood().rx().distinct_by_key(1, |item| *item));
    polls_end(flood().rx().group_by(|_| ()).merge_map(9, |group| group.filter(|_| false)));
    polls_end(flood().rx().switch_map(|_| tokio_stream::empty::<()>()));
    polls_end(flood().rx().merge_map(3, |_| tokio_stream::empty::<()>()));
    polls_end(flood().rx().with_latest_from(tokio_stream::pending::<()>()));
    polls_end(flood().rx().combine_latest(tokio_stream::pending::<()>()));
    let failing = || tokio_stream::once(Err::<(), ()>(()));
    polls_end(failing().rx().retry(usize::MAX, |()| failing()));
    polls_end(flood().rx().correlate(small, capital, FRAME));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_hold_up_a_timer_that_is_overdue() {
    async fn rings<S: Stream>(stream: S) {
        let mut stream = pin!(stream);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(stream.as_mut().poll_next(&mut cx).is_pending());
        tokio::time::advance(2 * FRAME).await;
        assert!(stream.as_mut().poll_next(&mut cx).is_ready());
    }
    rings(flood().rx().throttle_last(FRAME)).await;
    rings(flood().rx().window_time(FRAME)).await;
    rings(flood().rx().window_count_or_time(usize::MAX, FRAME)).await;
    rings(tokio_stream::once('a').chain(flood()).rx().correlate(small, capital, FRAME)).await;
    let mut stopped = pin!(flood().rx().take_until(tokio::time::sleep(FRAME)));
    assert_eq!(stopped.next().await, Some('1'));
    tokio::time::advance(2 * FRAME).await;
    let mut more = 0;
    while stopped.next().await.is_some() {
        more += 1;
        tokio::time::advance(FRAME).await;
    }
    assert!(more <= 1, "{more} items after its time");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_drown_those_beside_it() {
    /// Whether so much time and so many items bring the digit 2.
    async fn brings_two<S: Stream<Item = char>>(stream: S) {
        let mut stream = pin!(stream);
        for _ in 0..2_000 {
            if stream.next().await == Some('2') {
                return;
            }
            tokio::time::advance(FRAME / 10).await;
        }
        panic!("it was drowned");
    }
    let rare = || tokio_stream::once('2').chain(tokio_stream::pending());
    brings_two(flood().rx().merge(rare())).await;
    let bound = |digit| tokio_stream::iter("112".chars()).rx().merge_map(3, digit);
    brings_two(bound(|digit| tokio_stream::iter(std::iter::repeat(digit)))).await;
    brings_two(flood().rx().with_latest_from(rare()).map(|(_, digit)| digit)).await;
    brings_two(flood().rx().combine_latest(rare()).map(|(_, digit)| digit)).await;
    brings_two(flood().rx().sample(rare()).map(|_| '2')).await;
}

#[tokio::test(start_paused = true)]
async fn at_one_instant_even_many_items_come_before_a_timer() {
    let many = "a".repeat(1_000);
    let source = || cold(&format!("---({many})-|"));
    assert_marbles(source().rx().window_time(3 * FRAME), &format!("---[{many}]-([]|)")).await;
    let merged = source().rx().merge(cold("---b|"));
    assert_marbles(merged, &format!("---({many}b)-|")).await;
    let answered = source().rx().correlate(small, capital, 3 * FRAME).window(usize::MAX);
    assert_eq!(answered.map(|all| all.len()).collect::<Vec<_>>().await, [1_000]);
}

#[tokio::test(start_paused = true)]
async fn periods_that_nobody_waited_for_are_left_out() {
    let mut windows = cold("a-b----c--d|").rx().window_time(3 * FRAME);
    assert_eq!(windows.next().await, Some(vec!['a', 'b']));
    tokio::time::advance(5 * FRAME).await;
    assert_eq!(windows.next().await, Some(vec!['c']));
    assert_eq!(windows.next().await, Some(vec![]));
    assert_eq!(windows.next().await, Some(vec!['d']));
    assert_eq!(windows.next().await, None);
}
