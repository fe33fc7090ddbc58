//! What was told: events on a real bus, compared with the tables of a scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use agentbus::event::{Hash, PlanCreated, PlanId, PlanPhase, Scope, Text};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventBus};
use cucumber::World;
use cucumber::codegen::WorldInventory;
use cucumber::gherkin::Step;
use cucumber::writer::Stats as _;
use serde_json::Value;

/// Runs one feature with the steps of `W`; whether everything passed.
pub(crate) async fn run<W: World + WorldInventory + Debug>(feature: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("features").join(feature);
    assert!(path.is_file(), "no feature at {}", path.display());
    let run = W::cucumber().fail_on_skipped().with_default_cli().max_concurrent_scenarios(1).run(path).await;
    // A feature without a single step that passed has shown nothing.
    !run.execution_has_failed() && run.passed_steps() > 0
}

/// What a scenario's services told, and what came of the last thing asked of them.
#[derive(Debug, Default)]
pub(crate) struct Told {
    bus: RecordingEventBus,
    /// What was told before the last thing asked.
    before: Vec<Arc<DomainEvent>>,
    refusal: Option<String>,
    /// What the scenario calls a generated id.
    names: BTreeMap<String, String>,
}

impl Told {
    /// What is told on that bus.
    pub(crate) fn on(bus: RecordingEventBus) -> Self {
        Self { bus, ..Self::default() }
    }

    /// Tells that a plan was opened within a session; what is done in the scope is caused by that.
    pub(crate) fn opens_plan(&self, plan: &PlanId) -> Scope {
        let created = PlanCreated::new(1, plan.to_string(), PlanPhase::Action, Vec::<Text>::new(), 3);
        let event =
            DomainEvent::new(created).with_plan_id(plan).with_root_plan_id(plan).with_session_id("s-1");
        let scope = event.scope();
        self.bus.emit(event);
        scope
    }

    /// The bus that the services are given.
    pub(crate) fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.bus.clone())
    }

    /// From now on only what follows counts. Called before something is asked.
    pub(crate) fn listen(&mut self) {
        self.before.extend(self.bus.take());
        self.refusal = None;
    }

    /// Keeps what came of what was asked.
    pub(crate) fn outcome<T, E: std::error::Error>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(error) => {
                self.refusal = Some(error.to_string());
                None
            }
        }
    }

    /// From now on `id` is called `name` in tables.
    pub(crate) fn call(&mut self, id: impl ToString, name: &str) {
        self.names.insert(id.to_string(), name.to_owned());
    }

    #[track_caller]
    pub(crate) fn expect_done(&self) {
        assert_eq!(self.refusal, None, "it was refused");
    }

    #[track_caller]
    pub(crate) fn expect_refused(&self, reason: &str) {
        let refusal = self.refusal.as_ref().expect("it was not refused");
        assert!(refusal.contains(reason), "refused for another reason: {refusal}");
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&self) {
        self.bus.assert_nothing();
    }

    /// Exactly the events of the table, in its order. The column `event` is their kind, `cause` the kind of the
    /// event that caused them, any other a key of the envelope or the details; `-` means that there is none, `*`
    /// that there is one, whatever it is, `hash of x` the hash of the text `x`.
    #[track_caller]
    pub(crate) fn expect_events(&self, step: &Step) {
        let rows = rows(step);
        let (head, rows) = rows.split_first().expect("a table has a head");
        let events = self.bus.events();
        assert_eq!(events.len(), rows.len(), "{}", self.bus.transcript());
        for (event, row) in events.iter().zip(rows) {
            for (key, expected) in head.iter().zip(row) {
                self.expect_value(event, key, expected);
            }
        }
    }

    #[track_caller]
    fn expect_value(&self, event: &DomainEvent, key: &str, expected: &str) {
        let value = self.value(event, key);
        let is_expected = match expected.strip_prefix("hash of ") {
            Some(text) => value == Hash::of(text).to_string(),
            None if expected == "*" => value != "-",
            None => value == expected,
        };
        assert!(is_expected, "{key} is {value}, not {expected}, in {event:#?}");
    }

    /// A detail of the one event of that kind.
    #[track_caller]
    pub(crate) fn detail(&self, kind: &str, key: &str) -> String {
        self.value(&self.only(kind), key)
    }

    /// The kinds of what was told, in order.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.bus.events().iter().map(|event| event.type_name().to_owned()).collect()
    }

    #[track_caller]
    fn only(&self, kind: &str) -> Arc<DomainEvent> {
        let found: Vec<_> = self.bus.events().into_iter().filter(|event| event.type_name() == kind).collect();
        let [event] = found.as_slice() else {
            panic!("not one {kind}\n{}", self.bus.transcript());
        };
        Arc::clone(event)
    }

    /// The details of the one event of that kind: exactly those of the table. Keys of the envelope may stand there
    /// too.
    #[track_caller]
    pub(crate) fn expect_details(&self, kind: &str, step: &Step) {
        let event = &*self.only(kind);
        let mut listed = BTreeSet::new();
        for row in rows(step) {
            let [key, expected] = row.as_slice() else {
                panic!("a table of details has two columns, not {row:?}");
            };
            self.expect_value(event, key, expected);
            listed.insert(key.clone());
        }
        let json = json(event);
        let details = json.get("details").and_then(Value::as_object).expect("details are an object");
        for key in details.keys() {
            assert!(listed.contains(key), "{key} is told and not in the table: {json:#}");
        }
    }

    fn value(&self, event: &DomainEvent, key: &str) -> String {
        match key {
            "event" => event.type_name().to_owned(),
            "cause" => self.cause(event),
            key => {
                let json = json(event);
                self.text(json.get(key).or_else(|| json.get("details")?.get(key)))
            }
        }
    }

    fn cause(&self, event: &DomainEvent) -> String {
        let Some(cause) = event.causation_id() else {
            return "-".to_owned();
        };
        let found = self.before.iter().chain(&self.bus.events()).find(|other| other.id() == cause).cloned();
        let found = found.expect("the cause was told before");
        assert_eq!(found.correlation_id(), event.correlation_id(), "another correlation than its cause");
        found.type_name().to_owned()
    }

    fn text(&self, value: Option<&Value>) -> String {
        match value {
            None => "-".to_owned(),
            Some(Value::String(text)) => self.names.get(text).unwrap_or(text).clone(),
            Some(Value::Array(items)) => {
                items.iter().map(|item| self.text(Some(item))).collect::<Vec<_>>().join(", ")
            }
            Some(other) => other.to_string(),
        }
    }
}

fn json(event: &DomainEvent) -> Value {
    serde_json::to_value(event).expect("an event has a JSON form")
}

fn rows(step: &Step) -> Vec<Vec<String>> {
    step.table.as_ref().expect("the step has a table").rows.clone()
}

/// The steps that every area has: what was told, and what was refused. `$world` keeps its [`Told`] in `told`.
macro_rules! told_steps {
    ($world:ident) => {
        #[cucumber::then("it is done")]
        fn it_is_done(world: &mut $world) {
            world.told.expect_done();
        }

        #[cucumber::then(expr = "it is refused: {string}")]
        fn it_is_refused(world: &mut $world, reason: String) {
            world.told.expect_refused(&reason);
        }

        #[cucumber::then("nothing is told")]
        fn nothing_is_told(world: &mut $world) {
            world.told.expect_nothing();
        }

        #[cucumber::then("exactly this is told")]
        fn exactly_this_is_told(world: &mut $world, step: &cucumber::gherkin::Step) {
            world.told.expect_events(step);
        }

        #[cucumber::then(expr = "{word} says")]
        fn it_says(world: &mut $world, kind: String, step: &cucumber::gherkin::Step) {
            world.told.expect_details(&kind, step);
        }
    };
}
pub(crate) use told_steps;
