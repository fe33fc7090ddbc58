//! Secrets of every kind at random places of events, and all ways out of the process.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use agentbus::event::{PlanCreated, PlanPhase, SessionCreated, Timestamp, ToolErrorKind, ToolErrored};
use agentbus::journal::{ConsumerOptions, Journal, Position, Signal, SignalProvider};
use agentbus::{
    DomainEvent, EventBus, EventHandler, EventType, Filter, LoggingEventBus, ReactiveEventBus, Redactor,
};
use proptest::prelude::*;

use crate::secrets::{How, Secret, assert_untold, clean, plant, secrets, ways};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `work` logs on this thread.
fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, work);
    log.text()
}

thread_local! {
    /// Whether the next panic of this thread is one that is meant.
    static HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// Is called by a secret, and panics with it.
#[derive(Debug)]
struct Betrays(String);

impl Betrays {
    fn betray(&self) -> ! {
        HUSHED.set(true);
        panic!("{}", self.0);
    }
}

impl EventHandler for Betrays {
    fn handle(&self, _event: &Arc<DomainEvent>) {
        self.betray();
    }
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

impl SignalProvider for Betrays {
    fn name(&self) -> &str {
        &self.0
    }
    fn signals(&self, _now: Timestamp) -> Vec<Signal> {
        self.betray();
    }
}

/// What a panic says goes to stderr by the hook of the program, before anybody can mask it: here, not at all.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !HUSHED.take() {
                hook(panic);
            }
        }));
    });
}

/// Events that hold a secret, each in its own way.
fn events(
    secret: &Secret,
    how: &How,
    mut tree: serde_json::Value,
    path: &[usize],
    before: usize,
) -> Vec<DomainEvent> {
    plant(&mut tree, secret.value(how), path);
    let kind = EventType::declare("redact_tests.told").unwrap();
    let text = secret.text();
    let cut = format!("{} {text}", "x".repeat(before));
    let names =
        |cuts: &[usize]| secret.parts(cuts).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let cuts = if let How::Split(cuts) = how { cuts.clone() } else { vec![before] };
    let session = || DomainEvent::new(SessionCreated::new(false));
    let mut titled = SessionCreated::new(true);
    titled.title = Some(cut.as_str().into());
    vec![
        DomainEvent::custom(kind, &tree).unwrap(),
        session().with_attribute("bag", tree).with_actor_name("agents/a"),
        session()
            .with_actor_name(text.as_str())
            .with_project_name(cut.as_str())
            .with_user_identity(text.as_str()),
        session().with_plan_id(text.replace('\n', "").chars().take(200).collect::<String>().as_str()),
        DomainEvent::new(titled),
        DomainEvent::new(ToolErrored::new(text.as_str(), "call", cut.as_str(), ToolErrorKind::Failed, 1, 1)),
        DomainEvent::new(PlanCreated::new(1, text.as_str(), PlanPhase::Action, names(&cuts), 3)),
    ]
}

/// All files below a directory.
fn files(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
        }
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Records the events, has consumers fail at them, and gives all that came to the disk and the log.
fn recorded(events: &[DomainEvent], text: &str) -> (String, String) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let log = logged(|| {
        runtime.block_on(async {
            let journal = Journal::open(directory.path()).unwrap();
            let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
            let _betrays = bus.subscribe(Filter::all(), Arc::new(Betrays(text.to_owned())));
            for event in events {
                bus.emit(event.clone());
            }
            bus.flush().await.unwrap();
            let provider = Arc::new(Betrays(text.to_owned()));
            let options = ConsumerOptions::new().max_attempts(1).signals(provider);
            let mut consumer = journal.reader().consumer_with("giving-up", options).unwrap();
            consumer.poll(1).unwrap();
            consumer.nack(Position::new(1).unwrap(), text).unwrap();
            let mut consumer = journal.consumer("failing").unwrap();
            consumer.nack(Position::new(1).unwrap(), &format!("cannot: {text}")).unwrap();
            assert!(bus.close(Duration::from_mins(1)).await.is_complete());
        });
    });
    (files(directory.path()), log)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_way_out_tells_a_secret(
        secret in secrets(),
        how in ways(),
        tree in clean(),
        path in proptest::collection::vec(0..32_usize, 0..7),
        before in 0..500_usize,
    ) {
        hush();
        let events = events(&secret, &how, tree, &path, before);
        let untold = |sink: &str, told: &str| assert_untold(&secret.secret, sink, told);
        let log = logged(|| {
            let bus = LoggingEventBus::new();
            for event in &events {
                bus.emit(event.clone());
            }
        });
        assert_eq!(log.lines().count(), events.len(), "{log}");
        untold("the logging bus", &log);
        let (files, log) = recorded(&events, &secret.text());
        assert!(log.contains("event_handler_failed") && log.contains("signal_provider_failed"), "{log}");
        untold("the journal's directory", &files);
        untold("the bus's log", &log);
        let redactor = Redactor::new();
        for event in &events {
            untold("a line", &redactor.event_json(event).unwrap());
            untold("an event", &format!("{:?}", redactor.redact_event(event).unwrap()));
        }
    }
}
