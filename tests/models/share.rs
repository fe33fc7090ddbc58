//! Readers of one shared stream, on threads of their own.

use agentbus::stream::Heard;
use agentbus::{EventBus, EventType, ReactiveEventBus, StreamRx};
use shuttle::thread;
use tokio_stream::{Stream, StreamExt};

use crate::{chatter, explore, join_all, seq_of, told};

/// Reads to the end.
fn read_all<T>(stream: impl Stream<Item = Heard<T>>) -> Vec<T> {
    let heard: Vec<_> = shuttle::future::block_on(stream.collect());
    heard.into_iter().map(item).collect()
}

fn item<T>(heard: Heard<T>) -> T {
    match heard {
        Heard::Item(item) => item,
        Heard::Missed(missed) => panic!("missed {missed}"),
    }
}

#[test]
fn readers_of_what_is_ready_each_hear_all_of_it_also_if_one_leaves() {
    explore(2_000, || {
        let shared = tokio_stream::iter(0..3_u64).rx().share(3);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || assert_eq!(read_all(shared), [0, 1, 2]))
            })
            .collect();
        let leaves = thread::spawn(move || {
            let mut shared = shared;
            assert_eq!(shuttle::future::block_on(shared.next()).map(item), Some(0));
        });
        leaves.join().unwrap();
        join_all(readers);
    });
}

#[test]
fn readers_of_a_bus_each_hear_what_comes_while_they_wait() {
    explore(2_000, || {
        let bus = ReactiveEventBus::new();
        let shared =
            bus.stream(EventType::SessionCreated.into()).map(|event| seq_of(&told(event))).rx().share(3);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || assert_eq!(read_all(shared), [1, 2, 3]))
            })
            .collect();
        drop(shared);
        let emitter = thread::spawn(move || {
            for _ in 0..3 {
                bus.emit(chatter());
            }
        });
        emitter.join().unwrap();
        join_all(readers);
    });
}
