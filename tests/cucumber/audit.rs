//! Steps of `features/audit.feature`.

use std::error::Error;
use std::fs;
use std::process::Command;
use std::time::Duration;

use agentbus::audit::{AuditIndex, AuditPage, AuditQuery, AuditRetention, Order, Rebuilt, Retained};
use agentbus::event::{Hash, ToolErrorKind, ToolErrored, ToolInvoked};
use agentbus::event::{PlanCreated, PlanErrorKind, PlanErrored, PlanPhase, SessionCreated, Timestamp};
use agentbus::journal::Journal;
use agentbus::testing::FixedClock;
use agentbus::{DomainEvent, Filter, Redactor};
use cucumber::{World, given, then, when};
use tempfile::TempDir;

pub(crate) async fn run() -> bool {
    crate::told::run::<Audit>("audit.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Audit {
    directory: TempDir,
    /// How long the scenario has lasted.
    elapsed: Duration,
    query: AuditQuery,
    page: AuditPage,
    exported: Vec<String>,
    retained: Retained,
    rebuilt: Rebuilt,
    refusal: Option<String>,
}

impl Audit {
    fn new() -> Self {
        Self {
            directory: TempDir::new().expect("a temporary directory can be made"),
            elapsed: Duration::ZERO,
            query: AuditQuery::new(),
            page: AuditPage::default(),
            exported: Vec::new(),
            retained: Retained::default(),
            rebuilt: Rebuilt::default(),
            refusal: None,
        }
    }

    /// The clock of the scenario, for the time of a step.
    fn clock(&self) -> FixedClock {
        let start = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
        FixedClock::at(start.saturating_add(self.elapsed))
    }

    async fn record(&self, events: Vec<DomainEvent>) {
        let builder = Journal::builder(self.directory.path()).segment_bytes(1);
        let journal = builder.open().expect("it can be opened");
        for event in events {
            journal.append(event).await.expect("it can be written");
        }
        journal.close(Duration::from_secs(5)).await.expect("it can be closed");
    }

    fn ask(&mut self, query: Result<AuditQuery, Box<dyn Error>>) {
        let asked = query.and_then(|query| {
            let mut index = AuditIndex::open(self.directory.path())?;
            index.index()?;
            self.query = query;
            Ok(index.query(&self.query)?)
        });
        self.refusal = asked.as_ref().err().map(ToString::to_string);
        self.page = asked.unwrap_or_default();
    }
}

fn filtered(filter: &str) -> Result<AuditQuery, Box<dyn Error>> {
    Ok(AuditQuery::from(filter.parse::<Filter>()?))
}

#[given("a journal of an agent's morning")]
async fn a_journal(world: &mut Audit) {
    let events = {
        let _clock = world.clock();
        let of_plan = |event: DomainEvent| event.with_plan_id("mend");
        let plan = PlanCreated::new(1, "mend the greeter", PlanPhase::Action, ["greeter"], 3);
        let kind = ToolErrorKind::ALL.first().expect("there are some");
        let error = ToolErrored::new("write_file", "call-1", "permission denied: /etc/shadow", *kind, 1, 3);
        let failure = PlanErrorKind::ALL.first().expect("there are some");
        vec![
            DomainEvent::new(SessionCreated::new(false)),
            of_plan(DomainEvent::new(plan)),
            of_plan(DomainEvent::new(ToolInvoked::new("write_file", "call-1", Hash::of("x"), 9, false))),
            of_plan(DomainEvent::new(error)),
            of_plan(DomainEvent::new(PlanErrored::new(1, PlanPhase::Action, "gave up", *failure, 1))),
        ]
    };
    world.record(events).await;
}

#[when("a session is recorded")]
async fn a_session(world: &mut Audit) {
    let event = {
        let _clock = world.clock();
        DomainEvent::new(SessionCreated::new(false))
    };
    world.record(vec![event]).await;
}

#[given(expr = "the index was asked {string}")]
#[when(expr = "the index is asked {string}")]
fn is_asked(world: &mut Audit, filter: String) {
    world.ask(filtered(&filter));
}

#[when(expr = "the index is asked {string} for {string}")]
fn is_asked_for(world: &mut Audit, filter: String, text: String) {
    let query = filtered(&filter).and_then(|query| Ok(query.text(&text.replace('\'', "\""))?));
    world.ask(query);
}

#[when(expr = "the index is asked {string}, the newest first, {int} at a time")]
fn is_asked_in_pages(world: &mut Audit, filter: String, limit: usize) {
    world.ask(filtered(&filter).map(|query| query.order(Order::NewestFirst).limit(limit)));
}

#[when("the next page is asked for")]
fn next_page(world: &mut Audit) {
    let next = world.page.next.clone().expect("there is one");
    world.ask(Ok(world.query.clone().after(next)));
}

#[when(expr = "the index is exported as {string}")]
fn is_exported(world: &mut Audit, format: String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
    command.arg("audit").arg(world.directory.path()).args(["export", "--format", &format]);
    let output = command.output().expect("it can be run");
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    world.exported = text.lines().map(str::to_owned).collect();
}

#[given(expr = "{int} days passed")]
fn days_pass(world: &mut Audit, days: u64) {
    world.elapsed += Duration::from_hours(24 * days);
}

#[when(expr = "the index keeps events for {int} days and security events for {int}")]
fn keeps(world: &mut Audit, days: u64, security: u64) {
    let _clock = world.clock();
    let span = |days: u64| Some(Duration::from_hours(24 * days));
    let retention = AuditRetention::new(span(days), span(days), span(security)).expect("it is one");
    let mut index = AuditIndex::open(world.directory.path()).expect("it can be opened");
    world.retained = index.retain(&retention).expect("it can be written");
}

#[given("the index is damaged")]
fn is_damaged(world: &mut Audit) {
    let file = world.directory.path().join("audit/index-00000001.sqlite");
    fs::write(file, "no database").expect("it can be written");
}

#[given(expr = "the first {int} lines of the journal are gone")]
fn lines_are_gone(world: &mut Audit, count: u64) {
    for position in 1..=count {
        let file = world.directory.path().join(format!("segments/{position:020}.jsonl"));
        fs::remove_file(file).expect("each line has a segment of its own");
    }
}

#[when("the index is made anew")]
fn is_made_anew(world: &mut Audit) {
    world.rebuilt = AuditIndex::rebuild(world.directory.path(), &Redactor::new()).expect("it can be made");
}

#[then(expr = "it gives {string}")]
fn it_gives(world: &mut Audit, expected: String) {
    assert_eq!(world.refusal, None, "it was refused");
    let kinds: Vec<_> = world.page.events.iter().map(|recorded| recorded.event.type_name()).collect();
    assert_eq!(kinds.join(", "), expected);
}

#[then(expr = "it is refused: {string}")]
fn it_is_refused(world: &mut Audit, reason: String) {
    let refusal = world.refusal.as_ref().expect("it was not refused");
    assert!(refusal.contains(&reason), "refused for another reason: {refusal}");
}

#[then("there is a next page")]
fn there_is_more(world: &mut Audit) {
    assert!(world.page.next.is_some());
}

#[then("there is no next page")]
fn there_is_no_more(world: &mut Audit) {
    assert_eq!(world.page.next, None);
}

#[then(expr = "line {int} begins with {string}")]
fn line_begins(world: &mut Audit, line: usize, beginning: String) {
    let line = world.exported.get(line - 1).expect("there are so many");
    assert!(line.starts_with(&beginning), "{line}");
}

#[then(expr = "there are {int} lines")]
fn so_many_lines(world: &mut Audit, count: usize) {
    assert_eq!(world.exported.len(), count);
}

#[then(expr = "{int} events went")]
fn went(world: &mut Audit, count: u64) {
    assert_eq!(world.retained.events(), count);
}

#[then(expr = "{int} events were taken over")]
fn taken_over(world: &mut Audit, count: u64) {
    assert_eq!(world.rebuilt.carried, count);
}
