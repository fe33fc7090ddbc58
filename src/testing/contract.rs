//! The contract of [`EventBus`](crate::EventBus), as a suite: [`check_event_bus`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio_stream::StreamExt;

use crate::bus::{EventBus, EventBusExt, FlushError};
use crate::event::{DomainEvent, EventId, EventType, SessionCreated, ToolErrorKind, ToolErrored};
use crate::filter::Filter;
use crate::stream::Delivery;

/// What a bus can do, beyond taking every event without failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It calls handlers.
    pub handlers: bool,
    /// Its streams yield what is emitted; else they are at their end at once.
    pub streams: bool,
    /// It gives events a place in an order.
    pub order: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self = Self { handlers: true, streams: true, order: true };
    /// Nothing but taking events.
    pub const NONE: Self = Self { handlers: false, streams: false, order: false };
}

/// Checks that the buses that `make` makes keep the contract of [`EventBus`](crate::EventBus).
///
/// Runs on a tokio runtime of any flavour. Each check has a bus of its own.
///
/// # Panics
/// If a bus breaks the contract; the message says how.
///
/// # Cancel safety
/// Dropped, the checks that are left are not made; what was spawned ends with its bus.
pub async fn check_event_bus<B: EventBus + 'static>(make: impl Fn() -> B, abilities: Abilities) {
    a_receipt_names_its_event(&make(), abilities);
    emitting_works_on_any_thread(&Arc::new(make()));
    an_event_in_an_arc_is_emitted_as_any(&make(), abilities);
    a_stream_without_streams_is_at_its_end(&make(), abilities).await;
    flushing_an_idle_bus_succeeds(&make()).await;
    if abilities.handlers {
        handlers_get_what_passes_their_filter(&make());
        a_dropped_subscription_is_gone(&make());
        a_detached_one_stays(&make());
        a_panicking_handler_harms_nobody(&make()).await;
        effects_come_behind_their_cause(&Arc::new(make()));
        handlers_may_unsubscribe_and_subscribe(&Arc::new(make()));
        an_endless_chain_comes_to_an_end(&Arc::new(make()));
        what_is_not_observed_reaches_nobody(&make());
        async_handlers_are_waited_for(&make()).await;
        flushing_within_a_handler_is_refused(&Arc::new(make())).await;
    }
    if abilities.streams {
        a_stream_yields_what_passes_its_filter(&make()).await;
        waiting_begins_at_the_call(&make()).await;
        streams_end_with_their_bus(make()).await;
    }
    if abilities.streams && abilities.order {
        all_streams_see_one_order(&Arc::new(make())).await;
    }
}

fn chatter() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

fn critical() -> DomainEvent {
    DomainEvent::new(ToolErrored::new("tool", "call", "failed", ToolErrorKind::Failed, 1, 0))
}

/// Ids of the events that a handler got, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<EventId>>>);

impl Seen {
    fn note(&self, event: &DomainEvent) {
        self.0.lock().expect("no holder panics").push(event.id());
    }

    fn ids(&self) -> Vec<EventId> {
        self.0.lock().expect("no holder panics").clone()
    }

    fn handler(&self) -> impl Fn(&Arc<DomainEvent>) + Send + Sync + 'static + use<> {
        let seen = self.clone();
        move |event| seen.note(event)
    }
}

fn a_receipt_names_its_event(bus: &impl EventBus, abilities: Abilities) {
    let (first, second) = (chatter(), chatter());
    let (first_id, second_id) = (first.id(), second.id());
    let (first, second) = (bus.emit(first), bus.emit(second));
    assert_eq!((first.id, second.id), (first_id, second_id), "a receipt carries the id of its event");
    if abilities.order {
        assert!(first.seq.is_some() && first.seq < second.seq, "seqs ascend in the order of emission");
    }
}

fn emitting_works_on_any_thread(bus: &Arc<impl EventBus + 'static>) {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let bus = Arc::clone(bus);
            std::thread::spawn(move || {
                for _ in 0..25 {
                    bus.emit(chatter());
                }
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().is_ok(), "emitting outside a runtime must not panic");
    }
}

fn an_event_in_an_arc_is_emitted_as_any(bus: &impl EventBus, abilities: Abilities) {
    let seen = Seen::default();
    let _handler = bus.on(Filter::all(), seen.handler());
    let (alone, shared) = (Arc::new(chatter()), Arc::new(chatter()));
    let weak = Arc::new(chatter());
    let _weak = Arc::downgrade(&weak);
    let ids = [alone.id(), shared.id(), weak.id()];
    let receipts = [alone, Arc::clone(&shared), weak].map(|event| bus.emit_arc(event));
    assert_eq!(receipts.map(|receipt| receipt.id), ids, "a receipt carries the id of its event");
    assert_eq!(shared.seq(), None, "an event that others have is emitted as a copy");
    if abilities.order {
        assert!(receipts.iter().all(|receipt| receipt.seq.is_some()), "each has a seq: {receipts:?}");
        assert!(receipts.is_sorted_by_key(|receipt| receipt.seq), "seqs ascend in the order of emission");
    }
    if abilities.handlers {
        assert_eq!(seen.ids(), ids, "handlers get each");
    }
}

async fn a_stream_without_streams_is_at_its_end(bus: &impl EventBus, abilities: Abilities) {
    if !abilities.streams {
        let mut stream = bus.stream(Filter::all());
        bus.emit(chatter());
        assert!(stream.next().await.is_none(), "the stream of a bus without streams is at its end");
        assert!(stream.next().await.is_none(), "and stays there");
    }
}

async fn flushing_an_idle_bus_succeeds(bus: &impl EventBus) {
    assert_eq!(bus.flush().await, Ok(()), "nothing was emitted");
    bus.emit(chatter());
    assert_eq!(bus.flush().await, Ok(()), "nobody listens");
}

fn handlers_get_what_passes_their_filter(bus: &impl EventBus) {
    let (all, errors) = (Seen::default(), Seen::default());
    let _all = bus.on(Filter::all(), all.handler());
    let _errors = bus.on(EventType::ToolErrored, errors.handler());
    let ids: Vec<_> = [chatter(), critical(), chatter()].map(|event| bus.emit(event).id).to_vec();
    assert_eq!(all.ids(), ids, "every event, in order, before `emit` returns");
    assert_eq!(errors.ids(), ids.get(1..2).unwrap_or_default(), "only what passes the filter");
}

fn a_dropped_subscription_is_gone(bus: &impl EventBus) {
    let kept = Arc::new(());
    let seen = Seen::default();
    let handler = { (Arc::clone(&kept), seen.handler()) };
    let subscription = bus.on(Filter::all(), move |event| {
        let (_kept, note) = &handler;
        note(event);
    });
    bus.emit(chatter());
    subscription.unsubscribe();
    subscription.unsubscribe();
    drop(subscription);
    bus.emit(chatter());
    assert_eq!(seen.ids().len(), 1, "no call after unsubscribing");
    assert_eq!(Arc::strong_count(&kept), 1, "no reference is kept");
}

fn a_detached_one_stays(bus: &impl EventBus) {
    let seen = Seen::default();
    bus.on(Filter::all(), seen.handler()).detach();
    bus.emit(chatter());
    assert_eq!(seen.ids().len(), 1, "a detached handler is called");
}

async fn a_panicking_handler_harms_nobody(bus: &impl EventBus) {
    let seen = Seen::default();
    let _panics = bus.on(Filter::all(), |_| std::panic::resume_unwind(Box::new("by design")));
    let _after = bus.on(Filter::all(), seen.handler());
    bus.emit(chatter());
    bus.emit(chatter());
    assert_eq!(seen.ids().len(), 2, "the next handler is called, and the bus goes on");
    assert_eq!(bus.flush().await, Ok(()), "a failed handler has returned");
}

fn effects_come_behind_their_cause(bus: &Arc<impl EventBus + 'static>) {
    let seen = Seen::default();
    let emitter = Arc::downgrade(bus);
    let _first = bus.on(EventType::SessionCreated, move |_| {
        if let Some(bus) = emitter.upgrade() {
            bus.emit(critical());
        }
    });
    let _second = bus.on(Filter::all(), seen.handler());
    let cause = bus.emit(chatter()).id;
    let ids = seen.ids();
    assert_eq!(ids.len(), 2, "cause and effect are both handled before `emit` returns");
    assert_eq!(ids.first(), Some(&cause), "nobody sees an effect before its cause");
}

fn handlers_may_unsubscribe_and_subscribe(bus: &Arc<impl EventBus + 'static>) {
    let seen = Seen::default();
    let own = Arc::new(Mutex::new(None));
    let (bus_of_handler, own_of_handler, note) = (Arc::downgrade(bus), Arc::clone(&own), seen.clone());
    let subscription = bus.on(Filter::all(), move |_| {
        drop(own_of_handler.lock().expect("no holder panics").take());
        if let Some(bus) = bus_of_handler.upgrade() {
            bus.on(Filter::all(), note.handler()).detach();
        }
    });
    *own.lock().expect("no holder panics") = Some(subscription);
    bus.emit(chatter());
    assert!(seen.ids().is_empty(), "a handler subscribed meanwhile sees later events only");
    bus.emit(chatter());
    bus.emit(chatter());
    assert_eq!(seen.ids().len(), 2, "the first handler was called once, so there is one new handler");
}

fn an_endless_chain_comes_to_an_end(bus: &Arc<impl EventBus + 'static>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let (emitter, count) = (Arc::downgrade(bus), Arc::clone(&calls));
    let _endless = bus.on(Filter::all(), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(bus) = emitter.upgrade() {
            bus.emit(chatter());
        }
    });
    bus.emit(chatter());
    let calls = calls.load(Ordering::Relaxed);
    assert!((1_000..=1_002).contains(&calls), "the chain is cut after 1,000 generations, not after {calls}");
}

fn what_is_not_observed_reaches_nobody(bus: &impl EventBus) {
    let seen = Seen::default();
    let subscription = bus.on(EventType::ToolErrored, seen.handler());
    assert!(bus.is_observed(EventType::ToolErrored), "a kind that somebody subscribed to is observed");
    bus.emit(chatter());
    assert!(seen.ids().is_empty());
    drop(subscription);
}

async fn async_handlers_are_waited_for(bus: &impl EventBus) {
    let seen = Seen::default();
    let note = seen.clone();
    let subscription = bus.spawn(Filter::all(), move |event| {
        let note = note.clone();
        async move {
            tokio::task::yield_now().await;
            note.note(&event);
        }
    });
    let _subscription = subscription.expect("a runtime runs this");
    let ids: Vec<_> = (0..10).map(|_| bus.emit(chatter()).id).collect();
    assert_eq!(bus.flush().await, Ok(()));
    assert_eq!(seen.ids(), ids, "flush waits for async handlers, which see events in order");
}

async fn flushing_within_a_handler_is_refused(bus: &Arc<impl EventBus + 'static>) {
    let outcome = Arc::new(Mutex::new(None));
    let (weak, note) = (Arc::downgrade(bus), Arc::clone(&outcome));
    let subscription = bus.spawn(Filter::all(), move |_| {
        let (bus, note) = (weak.upgrade(), Arc::clone(&note));
        async move {
            if let Some(bus) = bus {
                let flushed = bus.flush().await;
                *note.lock().expect("no holder panics") = Some(flushed);
            }
        }
    });
    let _subscription = subscription.expect("a runtime runs this");
    bus.emit(chatter());
    assert_eq!(bus.flush().await, Ok(()));
    let outcome = outcome.lock().expect("no holder panics").clone();
    assert_eq!(outcome, Some(Err(FlushError::WithinHandler)), "it would wait for itself");
}

async fn a_stream_yields_what_passes_its_filter(bus: &impl EventBus) {
    let (mut all, mut errors) = (bus.stream(Filter::all()), bus.stream(EventType::ToolErrored.into()));
    let ids: Vec<_> = [chatter(), critical(), chatter()].map(|event| bus.emit(event).id).to_vec();
    for id in &ids {
        let event = all.next().await.and_then(Delivery::into_event);
        assert_eq!(event.map(|event| event.id()), Some(*id), "every event, in order");
    }
    let event = errors.next().await.and_then(Delivery::into_event);
    assert_eq!(event.map(|event| event.id()).as_ref(), ids.get(1), "only what passes the filter");
}

async fn waiting_begins_at_the_call(bus: &impl EventBus) {
    let waiting = bus.wait_for(EventType::ToolErrored);
    let id = bus.emit(critical()).id;
    let event = waiting.await.and_then(Delivery::into_event);
    assert_eq!(event.map(|event| event.id()), Some(id), "it subscribes before it is polled");
}

async fn streams_end_with_their_bus(bus: impl EventBus) {
    let mut stream = bus.stream(Filter::all());
    bus.emit(chatter());
    drop(bus);
    assert!(matches!(stream.next().await, Some(Delivery::Event(_))), "what was emitted is still yielded");
    assert!(stream.next().await.is_none(), "then it ends");
}

async fn all_streams_see_one_order(bus: &Arc<impl EventBus + 'static>) {
    let streams: Vec<_> = (0..3).map(|_| bus.stream(Filter::all())).collect();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let bus = Arc::clone(bus);
            std::thread::spawn(move || {
                for round in 0..50 {
                    bus.emit(if round % 3 == 0 { critical() } else { chatter() });
                }
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().is_ok());
    }
    for mut stream in streams {
        let mut last = None;
        for _ in 0..200 {
            let event = stream.next().await.and_then(Delivery::into_event).expect("200 events were emitted");
            assert!(event.seq() > last, "streams see events in the order of their seq");
            last = event.seq();
        }
    }
}
