//! When an interval is told, and what of.

use std::sync::Arc;
use std::time::Duration;

use agentbus::bus::NullEventBus;
use agentbus::event::{Scope, SessionCreated};
use agentbus::journal::Journal;
use agentbus::telemetry::{MIN_INTERVAL, Telemetry, TelemetryInterval};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventBus, ReactiveEventBus};
use tokio::time::sleep;

use crate::support::{called, tool};

const MINUTE: Duration = Duration::from_mins(1);

/// Lets as much time pass; what waits for it is done then.
async fn pass(time: Duration) {
    sleep(time + Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn each_interval_is_told_once_and_one_in_which_nothing_happened_is_not() {
    let bus = RecordingEventBus::new();
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    bus.emit(called("a", 1));
    pass(MINUTE).await;
    assert_eq!(tool(&bus.only::<TelemetryInterval>(), "a").count, 1);
    pass(MINUTE * 3).await;
    assert_eq!(bus.all::<TelemetryInterval>().len(), 1, "nothing happened but the telling");
    bus.emit(called("a", 1));
    bus.emit(called("a", 1));
    let summary = telemetry.close(MINUTE).await;
    let told = bus.all::<TelemetryInterval>();
    assert_eq!(tool(told.last().unwrap(), "a").count, 2);
    assert_eq!((summary.intervals, summary.events, summary.untold), (2, 3, 0));
    assert!(summary.is_whole);
}

#[tokio::test(start_paused = true)]
async fn an_interval_is_of_no_plan_and_no_session() {
    let bus = RecordingEventBus::new();
    let scope = Scope::new().with_plan_id("p").with_session_id("s").with_actor_name("a");
    let telemetry = scope.clone().enter(|| Telemetry::builder().start(Arc::new(bus.clone())));
    bus.emit(called("a", 1));
    scope.run(telemetry.close(MINUTE)).await;
    let told = bus.only::<TelemetryInterval>();
    assert_eq!((told.event().plan_id(), told.event().session_id()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn an_interval_is_at_least_a_second() {
    let bus = RecordingEventBus::new();
    let _telemetry = Telemetry::builder().interval(Duration::ZERO).start(Arc::new(bus.clone()));
    bus.emit(called("a", 1));
    pass(MIN_INTERVAL / 2).await;
    assert!(bus.all::<TelemetryInterval>().is_empty());
    pass(MIN_INTERVAL / 2).await;
    assert_eq!(bus.all::<TelemetryInterval>().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_it_was_too_slow_for_is_told() {
    let bus = ReactiveEventBus::builder().capacity(8).build();
    let mut told = bus.stream("telemetry.interval".parse().unwrap());
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    // It does not run meanwhile: this thread is its own.
    for _ in 0..100 {
        bus.emit(called("a", 1));
    }
    let summary = telemetry.close(MINUTE).await;
    let told = told.next_many(1).await.pop().and_then(agentbus::Delivery::into_event).unwrap();
    let interval: &TelemetryInterval = told.details().unwrap();
    assert!(interval.missed > 0);
    assert_eq!(tool(interval, "a").count + interval.missed, 100);
    assert_eq!((summary.events + summary.missed, summary.missed), (100, interval.missed));
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_when_the_bus_was_closed_first_is_said() {
    let bus = ReactiveEventBus::new();
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    bus.emit(called("a", 1));
    assert!(bus.close(MINUTE).await.is_complete());
    let summary = telemetry.close(MINUTE).await;
    assert_eq!((summary.intervals, summary.events, summary.untold), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn dropped_it_stops_and_lets_go_of_the_bus() {
    let bus = ReactiveEventBus::new();
    let mut all = bus.stream(agentbus::Filter::all());
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    bus.emit(called("a", 1));
    drop(telemetry);
    drop(bus);
    let mut told = Vec::new();
    loop {
        let more = all.next_many(9).await;
        if more.is_empty() {
            break;
        }
        told.extend(more);
    }
    assert_eq!(told.len(), 1, "the event, no interval, and then the end");
}

#[tokio::test(start_paused = true)]
async fn on_a_bus_without_streams_there_is_nothing_to_count() {
    let telemetry = Telemetry::builder().start(Arc::new(NullEventBus));
    assert_eq!(telemetry.close(MINUTE).await.intervals, 0);
}

#[tokio::test]
async fn what_is_emitted_within_a_flood_is_told_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    let bus = ReactiveEventBus::builder().capacity(1 << 16).journal(journal.clone()).build();
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    let emitting = bus.clone();
    let emitter = std::thread::spawn(move || {
        for _ in 0..20_000 {
            emitting.emit(DomainEvent::new(SessionCreated::new(false)));
        }
    });
    emitter.join().unwrap();
    let summary = telemetry.close(MINUTE).await;
    assert_eq!((summary.events + summary.missed, summary.is_whole), (20_000, true));
    journal.close(MINUTE).await.unwrap();
}
