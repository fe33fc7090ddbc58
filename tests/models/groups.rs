//! Groups and merged streams whose items come from other threads than that of their reader.

use std::sync::Arc;

use agentbus::stream::Heard;
use agentbus::stream::rx::Group;
use agentbus::{EventBus, EventType, ReactiveEventBus, StreamRx};
use shuttle::future::block_on;
use shuttle::thread;
use tokio_stream::StreamExt;

use crate::{chatter, critical, explore, join_all};

/// What a group tells to its end: the items, and how many were missed.
fn read_all<K>(group: Group<K, u64>) -> (Vec<u64>, u64) {
    let (mut items, mut missed) = (Vec::new(), 0);
    for heard in block_on(group.collect::<Vec<_>>()) {
        match heard {
            Heard::Item(item) => items.push(item),
            Heard::Missed(count) => missed += count.get(),
        }
    }
    (items, missed)
}

fn a_group_is_read_on_another_thread<const CAPACITY: usize>() {
    let mut groups = tokio_stream::iter(0..4_u64).rx().group_by(|_| ()).with_capacity(CAPACITY);
    let group = block_on(groups.next()).expect("there are items");
    let reader = thread::spawn(move || {
        let (items, missed) = read_all(group);
        assert!(items.is_sorted());
        assert_eq!(items.len() as u64 + missed, 4);
        assert!(missed == 0 || CAPACITY < 4, "there was room");
    });
    assert!(block_on(groups.next()).is_none());
    join_all([reader]);
}

#[test]
fn a_group_hears_every_item_or_how_many_it_missed_and_the_end() {
    explore(1_500, a_group_is_read_on_another_thread::<1>);
    explore(1_500, a_group_is_read_on_another_thread::<4>);
}

#[test]
fn a_reader_waits_for_no_group_whose_driver_is_gone() {
    explore(2_000, || {
        let source = tokio_stream::iter(0..2_u64).chain(tokio_stream::pending());
        let mut groups = source.rx().group_by(|item| *item);
        let readers = [(), ()].map(|()| {
            let group = block_on(groups.next()).expect("there are two");
            thread::spawn(move || assert_eq!(read_all(group).0.len(), 1))
        });
        drop(groups);
        join_all(readers);
    });
}

#[test]
fn a_group_whose_reader_goes_loses_what_it_held_and_its_key_begins_another() {
    explore(2_000, || {
        let counted = Arc::new(());
        let items: Vec<_> = (0..3).map(|_| Arc::clone(&counted)).collect();
        let mut groups = tokio_stream::iter(items).rx().group_by(|_| ()).with_groups(1);
        let mut group = block_on(groups.next()).expect("there are items");
        let reader = thread::spawn(move || assert!(block_on(group.next()).is_some()));
        let mut begun = 1;
        while let Some(group) = block_on(groups.next()) {
            begun += 1;
            drop(group);
        }
        join_all([reader]);
        assert!(begun <= 3);
        assert_eq!(Arc::strong_count(&counted), 1, "nothing is kept of it");
    });
}

#[test]
fn streams_that_are_merged_are_each_asked_again_when_something_comes() {
    explore(1_500, || {
        let bus = ReactiveEventBus::new();
        let kinds = [EventType::SessionCreated, EventType::ToolErrored];
        let mut streams = kinds.map(|kind| Some(bus.stream(kind.into())));
        let merged = tokio_stream::iter([0, 1])
            .rx()
            .merge_map(2, move |place: usize| streams[place].take().expect("each is taken once"));
        let reader = thread::spawn(move || assert_eq!(block_on(merged.collect::<Vec<_>>()).len(), 4));
        let emitters = [chatter, critical].map(|event| {
            let bus = bus.clone();
            thread::spawn(move || (0..2).for_each(|_| _ = bus.emit(event())))
        });
        drop(bus);
        join_all(emitters);
        join_all([reader]);
    });
}

#[test]
fn a_clone_of_a_shared_stream_hears_all_that_comes_behind_it_whoever_reads_meanwhile() {
    explore(1_500, || {
        let mut first = tokio_stream::iter(0..4_u64).rx().share(0);
        let early = first.clone();
        let early = thread::spawn(move || assert_eq!(block_on(early.collect::<Vec<_>>()), told(0..4)));
        let late = thread::spawn(move || {
            let begins = block_on(first.next()).into_iter().count() as u64;
            let late = first.clone();
            drop(first);
            let heard = block_on(late.collect::<Vec<_>>());
            let from = 4 - heard.len() as u64;
            assert!(from >= begins, "what was read is not replayed");
            assert_eq!(heard, told(from..4), "nothing is missed in silence");
        });
        join_all([early, late]);
    });
}

fn told(items: std::ops::Range<u64>) -> Vec<Heard<u64>> {
    items.map(Heard::Item).collect()
}
