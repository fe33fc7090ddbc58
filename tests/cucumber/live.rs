//! Steps of the live side: `features/{bus,streams,filters,events,redaction}.feature`.

mod streams;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use agentbus::emitter::Emitter;
use agentbus::event::{CallId, Hash, SessionCreated, ToolErrorKind, ToolErrored, ToolInvoked};
use agentbus::{
    CloseReport, DomainEvent, EventBus, EventBusExt, EventStream, EventType, LoggingEventBus,
    ReactiveEventBus, Subscription,
};
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tokio::sync::Semaphore;

/// Longer than anything here may take on a busy machine; nothing waits for it to pass.
const LONG: Duration = Duration::from_secs(30);

pub(crate) async fn run() -> bool {
    let mut passed = true;
    for feature in ["bus", "streams", "filters", "events", "redaction"] {
        passed &= crate::told::run::<Live>(&format!("{feature}.feature")).await;
    }
    passed
}

/// Which handler heard what.
type Heard = (String, Arc<DomainEvent>);

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Live {
    reactive: ReactiveEventBus,
    /// What is emitted to; none in a program without a bus.
    bus: Option<Arc<dyn EventBus>>,
    streams: BTreeMap<String, EventStream>,
    subscriptions: BTreeMap<String, Subscription>,
    heard: Arc<Mutex<Vec<Heard>>>,
    gate: Arc<Semaphore>,
    at_the_gate: Arc<Semaphore>,
    /// What the handler that flushes was told.
    flushed: Arc<Mutex<Option<String>>>,
    closed: Option<CloseReport>,
    was_built: bool,
    log: streams::Log,
    words: words::Words,
}

impl Live {
    fn new() -> Self {
        let mut world = Self {
            reactive: ReactiveEventBus::new(),
            bus: None,
            streams: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            heard: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            at_the_gate: Arc::new(Semaphore::new(0)),
            flushed: Arc::default(),
            closed: None,
            was_built: false,
            log: streams::Log::default(),
            words: words::Words::default(),
        };
        world.take(ReactiveEventBus::new());
        world
    }

    fn take(&mut self, bus: ReactiveEventBus) {
        self.bus = Some(Arc::new(bus.clone()));
        self.reactive = bus;
    }

    fn bus(&self) -> &Arc<dyn EventBus> {
        self.bus.as_ref().expect("the scenario has a bus")
    }

    fn emit(&self, event: DomainEvent) {
        let bus = Arc::clone(self.bus());
        self.log.during(|| {
            bus.emit(event);
        });
    }

    fn subscribe(
        &mut self,
        name: &str,
        filter: &str,
        handler: impl Fn(&Arc<DomainEvent>) + Send + Sync + 'static,
    ) {
        let subscription = self.bus().on(words::filter(filter), handler);
        self.subscriptions.insert(name.to_owned(), subscription);
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Some event of that kind.
fn event(kind: &str) -> DomainEvent {
    match kind {
        "session.created" => DomainEvent::new(SessionCreated::new(false)),
        "tool.errored" => tool_fails("it broke"),
        "tool.invoked" => {
            DomainEvent::new(ToolInvoked::new("grep", CallId::generate(), Hash::of("{}"), 2, true))
        }
        other => panic!("no scenario has a {other} yet"),
    }
}

fn tool_fails(error: &str) -> DomainEvent {
    DomainEvent::new(ToolErrored::new("grep", CallId::generate(), error, ToolErrorKind::Failed, 1, 0))
}

fn kind(name: &str) -> EventType {
    name.parse().expect("a kind of the domain")
}

#[given("a logging bus")]
fn a_logging_bus(world: &mut Live) {
    world.bus = Some(Arc::new(LoggingEventBus::new()));
}

#[given("no bus")]
fn no_bus(world: &mut Live) {
    world.bus = None;
}

#[given(expr = "a handler {string} of {string}")]
fn a_handler(world: &mut Live, name: String, filter: String) {
    let (heard, of_handler) = (Arc::clone(&world.heard), name.clone());
    world.subscribe(&name, &filter, move |event| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((of_handler.clone(), Arc::clone(event)));
    });
}

#[given(expr = "a handler {string} of {string} that emits {word}")]
fn a_handler_that_emits(world: &mut Live, name: String, filter: String, emitted: String) {
    // Counted at the bus: what it hears would drown what the scenario asks of the others.
    let bus = Arc::clone(world.bus());
    world.subscribe(&name, &filter, move |_| {
        bus.emit(event(&emitted));
    });
}

#[given(expr = "a handler {string} of {string} that panics")]
fn a_handler_that_panics(world: &mut Live, name: String, filter: String) {
    a_handler_that_panics_with(world, name, filter, "by design".to_owned());
}

#[given(expr = "a handler {string} of {string} that panics with {string}")]
fn a_handler_that_panics_with(world: &mut Live, name: String, filter: String, text: String) {
    world.subscribe(&name, &filter, move |_| std::panic::resume_unwind(Box::new(text.clone())));
}

#[given(expr = "an async handler {string} of {string} that waits at the gate")]
fn an_async_handler_that_waits(world: &mut Live, name: String, filter: String) {
    let (gate, arrived) = (Arc::clone(&world.gate), Arc::clone(&world.at_the_gate));
    let options = agentbus::SpawnOptions::new().name(name.as_str());
    let subscription = world.bus().spawn_with(words::filter(&filter), options, move |_| {
        let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
        async move {
            arrived.add_permits(1);
            gate.acquire().await.expect("the gate is never closed").forget();
        }
    });
    world.subscriptions.insert(name, subscription.expect("cucumber runs in a runtime"));
}

#[given(expr = "an async handler {string} of {string} that flushes")]
fn an_async_handler_that_flushes(world: &mut Live, name: String, filter: String) {
    let (bus, flushed) = (Arc::clone(world.bus()), Arc::clone(&world.flushed));
    let subscription = world.bus().spawn(words::filter(&filter), move |_| {
        let (bus, flushed) = (Arc::clone(&bus), Arc::clone(&flushed));
        async move {
            let outcome = bus.flush().await.err().map(|error| error.to_string());
            *flushed.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        }
    });
    world.subscriptions.insert(name, subscription.expect("cucumber runs in a runtime"));
}

#[when(regex = r#"^(\S+)(?: of plan "(\w+)")? is emitted(?: (\d+) times)?$"#)]
fn emitted(world: &mut Live, kind: String, plan: String, times: String) {
    for _ in 0..times.parse().unwrap_or(1) {
        let event = event(&kind);
        world.emit(if plan.is_empty() { event } else { event.with_plan_id(plan.as_str()) });
    }
}

#[when(expr = "{int} threads emit {int} times {word} each")]
fn threads_emit(world: &mut Live, threads: usize, times: usize, kind: String) {
    let bus = world.bus();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..times {
                    bus.emit(event(&kind));
                }
            });
        }
    });
}

#[when(expr = "a tool fails with {string}")]
fn a_tool_fails(world: &mut Live, error: String) {
    world.emit(tool_fails(&error));
}

#[when("a service emits")]
fn a_service_emits(world: &mut Live) {
    let built = AtomicBool::new(false);
    Emitter::new(world.bus.clone()).emit(|| {
        built.store(true, Ordering::Relaxed);
        SessionCreated::new(false)
    });
    world.was_built = built.into_inner();
}

#[when(expr = "{string} unsubscribes")]
fn unsubscribes(world: &mut Live, name: String) {
    drop(world.subscriptions.remove(&name).expect("the scenario subscribed it"));
}

#[when("the gate opens")]
fn the_gate_opens(world: &mut Live) {
    world.gate.add_permits(1_000);
}

#[when("the bus is closed")]
async fn closed(world: &mut Live) {
    // A handler that will hang must hang by then, so that what waits behind it is certain.
    if world.bus().is_observed(EventType::SessionCreated) && !world.subscriptions.is_empty() {
        let arrived = tokio::time::timeout(LONG, world.at_the_gate.acquire()).await;
        arrived.expect("it comes to the gate").expect("never closed").forget();
    }
    world.closed = Some(world.reactive.close(Duration::ZERO).await);
}

#[then("the handlers heard")]
fn the_handlers_heard(world: &mut Live, step: &Step) {
    let heard = world.heard();
    let heard: Vec<_> =
        heard.iter().map(|(name, event)| vec![name.clone(), event.type_name().to_owned()]).collect();
    assert_eq!(heard, step.table.as_ref().expect("the step has a table").rows);
}

#[then("the last event heard was caused by the one before it")]
fn caused_by_the_one_before(world: &mut Live) {
    let heard = world.heard();
    let (_, effect) = heard.last().expect("something was heard");
    let (_, cause) = heard.iter().rev().find(|(_, event)| event.id() != effect.id()).expect("two were heard");
    assert_eq!(effect.causation_id(), Some(cause.id()));
    assert_eq!(effect.correlation_id(), cause.correlation_id());
}

#[then(expr = "{int} chain(s) was/were cut after {int} calls")]
fn chains_were_cut(world: &mut Live, cut: u64, calls: u64) {
    assert_eq!(world.reactive.stats().cut, cut);
    let delivered: u64 = world.reactive.ledger().rows.iter().map(|row| row.delivered).sum();
    assert_eq!(delivered, calls);
}

#[then(expr = "{int} failure(s) was/were counted")]
fn failures_were_counted(world: &mut Live, failures: u64) {
    assert_eq!(world.reactive.stats().failed, failures);
}

#[then("the ledger balances")]
fn the_ledger_balances(world: &mut Live) {
    let ledger = world.reactive.ledger();
    assert!(ledger.is_balanced(), "{ledger:?}");
    let departed = &ledger.departed;
    assert!(ledger.rows.iter().any(|row| row.offered > 0) || departed.offered > 0, "nothing was offered");
}

#[then(expr = "the ledger shows {int} event(s) abandoned")]
fn shows_abandoned(world: &mut Live, abandoned: u64) {
    assert_eq!(world.reactive.ledger().departed.abandoned, abandoned);
}

#[then(expr = "nobody observes {word}")]
fn nobody_observes(world: &mut Live, name: String) {
    assert!(!world.bus().is_observed(kind(&name)));
}

#[then("a flush does not end")]
fn a_flush_does_not_end(world: &mut Live) {
    let flush = std::pin::pin!(world.bus().flush());
    assert!(flush.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[then("a flush ends")]
async fn a_flush_ends(world: &mut Live) {
    let outcome = tokio::time::timeout(LONG, world.bus().flush()).await;
    assert_eq!(outcome.expect("it ends"), Ok(()));
}

#[then(expr = "its flush is refused: {string}")]
async fn its_flush_is_refused(world: &mut Live, reason: String) {
    a_flush_ends(world).await;
    let flushed = world.flushed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(flushed.as_ref().is_some_and(|why| why.contains(&reason)), "{flushed:?}");
}

#[then("the close was complete")]
fn the_close_was_complete(world: &mut Live) {
    let report = world.closed.as_ref().expect("it was closed");
    assert!(report.is_complete(), "{report:?}");
}

#[then(expr = "the close names {string} with {int} event(s) given up")]
fn the_close_names(world: &mut Live, name: String, given_up: u64) {
    let report = world.closed.as_ref().expect("it was closed");
    assert_eq!((report.unfinished.as_slice(), report.abandoned), ([name].as_slice(), given_up));
}

#[then(expr = "{int} emission(s) came too late")]
fn came_too_late(world: &mut Live, late: u64) {
    assert_eq!(world.reactive.stats().late, late);
}

#[then(regex = "^its details were (not )?built$")]
fn details_were_built(world: &mut Live, not: String) {
    assert_eq!(world.was_built, not.is_empty());
}

#[then(expr = "the handler was told {string}")]
fn the_handler_was_told(world: &mut Live, error: String) {
    let heard = world.heard();
    let [(_, event)] = heard.as_slice() else { panic!("one event was heard, not {}", heard.len()) };
    assert_eq!(event.details::<ToolErrored>().expect("a tool.errored").error, error.as_str());
}
