//! Sync and async handlers: nesting, isolation, what they may do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbus::event::Scope;
use agentbus::{
    DomainEvent, EventBus, EventBusExt, EventType, Filter, ReactiveEventBus, SpawnError, SpawnOptions,
};
use tokio::sync::{Notify, Semaphore};

use crate::{chatter, critical};

#[test]
fn all_handlers_see_the_cause_before_any_sees_the_effect() {
    let bus = ReactiveEventBus::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let emitter = bus.clone();
    let _emits = bus.on(EventType::SessionCreated, move |_| {
        emitter.emit(critical());
    });
    let handlers: Vec<_> = (0..3)
        .map(|handler| {
            let seen = Arc::clone(&seen);
            bus.on(Filter::all(), move |event| seen.lock().unwrap().push((event.event_type(), handler)))
        })
        .collect();
    bus.emit(chatter());
    let types: Vec<_> = seen.lock().unwrap().iter().map(|(event_type, _)| *event_type).collect();
    assert_eq!(types, [[EventType::SessionCreated; 3], [EventType::ToolErrored; 3]].concat());
    drop(handlers);
}

#[test]
fn what_a_handler_emits_is_caused_by_what_it_handles() {
    let bus = ReactiveEventBus::new();
    let effects = Arc::new(Mutex::new(Vec::new()));
    let (emitter, note) = (bus.clone(), Arc::clone(&effects));
    let _emits = bus.on(EventType::SessionCreated, move |_| {
        emitter.emit(critical());
    });
    let _notes = bus.on(EventType::ToolErrored, move |event| note.lock().unwrap().push(Arc::clone(event)));
    let cause = DomainEvent::new(agentbus::event::SessionCreated::new(false)).with_session_id("s");
    let correlation = cause.correlation_id().clone();
    let id = bus.emit(cause).id;
    let effects = effects.lock().unwrap();
    let [effect] = effects.as_slice() else { panic!("one effect") };
    assert_eq!(effect.causation_id(), Some(id));
    assert_eq!(effect.correlation_id(), &correlation);
    assert_eq!(effect.session_id().unwrap(), &"s");
    assert_eq!(Scope::current(), Scope::new(), "the scope ends with the handler");
}

#[tokio::test]
async fn what_an_async_handler_emits_is_caused_by_what_it_handles() {
    let bus = ReactiveEventBus::new();
    let emitter = bus.clone();
    let handler = bus.spawn(EventType::SessionCreated, move |_| {
        let bus = emitter.clone();
        async move {
            tokio::task::yield_now().await;
            bus.emit(critical());
        }
    });
    let _handler = handler.unwrap();
    let effect = bus.wait_for(EventType::ToolErrored);
    let id = bus.emit(chatter()).id;
    let effect = effect.await.and_then(agentbus::Delivery::into_event).unwrap();
    assert_eq!(effect.causation_id(), Some(id));
}

#[test]
fn a_handler_may_drop_the_bus() {
    let bus = ReactiveEventBus::new();
    let own = Arc::new(Mutex::new(Some(bus.clone())));
    let calls = Arc::new(AtomicUsize::new(0));
    let (taken, count) = (Arc::clone(&own), Arc::clone(&calls));
    bus.on(Filter::all(), move |_| {
        drop(taken.lock().unwrap().take());
        count.fetch_add(1, Ordering::Relaxed);
    })
    .detach();
    drop(bus);
    let last = own.lock().unwrap().as_ref().map(ReactiveEventBus::clone).unwrap();
    last.emit(chatter());
    last.emit(chatter());
    drop(last);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn a_fan_of_effects_is_bounded() {
    let bus = ReactiveEventBus::new();
    let emitter = bus.clone();
    let _doubles = bus.on(Filter::all(), move |_| {
        emitter.emit(chatter());
        emitter.emit(chatter());
    });
    bus.emit(chatter());
    let ledger = bus.ledger();
    assert!(bus.stats().cut > 0);
    assert!(ledger.is_balanced(), "{ledger:?}");
}

#[test]
fn two_buses_that_answer_each_other_come_to_an_end() {
    let (left, right) = (ReactiveEventBus::new(), ReactiveEventBus::new());
    let (to_left, to_right) = (left.clone(), right.clone());
    left.on(Filter::all(), move |_| {
        to_right.emit(chatter());
    })
    .detach();
    right
        .on(Filter::all(), move |_| {
            to_left.emit(chatter());
        })
        .detach();
    left.emit(chatter());
    assert_eq!(left.stats().cut + right.stats().cut, 1);
}

#[test]
fn a_handler_that_takes_the_emitters_time_is_counted() {
    let bus = ReactiveEventBus::new();
    let _slow = bus.on(EventType::ToolErrored, |_| {
        let started = std::time::Instant::now();
        while started.elapsed() <= Duration::from_millis(10) {
            std::hint::spin_loop();
        }
    });
    bus.emit(critical());
    assert_eq!(bus.stats().slow, 1);
}

/// Details whose drop emits.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Echo {
    #[serde(skip)]
    bus: Option<ReactiveEventBus>,
}

agentbus::custom_kinds! {
    Echo = "bus_tests.echo",
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.emit(chatter());
        }
    }
}

#[tokio::test]
async fn emitting_from_a_drop_works_wherever_the_bus_drops_events() {
    let bus = ReactiveEventBus::builder().capacity(2).build();
    let mut stream = bus.stream(Filter::all());
    let slow = bus.stream(Filter::all());
    for _ in 0..6 {
        bus.emit(DomainEvent::new(Echo { bus: Some(bus.clone()) }));
    }
    drop(slow);
    loop {
        tokio::select! {
            biased;
            batch = stream.next_many(8) => drop(batch),
            () = std::future::ready(()) => break,
        }
    }
    assert!(bus.stats().emitted >= 12, "each echo was heard: {:?}", bus.stats());
    drop(stream);
    assert!(bus.ledger().is_balanced());
}

#[test]
fn an_async_handler_needs_a_runtime() {
    let outcome = ReactiveEventBus::new().spawn(Filter::all(), |_| async {});
    assert_eq!(outcome.err(), Some(SpawnError::NoRuntime));
}

#[tokio::test]
async fn a_full_queue_overruns_and_the_ledger_tells() {
    let bus = ReactiveEventBus::new();
    let (gate, entered) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (of_handler, enters) = (Arc::clone(&gate), Arc::clone(&entered));
    let handler = bus.spawn_with(Filter::all(), SpawnOptions::new().queue(4).name("slow"), move |_| {
        let (gate, enters) = (Arc::clone(&of_handler), Arc::clone(&enters));
        async move {
            enters.notify_one();
            gate.acquire().await.unwrap().forget();
        }
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    entered.notified().await;
    for _ in 0..10 {
        bus.emit(chatter());
    }
    let [row] = <[_; 1]>::try_from(bus.ledger().rows).unwrap();
    assert_eq!(
        (row.name.as_str(), row.offered, row.delivered, row.overrun, row.pending),
        ("slow", 11, 1, 6, 4)
    );
    gate.add_permits(5);
    bus.flush().await.unwrap();
    let [row] = <[_; 1]>::try_from(bus.ledger().rows).unwrap();
    assert_eq!((row.delivered, row.overrun, row.pending), (5, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_too_often_is_suspended_and_its_events_skipped() {
    let bus = ReactiveEventBus::new();
    let options = SpawnOptions::new().timeout(Duration::from_secs(1)).suspend_after(2);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handler = bus.spawn_with(Filter::all(), options, move |_| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        async move {
            if call == 0 {
                std::panic::resume_unwind(Box::new("by design"));
            }
            std::future::pending::<()>().await;
        }
    });
    let _handler = handler.unwrap();
    for _ in 0..5 {
        bus.emit(chatter());
    }
    bus.flush().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let [row] = <[_; 1]>::try_from(bus.ledger().rows).unwrap();
    assert_eq!((row.delivered, row.failed, row.skipped), (2, 2, 3));
    assert!(row.is_balanced());
}

#[tokio::test]
async fn a_dropped_async_handler_is_gone_but_its_running_call_finishes() {
    let bus = ReactiveEventBus::new();
    let (gate, entered, finished) =
        (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let shared = (Arc::clone(&gate), Arc::clone(&entered), Arc::clone(&finished));
    let handler = bus.spawn(Filter::all(), move |_| {
        let (gate, entered, finished) = shared.clone();
        async move {
            entered.notify_one();
            gate.acquire().await.unwrap().forget();
            finished.add_permits(1);
        }
    });
    for _ in 0..3 {
        bus.emit(chatter());
    }
    entered.notified().await;
    drop(handler);
    let departed = bus.ledger().departed;
    assert_eq!((departed.offered, departed.delivered, departed.abandoned), (3, 1, 2));
    gate.add_permits(10);
    finished.acquire().await.unwrap().forget();
    assert_eq!(bus.flush().await, Ok(()));
    assert_eq!(finished.available_permits(), 0, "only the running call finished");
}

#[test]
fn emitting_while_a_thread_ends_does_not_panic() {
    struct EmitsAtTheEnd(ReactiveEventBus);
    impl Drop for EmitsAtTheEnd {
        fn drop(&mut self) {
            self.0.emit(chatter());
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<EmitsAtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    let bus = ReactiveEventBus::new();
    let _handler = bus.on(Filter::all(), |_| {});
    let of_thread = bus.clone();
    let thread = std::thread::spawn(move || {
        LAST.with(|last| *last.borrow_mut() = Some(EmitsAtTheEnd(of_thread.clone())));
        of_thread.emit(chatter());
    });
    thread.join().unwrap();
    assert_eq!(bus.stats().emitted, 2);
    assert!(bus.ledger().is_balanced(), "{:?}", bus.ledger());
}
