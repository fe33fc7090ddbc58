//! Flush and close, with handlers that hang and recorders that fail.

use std::sync::Arc;
use std::time::Duration;

use agentbus::testing::MemoryRecorder;
use agentbus::{
    Delivery, EventBus, EventBusExt, EventType, Filter, FlushError, ReactiveEventBus, SpawnOptions,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_stream::StreamExt;

use crate::{chatter, critical};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn flush_waits_for_a_handler_and_can_be_bounded() {
    let bus = ReactiveEventBus::new();
    let gate = Arc::new(Semaphore::new(0));
    let of_handler = Arc::clone(&gate);
    let handler = bus.spawn(Filter::all(), move |_| {
        let gate = Arc::clone(&of_handler);
        async move { gate.acquire().await.unwrap().forget() }
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    assert!(timeout(SECOND, bus.flush()).await.is_err());
    gate.add_permits(1);
    assert_eq!(timeout(SECOND, bus.flush()).await, Ok(Ok(())));
}

#[tokio::test]
async fn flush_does_not_wait_for_what_is_emitted_meanwhile() {
    let bus = ReactiveEventBus::new();
    let emitter = bus.clone();
    let handler = bus.spawn(Filter::all(), move |_| {
        let bus = emitter.clone();
        async move {
            bus.emit(chatter());
            tokio::task::yield_now().await;
        }
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    assert_eq!(bus.flush().await, Ok(()), "though the handler goes on for ever");
}

#[tokio::test]
async fn flush_waits_for_the_recorder_and_tells_its_failure() {
    let recorder = MemoryRecorder::new();
    let bus = ReactiveEventBus::builder().journal(recorder.clone()).build();
    recorder.hold();
    bus.emit(chatter());
    let flush = bus.flush();
    tokio::pin!(flush);
    tokio::select! {
        biased;
        _ = &mut flush => panic!("nothing is recorded yet"),
        () = tokio::task::yield_now() => {}
    }
    recorder.release();
    assert_eq!(flush.await, Ok(()));
    recorder.fail("the disk is full");
    bus.emit(chatter());
    let reason = "the disk is full".to_owned();
    assert_eq!(bus.flush().await, Err(FlushError::NotRecorded { reason }));
}

#[tokio::test]
async fn closing_ends_streams_after_what_handlers_emitted() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    let emitter = bus.clone();
    let handler = bus.spawn(EventType::SessionCreated, move |_| {
        let bus = emitter.clone();
        async move {
            tokio::task::yield_now().await;
            bus.emit(critical());
        }
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    let report = bus.close(SECOND).await;
    assert!(report.is_complete(), "{report:?}");
    let types: Vec<_> =
        (&mut stream).filter_map(Delivery::into_event).map(|event| event.event_type()).collect().await;
    assert_eq!(types, [EventType::SessionCreated, EventType::ToolErrored]);
    bus.emit(chatter());
    assert_eq!(bus.stats().late, 1);
    assert_eq!(bus.stream(Filter::all()).next().await, None);
    assert_eq!(bus.close(SECOND).await.late, 1);
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_a_hung_handler_at_the_deadline_and_says_so() {
    let bus = ReactiveEventBus::new();
    let options = SpawnOptions::new().name("hung");
    let handler = bus.spawn_with(Filter::all(), options, |_| std::future::pending());
    let _handler = handler.unwrap();
    for _ in 0..3 {
        bus.emit(chatter());
    }
    let report = bus.close(SECOND).await;
    assert_eq!((report.unfinished.as_slice(), report.abandoned), (["hung".to_owned()].as_slice(), 2));
    let departed = bus.ledger().departed;
    assert!(departed.is_balanced(), "{departed}");
    assert_eq!((departed.delivered, departed.abandoned), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn closing_tells_what_was_not_recorded() {
    let recorder = MemoryRecorder::new();
    recorder.hold();
    let bus = ReactiveEventBus::builder().journal(recorder).build();
    bus.emit(chatter());
    let report = bus.close(SECOND).await;
    assert!(report.not_recorded.is_some() && !report.is_complete());
}

#[tokio::test]
async fn emissions_during_a_shutdown_are_taken_or_counted() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    let emitters: Vec<_> = (0..4)
        .map(|_| {
            let bus = bus.clone();
            std::thread::spawn(move || (0..500).filter(|_| bus.emit(chatter()).seq.is_some()).count() as u64)
        })
        .collect();
    bus.close(SECOND).await;
    let taken: u64 = emitters.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(taken + bus.stats().late, 2_000);
    let mut yielded = 0;
    while let Some(delivery) = stream.next().await {
        yielded += delivery.lag().map_or(1, |lag| lag.missed);
    }
    assert_eq!(yielded, taken);
}

#[tokio::test]
async fn async_handlers_work_off_what_waits_when_the_bus_is_dropped() {
    let bus = ReactiveEventBus::new();
    let done = Arc::new(Semaphore::new(0));
    let count = Arc::clone(&done);
    let handler = bus.spawn(Filter::all(), move |_| {
        count.add_permits(1);
        async {}
    });
    let _handler = handler.unwrap();
    for _ in 0..5 {
        bus.emit(chatter());
    }
    drop(bus);
    done.acquire_many(5).await.unwrap().forget();
}
