//! What services tell through an outbox from within a handler, and what several buses make of that.

use std::sync::Arc;

use agentbus::emitter::{Emitter, Outbox};
use agentbus::event::{DecisionApproved, SessionCreated};
use agentbus::testing::{MemoryRecorder, RecordingEventBus};
use agentbus::{DomainEvent, EventBus, EventBusExt, EventType, FanoutEventBus, ReactiveEventBus};

use crate::{chatter, critical};

fn recorded() -> (ReactiveEventBus, MemoryRecorder) {
    let recorder = MemoryRecorder::new();
    (ReactiveEventBus::builder().journal(recorder.clone()).build(), recorder)
}

fn outbox(bus: &ReactiveEventBus) -> Arc<Outbox<u32>> {
    Arc::new(Outbox::new(0, Emitter::new(Some(Arc::new(bus.clone())))))
}

fn open(outbox: &Outbox<u32>) -> u32 {
    outbox.change(|count, events| {
        *count += 1;
        events.emit(|| SessionCreated::new(false));
        *count
    })
}

fn types(events: &[Arc<DomainEvent>]) -> Vec<EventType> {
    events.iter().map(|event| event.event_type()).collect()
}

#[test]
fn what_a_handler_has_a_service_do_is_told_before_what_it_tells_elsewhere() {
    let (bus, recorder) = recorded();
    let (sessions, elsewhere) = (outbox(&bus), Emitter::new(Some(Arc::new(bus.clone()))));
    let again = Arc::clone(&sessions);
    let _handler = bus.on(EventType::SessionCreated, move |_| {
        if again.read(|count| *count) == 1 {
            open(&again);
            elsewhere.emit(|| DecisionApproved::new(1, "d", "policy"));
        }
    });
    open(&sessions);
    let (created, approved) = (EventType::SessionCreated, EventType::DecisionApproved);
    assert_eq!(types(&recorder.events()), [created, created, approved]);
}

#[test]
fn a_service_that_is_made_to_answer_itself_comes_to_an_end() {
    let (bus, recorder) = recorded();
    let sessions = outbox(&bus);
    let again = Arc::clone(&sessions);
    let _handler = bus.on(EventType::SessionCreated, move |_| {
        open(&again);
    });
    open(&sessions);
    assert_eq!(bus.stats().cut, 1);
    assert_eq!(u32::try_from(recorder.events().len()).unwrap(), sessions.read(|count| *count));
    assert!(bus.ledger().is_balanced());
}

#[test]
fn each_bus_of_several_sees_a_cause_before_its_effect() {
    let (first, others) = (ReactiveEventBus::new(), RecordingEventBus::new());
    let fanout =
        FanoutEventBus::new(Arc::new(first.clone()), [Arc::new(others.clone()) as Arc<dyn EventBus>]);
    let answers = fanout.clone();
    let cause = critical().event_type();
    let _handler = first.on(cause, move |_| {
        answers.emit(chatter());
    });
    fanout.emit(critical());
    assert_eq!(others.types(), [cause, EventType::SessionCreated]);
}
