//! One order for streams, async handlers and the recorder, whoever emits.

use std::sync::{Arc, Barrier, Mutex};

use agentbus::testing::MemoryRecorder;
use agentbus::{Delivery, EventBus, EventBusExt, EventType, Filter, ReactiveEventBus};

use crate::{chatter, critical};

const THREADS: usize = 6;
const EACH: usize = 300;

/// Many threads emit at once, all kinds of events.
fn flood(bus: &ReactiveEventBus) {
    let start = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (bus, start) = (bus.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                for round in 0..EACH {
                    let event = if (round + thread) % 4 == 0 { critical() } else { chatter() };
                    bus.emit(event.with_plan_id(if round % 2 == 0 { "even" } else { "odd" }));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn every_stream_async_handler_and_the_recorder_see_the_same_order() {
    let recorder = MemoryRecorder::new();
    let bus = ReactiveEventBus::builder().id_capacity(THREADS * EACH).journal(recorder.clone()).build();
    let mut streams: Vec<_> = (0..3).map(|_| bus.stream(Filter::all())).collect();
    streams.push(bus.watch("plan=even").unwrap());
    streams.push(bus.stream(EventType::ToolErrored.into()));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&taken);
    let options = agentbus::SpawnOptions::new().queue(THREADS * EACH);
    let handler = bus.spawn_with(Filter::all(), options, move |event| {
        note.lock().unwrap().push(event.seq().unwrap());
        async {}
    });
    let _handler = handler.unwrap();

    let flooded = bus.clone();
    tokio::task::spawn_blocking(move || flood(&flooded)).await.unwrap();
    bus.flush().await.unwrap();

    let in_order: Vec<_> = recorder.events();
    let seqs: Vec<_> = in_order.iter().map(|event| event.seq().unwrap()).collect();
    assert_eq!(
        seqs.iter().map(|seq| seq.get()).collect::<Vec<_>>(),
        (1..=(THREADS * EACH) as u64).collect::<Vec<_>>()
    );
    assert_eq!(*taken.lock().unwrap(), seqs);
    drop(bus);
    let filters = ["", "", "", "plan=even", "tool.errored"];
    for (stream, filter) in streams.iter_mut().zip(filters) {
        let filter: Filter = filter.parse().unwrap();
        let mut seen = Vec::new();
        loop {
            let batch = stream.next_many(64).await;
            if batch.is_empty() {
                break;
            }
            seen.extend(batch.into_iter().filter_map(Delivery::into_event).map(|event| event.id()));
        }
        let expected: Vec<_> =
            in_order.iter().filter(|event| filter.matches(event)).map(|event| event.id()).collect();
        assert!(seen == expected, "{filter}: {} seen, {} expected", seen.len(), expected.len());
    }
}

#[test]
fn sync_handlers_see_the_events_of_one_thread_in_order() {
    let bus = ReactiveEventBus::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let _handler = bus.on(Filter::all(), move |event| {
        note.lock().unwrap().push((std::thread::current().id(), event.seq().unwrap()));
    });
    flood(&bus);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), THREADS * EACH);
    for (thread, _) in seen.iter().take(64) {
        let of_thread = seen.iter().filter(|(other, _)| other == thread).map(|(_, seq)| seq);
        assert!(of_thread.is_sorted());
    }
}
