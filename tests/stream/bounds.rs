//! What is held is bounded, and what happens at the bound is told.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::cell::Cell;
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use agentbus::StreamRx;
use agentbus::stream::rx::{Group, Heard};
use agentbus::testing::marbles::{FRAME, cold};
use proptest::prelude::*;
use tokio_stream::{Stream, StreamExt};

fn missed<T>(count: u64) -> Heard<T> {
    Heard::Missed(NonZeroU64::new(count).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Polls once, and takes nothing else of what is there.
async fn once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_next(cx))).await
}

proptest! {
    #[test]
    fn distinct_leaves_out_what_is_among_the_last_that_it_yielded(
        items in prop::collection::vec(0_u8..12, 0..200),
        capacity in 0_usize..10,
    ) {
        let mut last = VecDeque::new();
        let mut expected = Vec::new();
        for item in &items {
            if !last.contains(item) {
                last.push_back(*item);
                expected.push(*item);
            }
            if last.len() > capacity.max(1) {
                last.pop_front();
            }
        }
        let by_item = block_on(tokio_stream::iter(items.clone()).rx().distinct(capacity).collect::<Vec<_>>());
        prop_assert_eq!(&by_item, &expected);
        let by_key = tokio_stream::iter(items).rx().distinct_by_key(capacity, |item| *item);
        prop_assert_eq!(&block_on(by_key.collect::<Vec<_>>()), &expected);
    }

    #[test]
    fn a_reader_of_a_shared_stream_hears_every_item_or_how_many_it_missed(
        reads in prop::collection::vec(0_usize..3, 0..200),
        replay in 0_usize..4,
        capacity in 1_usize..6,
    ) {
        block_on(async {
            let first = tokio_stream::iter(0_u64..50).rx().share(replay).with_capacity(capacity);
            let mut readers = [first.clone(), first.clone(), first];
            let mut next = [0; 3];
            for reader in reads {
                match once(&mut readers[reader]).await {
                    Poll::Ready(Some(Heard::Item(item))) => {
                        assert_eq!(item, next[reader], "nothing is left out in silence");
                        next[reader] = item + 1;
                    }
                    Poll::Ready(Some(Heard::Missed(missed))) => next[reader] += missed.get(),
                    Poll::Ready(None) => assert_eq!(next[reader], 50),
                    Poll::Pending => {}
                }
            }
        });
    }
}

#[tokio::test]
async fn a_reader_of_a_shared_stream_who_is_too_slow_hears_how_many_it_missed() {
    let mut fast = tokio_stream::iter(0..10).rx().share(0).with_capacity(3);
    let mut slow = fast.clone();
    assert_eq!(slow.next().await, Some(Heard::Item(0)));
    for item in 0..10 {
        assert_eq!(fast.next().await, Some(Heard::Item(item)), "it does not wait for the slow one");
    }
    assert_eq!(fast.next().await, None);
    assert_eq!(slow.collect::<Vec<_>>().await, [missed(6), Heard::Item(7), Heard::Item(8), Heard::Item(9)]);
}

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// An item that knows how many like it are held.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted;

impl Counted {
    fn new() -> Self {
        HELD.set(HELD.get() + 1);
        Self
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}

#[tokio::test]
async fn a_shared_stream_holds_what_is_unread_and_what_is_replayed_and_no_more() {
    let source = tokio_stream::iter(0..100).map(|_| Counted::new());
    let mut one = source.rx().share(2).with_capacity(10);
    let mut other = one.clone();
    for _ in 0..3 {
        drop((one.next().await, other.next().await));
    }
    assert_eq!(HELD.get(), 2, "both have read all, two are for those who come");
    for _ in 0..5 {
        drop(one.next().await);
    }
    assert_eq!(HELD.get(), 5, "the other has five to read, among them those two");
    for _ in 0..50 {
        drop(one.next().await);
    }
    assert_eq!(HELD.get(), 10);
    drop(other);
    assert_eq!(HELD.get(), 2, "who is gone reads nothing");
    drop(one);
    assert_eq!(HELD.get(), 0);
}

#[tokio::test]
async fn an_operator_at_its_end_holds_nothing_of_what_came() {
    async fn check<S: Stream>(name: &str, stream: S) {
        let mut stream = pin!(stream);
        while stream.next().await.is_some() {}
        assert_eq!(HELD.get(), 0, "{name}");
    }
    let source = || tokio_stream::iter(0..3).map(|_| Counted::new()).rx();
    check("distinct", source().distinct(9)).await;
    check("distinct_by_key", source().distinct_by_key(9, Clone::clone)).await;
    check("distinct_until_changed", source().distinct_until_changed()).await;
    check("distinct_until_changed_by_key", source().distinct_until_changed_by_key(Clone::clone)).await;
    check("scan", source().scan(Counted::new(), |_, item| item)).await;
    check("pairwise", source().pairwise()).await;
    check("combine_latest", source().combine_latest(source())).await;
    check("with_latest_from", source().with_latest_from(source())).await;
    check("group_by", source().group_by(Clone::clone)).await;
    check("sample", source().sample(source())).await;
    let kept = Counted::new();
    let instead = move |()| tokio_stream::once(Ok::<_, ()>(kept));
    check("on_error", source().map(Ok).rx().on_error(instead)).await;
}

#[tokio::test]
async fn a_group_that_nobody_reads_tells_how_many_it_missed() {
    let source = tokio_stream::iter(0..10).chain(tokio_stream::pending());
    let mut groups = source.rx().group_by(|_| ()).with_capacity(4);
    let mut group = groups.next().await.unwrap();
    assert!(once(&mut groups).await.is_pending());
    assert_eq!(group.next().await, Some(missed(6)));
    assert_eq!(group.size_hint(), (4, None));
    for item in 6..10 {
        assert_eq!(group.next().await, Some(Heard::Item(item)));
    }
    drop(groups);
    assert_eq!(group.next().await, None);
}

#[tokio::test]
async fn when_more_groups_come_than_can_be_held_the_one_that_was_silent_the_longest_ends() {
    let groups = tokio_stream::iter("abacab".chars()).rx().group_by(|item| *item).with_groups(2);
    let begun: Vec<Group<char, char>> = groups.collect().await;
    let mut seen = Vec::new();
    for group in begun {
        let key = *group.key();
        let items = group.filter_map(Heard::into_item).collect::<Vec<_>>().await;
        seen.push((key, items.len()));
    }
    assert_eq!(seen, [('a', 3), ('b', 1), ('c', 1), ('b', 1)]);
}

#[tokio::test]
async fn by_themselves_there_are_fewer_groups_than_1024_so_that_a_merge_of_so_many_goes_on() {
    let groups = tokio_stream::iter(0..3_000).rx().group_by(|item| *item);
    assert_eq!(groups.merge_map(1_024, |group| group).collect::<Vec<_>>().await.len(), 3_000);
}

#[tokio::test]
async fn groups_that_were_dropped_make_room_before_any_is_ended() {
    let mut groups = tokio_stream::iter("abcda".chars()).rx().group_by(|item| *item).with_groups(2);
    let a = groups.next().await.unwrap();
    while groups.next().await.is_some() {}
    assert_eq!(a.collect::<Vec<_>>().await, [Heard::Item('a'), Heard::Item('a')]);
}

#[tokio::test(start_paused = true)]
async fn merge_map_takes_no_item_while_it_runs_as_many_streams_as_it_may() {
    let taken = Cell::new(0);
    let source = tokio_stream::iter("abcdef".chars()).map(|item| {
        taken.set(taken.get() + 1);
        item
    });
    let mut merged = Box::pin(source.rx().merge_map(2, |_| cold("--x|")));
    assert!(once(&mut merged).await.is_pending());
    assert_eq!(taken.get(), 2);
    tokio::time::sleep(3 * FRAME).await;
    while once(&mut merged).await.is_ready() {}
    assert_eq!(taken.get(), 4);
}

#[tokio::test]
async fn a_source_that_panics_leaves_the_shared_stream_to_be_read_on() {
    struct Picky(u8);
    impl Stream for Picky {
        type Item = u8;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> {
            self.0 += 1;
            assert_ne!(self.0, 2);
            Poll::Ready(Some(self.0))
        }
    }
    let mut one = Picky(0).rx().share(0);
    let mut other = one.clone();
    assert_eq!(one.next().await, Some(Heard::Item(1)));
    let panicked = tokio::spawn(async move { one.next().await }).await;
    assert!(panicked.is_err());
    assert_eq!(other.next().await, Some(Heard::Item(1)));
    assert_eq!(other.next().await, Some(Heard::Item(3)));
}
