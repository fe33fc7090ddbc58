//! Steps of `features/telemetry.feature`.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{
    ActorCompleted, ActorErrorKind, ActorErrored, Hash, PlanCreated, PlanPhase, PlanPhaseChanged,
    SessionCreated, Text, Timestamp, ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked, ToolRetried,
    Usd, ValidationFailed, ValidationStarted,
};
use agentbus::journal::{Journal, ReadFrom};
use agentbus::telemetry::{ReportRow, Telemetry, TelemetryReport};
use agentbus::{DomainEvent, EventBus, EventType, Filter, ReactiveEventBus};
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use serde_json::json;
use tempfile::TempDir;

const MINUTE: Duration = Duration::from_mins(1);

/// On a runtime of one thread, whose time passes as the scenarios say.
pub(crate) async fn run() -> bool {
    let run = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("it can be built");
        runtime.block_on(crate::told::run::<Watched>("telemetry.feature"))
    });
    run.await.expect("it ends by itself")
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Watched {
    telemetry: Option<Telemetry>,
    bus: ReactiveEventBus,
    journal: Journal,
    /// Removed after the journal is closed.
    _directory: TempDir,
}

impl Watched {
    fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let journal = Journal::open(directory.path()).expect("it can be opened");
        let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
        Self { telemetry: None, bus, journal, _directory: directory }
    }

    async fn emit(&self, event: impl Into<DomainEvent>) {
        self.bus.emit(event.into());
        // So that telemetry counts it before the next.
        tokio::task::yield_now().await;
    }

    async fn report(&self, since: Option<Timestamp>) -> TelemetryReport {
        self.bus.flush().await.expect("it is recorded");
        TelemetryReport::read(self.journal.as_ref(), since).expect("it can be read")
    }
}

#[given("a bus with a journal, and telemetry that tells every minute")]
fn a_bus(world: &mut Watched) {
    world.telemetry = Some(Telemetry::builder().interval(MINUTE).start(Arc::new(world.bus.clone())));
}

#[when(expr = "the tool {string} is called {int} times for {int} ms")]
async fn is_called(world: &mut Watched, tool: String, times: u64, ms: u64) {
    for _ in 0..times {
        let told = ToolCompleted::new(tool.as_str(), "call", 1, ms, 1, Hash::of("x"), false);
        world.emit(DomainEvent::new(told)).await;
    }
}

#[when("a minute passes")]
async fn a_minute_passes(_world: &mut Watched) {
    tokio::time::sleep(MINUTE + Duration::from_millis(1)).await;
}

#[when(expr = "the tool {string} is tried again and fails")]
async fn is_tried_again(world: &mut Watched, tool: String) {
    let tool = tool.as_str();
    world.emit(DomainEvent::new(ToolInvoked::new(tool, "call", Hash::of("x"), 1, false))).await;
    world.emit(DomainEvent::new(ToolRetried::new(tool, "call", 2, 2, "busy", 10))).await;
    let failed = ToolErrored::new(tool, "call", "busy", ToolErrorKind::Failed, 2, 30);
    world.emit(DomainEvent::new(failed)).await;
}

fn amount(usd: &str) -> Usd {
    usd.parse().expect("it is an amount")
}

#[when(expr = "the actor {string} completes with {int} tokens read, {int} written, for {word} USD")]
async fn completes(world: &mut Watched, actor: String, input: u64, output: u64, usd: String) {
    let mut told = ActorCompleted::new(actor.as_str(), 1, 0, input, output, 100);
    told.cost_usd = Some(amount(&usd));
    world.emit(DomainEvent::new(told)).await;
}

#[when(expr = "the actor {string} fails with {int} tokens read, {int} written, for {word} USD")]
async fn fails(world: &mut Watched, actor: String, input: u64, output: u64, usd: String) {
    let mut told = ActorErrored::new(actor.as_str(), "gone", ActorErrorKind::Model, false, 1);
    (told.input_tokens, told.output_tokens, told.cost_usd) = (Some(input), Some(output), Some(amount(&usd)));
    world.emit(DomainEvent::new(told)).await;
}

#[when(expr = "a plan spends {int} ms in action and {int} ms in execute")]
async fn a_plan(world: &mut Watched, action: i64, execute: i64) {
    let told = |ms: i64, event: DomainEvent| {
        event.with_plan_id("plan").with_timestamp(Timestamp::from_unix_nanos(ms * 1_000_000))
    };
    let created = PlanCreated::new(1, "mend", PlanPhase::Action, Vec::<Text>::new(), 3);
    let executed = PlanPhaseChanged::new(2, PlanPhase::Action, PlanPhase::Execute, false, 0);
    let applied = PlanPhaseChanged::new(3, PlanPhase::Execute, PlanPhase::Apply, false, 0);
    world.emit(told(0, DomainEvent::new(created))).await;
    world.emit(told(action, DomainEvent::new(executed))).await;
    world.emit(told(action + execute, DomainEvent::new(applied))).await;
}

#[when(expr = "the validation {string} says no after {int} ms")]
async fn says_no(world: &mut Watched, name: String, ms: u64) {
    world.emit(DomainEvent::new(ValidationStarted::new("run-1", 1, 0, 1))).await;
    let failed = ValidationFailed::new("run-1", [name.as_str()], Vec::<Text>::new(), 0, ms);
    world.emit(DomainEvent::new(failed)).await;
}

#[when(expr = "{int} events come at once, more than it can hold")]
fn at_once(world: &mut Watched, count: u64) {
    for _ in 0..count {
        world.bus.emit(DomainEvent::new(SessionCreated::new(false)));
    }
}

#[when(expr = "somebody writes an interval of {int} calls")]
async fn somebody_writes(world: &mut Watched, count: i64) {
    let kind = EventType::declare("telemetry.interval").expect("it is a name");
    let details = json!({
        "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:01:00Z", "digits": 2,
        "rows": [{ "group": "tool", "name": "read_file", "count": count }],
    });
    world.emit(DomainEvent::custom(kind, &details).expect("it is a custom kind")).await;
}

#[when("telemetry is closed")]
async fn is_closed(world: &mut Watched) {
    let telemetry = world.telemetry.take().expect("it is open");
    telemetry.close(MINUTE).await;
}

#[then(expr = "the journal holds {int} intervals")]
async fn holds(world: &mut Watched, count: usize) {
    world.bus.flush().await.expect("it is recorded");
    let filter: Filter = "telemetry.interval".parse().expect("it is a filter");
    let reading = world.journal.read(ReadFrom::Start, filter).expect("it can be read");
    assert_eq!(reading.events().count(), count);
}

fn value(row: &ReportRow, key: &str) -> String {
    match key {
        "count" => row.count.to_string(),
        "began" => row.began.to_string(),
        "failed" => row.failed.to_string(),
        "retried" => row.retried.to_string(),
        "input_tokens" => row.input_tokens.to_string(),
        "output_tokens" => row.output_tokens.to_string(),
        "cost" => row.cost_usd.to_string(),
        "p50" => row.times.p50_ms.to_string(),
        "p90" => row.times.p90_ms.to_string(),
        "p99" => row.times.p99_ms.to_string(),
        "max" => row.times.max_ms.to_string(),
        _ => panic!("no column {key}"),
    }
}

#[then(expr = "the report tells of {word} {string}")]
async fn tells(world: &mut Watched, group: String, name: String, step: &Step) {
    let report = world.report(None).await;
    let row = report.rows.iter().find(|row| row.is(&group, &name)).expect("there is such a row");
    for line in &step.table.as_ref().expect("the step has a table").rows {
        let [key, expected] = line.as_slice() else { panic!("not a key and a value: {line:?}") };
        let found = value(row, key);
        // A percentile is right to two digits.
        let is_near = match (key.starts_with('p'), found.parse::<u64>(), expected.parse::<u64>()) {
            (true, Ok(found), Ok(expected)) => (expected..=expected + expected / 100).contains(&found),
            _ => found == *expected,
        };
        assert!(is_near, "{key} is {found}, not {expected}, in {row:?}");
    }
}

#[then(expr = "the report tells that some were missed, and that all others were counted: {int}")]
async fn some_were_missed(world: &mut Watched, all: u64) {
    let report = world.report(None).await;
    let row = report.rows.iter().find(|row| row.is("kind", "session.created")).expect("some were counted");
    assert!(report.missed > 0);
    assert_eq!(row.count + report.missed, all);
}

#[then(expr = "it refuses the interval at position {int}: {string}")]
async fn refuses(world: &mut Watched, position: u64, reason: String) {
    let report = world.report(None).await;
    let refused = report.refused.first().expect("one is refused");
    assert_eq!((report.refused.len(), refused.position.get()), (1, position));
    assert!(refused.fault.to_string().contains(&reason), "{}", refused.fault);
}

#[then("the report since tomorrow tells nothing")]
async fn tells_nothing(world: &mut Watched) {
    let tomorrow = Timestamp::now().saturating_add(Duration::from_hours(24));
    let report = world.report(Some(tomorrow)).await;
    assert_eq!((report.intervals, report.earlier, report.rows.len()), (0, 1, 0));
}
