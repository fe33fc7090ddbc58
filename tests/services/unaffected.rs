//! No service fails, waits or changes its result because of its bus: the same script with every kind of bus, good or
//! bad, comes to the same as without one.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use agentbus::journal::{Durability, Journal};
use agentbus::testing::{Fault, FaultyStorage, Operation, RecordingEventBus, When};
use agentbus::{
    DomainEvent, EventBus, EventBusExt, EventHandler, EventStream, EventType, Filter, FlushError,
    LoggingEventBus, NullEventBus, ReactiveEventBus, Receipt, SpawnOptions, Subscription,
};
use async_trait::async_trait;

use crate::support::bus_of;

mod scripts;

/// How long all scripts may take with one bus before the test says that one of them waits for ever.
const FOR_EVER: Duration = Duration::from_mins(3);

type Bus = Option<Arc<dyn EventBus>>;

/// A bus, what must stay alive beside it, and what must hold when all is done.
struct Setting {
    bus: Bus,
    beside: Vec<Box<dyn Send>>,
    check: Box<dyn FnOnce() + Send>,
}

type Make = fn() -> Setting;

impl Setting {
    fn new(bus: Bus) -> Self {
        Self { bus, beside: Vec::new(), check: Box::new(|| {}) }
    }
}

/// What the scripts come to with the bus that `make` makes. It is made where they run: it may need the runtime.
fn outcome(name: &'static str, make: Make) -> Vec<String> {
    let (told, done) = mpsc::channel();
    let worker = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let lines = runtime.block_on(async {
            let Setting { bus, beside, check } = make();
            let lines = scripts::all(&bus).await;
            check();
            drop(beside);
            lines
        });
        // Whoever is still waiting is left behind, as the embedder would.
        runtime.shutdown_background();
        told.send(lines).unwrap();
    });
    match done.recv_timeout(FOR_EVER) {
        Ok(lines) => {
            worker.join().unwrap();
            lines
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{name}: {:?}", worker.join()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: a service waits for ever"),
    }
}

/// A reactive bus of which each kind is handled by a panic and by a task that never ends, and of which nobody reads
/// the streams.
fn bad_company() -> Setting {
    let bus = ReactiveEventBus::builder().capacity(4_usize).id_capacity(4_usize).build();
    let panicked = Arc::new(Mutex::new(BTreeSet::new()));
    let mut beside: Vec<Box<dyn Send>> = Vec::new();
    for kind in EventType::ALL {
        let seen = Arc::clone(&panicked);
        let panic = bus.on(kind, move |event| {
            seen.lock().unwrap().insert(event.event_type().as_str());
            panic!("a handler that is meant to");
        });
        let hang = |_: Arc<DomainEvent>| std::future::pending::<()>();
        let hang = bus.spawn_with(kind, SpawnOptions::new().queue(1_usize), hang).unwrap();
        beside.push(Box::new((panic, hang, bus.stream(Filter::from(kind)))));
    }
    beside.push(Box::new(bus.stream(Filter::all())));
    let check = move || {
        let all = BTreeSet::from_iter(EventType::ALL.map(EventType::as_str));
        let panicked = panicked.lock().unwrap();
        let unharmed: Vec<_> = all.difference(&panicked).collect();
        assert!(unharmed.is_empty(), "no script makes these happen: {unharmed:?}");
    };
    Setting { bus: Some(Arc::new(bus)), beside, check: Box::new(check) }
}

/// A reactive bus with a journal on a storage that does that at every write.
fn journalled(fault: Fault) -> Setting {
    let storage = FaultyStorage::new();
    let journal = Journal::builder_on(Arc::new(storage.clone())).durability(Durability::Sync).open().unwrap();
    let bus = ReactiveEventBus::builder().journal(journal).build();
    let before = storage.calls();
    storage.inject(When::Every(Operation::Append, ""), fault);
    let check = move || {
        assert!(storage.calls() > before, "the journal tried to write");
        // So that what was stopped can come to its end.
        storage.heal();
        storage.resume();
    };
    Setting { check: Box::new(check), ..Setting::new(Some(Arc::new(bus))) }
}

/// A bus of somebody else's, whose every method panics.
#[derive(Debug)]
struct Panics;

#[async_trait]
impl EventBus for Panics {
    fn emit(&self, _event: DomainEvent) -> Receipt {
        panic!("a bus that is meant to")
    }

    fn subscribe(&self, _filter: Filter, _handler: Arc<dyn EventHandler>) -> Subscription {
        panic!("a bus that is meant to")
    }

    fn stream(&self, _filter: Filter) -> EventStream {
        panic!("a bus that is meant to")
    }

    fn is_observed(&self, _event_type: EventType) -> bool {
        panic!("a bus that is meant to")
    }

    async fn flush(&self) -> Result<(), FlushError> {
        panic!("a bus that is meant to")
    }
}

#[test]
fn no_service_fails_waits_or_changes_its_result_because_of_its_bus() {
    let without = outcome("no bus", || Setting::new(None));
    let buses: [(&'static str, Make); 8] = [
        ("a bus that records", || Setting::new(Some(bus_of(&RecordingEventBus::new())))),
        ("a bus that logs", || Setting::new(Some(Arc::new(LoggingEventBus::new())))),
        ("a bus that does nothing", || Setting::new(Some(Arc::new(NullEventBus::new())))),
        ("a bus that nobody observes", || Setting::new(Some(Arc::new(ReactiveEventBus::new())))),
        ("a bus in bad company", bad_company),
        ("a bus whose journal cannot write", || journalled(Fault::Fail(std::io::ErrorKind::StorageFull))),
        ("a bus whose journal hangs", || journalled(Fault::Stop)),
        ("a bus that panics", || Setting::new(Some(Arc::new(Panics)))),
    ];
    assert!(without.len() > 100, "the scripts say much: {without:#?}");
    for (name, make) in buses {
        let with = outcome(name, make);
        for (line, (with, without)) in with.iter().zip(&without).enumerate() {
            assert_eq!(with, without, "line {line} with {name}");
        }
        assert_eq!(with.len(), without.len(), "with {name}");
    }
}
