//! Every implementation keeps the contract.

use std::sync::Arc;

use agentbus::testing::{Abilities, RecordingEventBus, check_event_bus};
use agentbus::{EventBus, FanoutEventBus, LoggingEventBus, NullEventBus, ReactiveEventBus};

#[tokio::test]
async fn the_reactive_bus_keeps_the_contract() {
    check_event_bus(ReactiveEventBus::new, Abilities::ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reactive_bus_keeps_the_contract_on_many_threads() {
    check_event_bus(ReactiveEventBus::new, Abilities::ALL).await;
}

#[tokio::test]
async fn the_logging_bus_keeps_the_contract() {
    check_event_bus(LoggingEventBus::new, Abilities { streams: false, ..Abilities::ALL }).await;
}

#[tokio::test]
async fn the_null_bus_keeps_the_contract() {
    check_event_bus(|| NullEventBus, Abilities::NONE).await;
}

#[tokio::test]
async fn the_recording_bus_keeps_the_contract() {
    check_event_bus(RecordingEventBus::new, Abilities::ALL).await;
}

#[tokio::test]
async fn a_fanout_keeps_the_contract_of_its_first_bus() {
    let fanout = || {
        let others: [Arc<dyn EventBus>; 2] = [Arc::new(LoggingEventBus::new()), Arc::new(NullEventBus)];
        FanoutEventBus::new(Arc::new(ReactiveEventBus::new()), others)
    };
    check_event_bus(fanout, Abilities::ALL).await;
}

#[tokio::test]
async fn a_shared_dyn_bus_keeps_the_contract() {
    let shared = || -> Arc<dyn EventBus> { Arc::new(ReactiveEventBus::new()) };
    check_event_bus(shared, Abilities::ALL).await;
}
