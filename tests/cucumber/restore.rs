//! Steps of `features/restore.feature`.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{
    DecisionId, DecisionType, PlanId, PlanPhase, PlanState, PlanStateChanged, SessionCreated,
};
use agentbus::journal::{Durability, Entry, Journal, JournalReader, Position, ReadFrom};
use agentbus::redact::without_tags;
use agentbus::service::decision::{DecisionService, NewDecision};
use agentbus::service::plan::{NewPlan, PlanService};
use agentbus::{DomainEvent, EventBus, FanoutEventBus, Filter, ReactiveEventBus};
use cucumber::{World, given, then, when};
use tempfile::TempDir;

use crate::plan::lead;
use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Restoring>("restore.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Restoring {
    told: Told,
    directory: TempDir,
    journal: Journal,
    /// The bus of the process, with the journal.
    bus: ReactiveEventBus,
    plans: PlanService,
    decisions: DecisionService,
}

told_steps!(Restoring);

/// A process begins: a bus with the journal in `directory`, and the two together as services are given them.
fn begin(directory: &TempDir, told: &Told) -> (Journal, ReactiveEventBus, Arc<dyn EventBus>) {
    let journal = Journal::builder(directory.path()).durability(Durability::Os);
    let journal = journal.open().expect("the directory is a journal, or empty");
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    let both = FanoutEventBus::new(Arc::new(bus.clone()), [told.bus()]);
    (journal, bus, Arc::new(both))
}

impl Restoring {
    fn new() -> Self {
        let (told, directory) = (Told::default(), TempDir::new().expect("there is room"));
        let (journal, bus, both) = begin(&directory, &told);
        let (plans, decisions) = (PlanService::new(Some(both.clone())), DecisionService::new(Some(both)));
        Self { told, directory, journal, bus, plans, decisions }
    }

    async fn reader(&self) -> JournalReader {
        self.bus.flush().await.expect("the journal writes");
        JournalReader::open(self.directory.path()).expect("it is a journal")
    }

    /// The event at that position.
    async fn event(&self, position: u64) -> DomainEvent {
        let entries = self.reader().await.read(ReadFrom::Start, Filter::all()).expect("it can be read");
        let mut events = entries.filter_map(|entry| entry.ok().and_then(Entry::into_event));
        let found = events.find(|recorded| recorded.position.get() == position);
        DomainEvent::clone(&found.expect("there is such a line").event)
    }
}

#[given(expr = "plan {string} {word} in {word}")]
async fn a_plan(world: &mut Restoring, plan: PlanId, state: PlanState, phase: PlanPhase) {
    lead(&world.plans, &plan, phase, state).await.expect("a way leads there");
}

#[given(expr = "{string} has the child {string}")]
fn a_child(world: &mut Restoring, parent: PlanId, child: PlanId) {
    let new = NewPlan::new(child.to_string()).with_id(child);
    world.plans.spawn_child(&parent, new).expect("the parent is not finished");
}

#[given("a session is told of")]
fn a_session(world: &mut Restoring) {
    world.bus.emit(DomainEvent::new(SessionCreated::new(false)).with_session_id("s-1"));
}

#[given(expr = "somebody else tells that {string} is applied, as its revision {int}")]
fn somebody_else(world: &mut Restoring, plan: PlanId, revision: u64) {
    let applied =
        PlanStateChanged::new(revision, PlanPhase::Apply, PlanState::Processing, PlanState::Applied);
    world.bus.emit(DomainEvent::new(applied).with_plan_id(&plan).with_root_plan_id(&plan));
}

#[given(expr = "the event at position {int} is recorded once more")]
async fn once_more(world: &mut Restoring, position: u64) {
    let event = world.event(position).await;
    world.journal.append(event).await.expect("the journal writes");
}

#[given(expr = "{string} is recorded as the root of plan {string}")]
fn a_root(world: &mut Restoring, id: DecisionId, plan: PlanId) {
    let root = NewDecision::root(plan, "what is wanted?", id.to_string()).with_id(id);
    world.decisions.record(root).expect("the plan has no root");
}

#[given(expr = "{string} is recorded under {string}")]
fn a_decision(world: &mut Restoring, id: DecisionId, parent: DecisionId) {
    let parent = world.decisions.get(&parent).expect("there is such a decision");
    let new = NewDecision::under(&parent, DecisionType::StrategyChoice, "how?", id.to_string());
    world.decisions.record(new.with_id(id)).expect("the parent stands");
}

#[given(expr = "{string} is superseded")]
fn superseded(world: &mut Restoring, id: DecisionId) {
    world.decisions.supersede(&id, None).expect("it stands and is not the root");
}

#[when(expr = "the line at position {int} is damaged")]
async fn damaged(world: &mut Restoring, position: u64) {
    world.bus.flush().await.expect("the journal writes");
    let file = world.directory.path().join("segments/00000000000000000001.jsonl");
    let text = fs::read_to_string(&file).expect("it is a text");
    let line = format!("{{\"pos\":{position},");
    assert!(text.contains(&line), "no line at {position}");
    fs::write(&file, text.replace(&line, &line.replace("pos", "POS"))).expect("it can be written");
}

#[when("the process ends and the services are restored")]
async fn restored(world: &mut Restoring) {
    world.told.listen();
    world.bus.close(Duration::from_secs(10)).await;
    world.journal.close(Duration::from_secs(10)).await.expect("the journal writes");
    let (journal, bus, both) = begin(&world.directory, &world.told);
    (world.journal, world.bus) = (journal, bus);
    let reader = world.reader().await;
    world.plans = PlanService::restore(&reader, Some(both.clone())).expect("it can be read");
    world.decisions = DecisionService::restore(&reader, Some(both)).expect("it can be read");
}

#[when(expr = "{string} completes")]
fn completes(world: &mut Restoring, plan: PlanId) {
    world.told.listen();
    let result = world.plans.complete(&plan);
    world.told.outcome(result);
}

#[when(expr = "plan {string} is created")]
fn created(world: &mut Restoring, plan: String) {
    world.told.listen();
    let result = world.plans.create(NewPlan::new(&plan).with_id(plan));
    world.told.outcome(result);
}

#[when(expr = "{string} spawns plan {string}")]
fn spawns(world: &mut Restoring, parent: PlanId, child: PlanId) {
    world.told.listen();
    let result = world.plans.spawn_child(&parent, NewPlan::new(child.to_string()).with_id(child));
    world.told.outcome(result);
}

#[when(expr = "{string} is cancelled")]
fn cancelled(world: &mut Restoring, plan: PlanId) {
    cancelled_for(world, plan, "not worth it".to_owned());
}

#[when(expr = "{string} is cancelled for {string}")]
fn cancelled_for(world: &mut Restoring, plan: PlanId, reason: String) {
    world.told.listen();
    let result = world.plans.cancel(&plan, reason);
    world.told.outcome(result);
}

#[when(expr = "{string} is approved by {string}")]
fn approved(world: &mut Restoring, id: DecisionId, by: String) {
    world.told.listen();
    let result = world.decisions.approve(&id, by);
    world.told.outcome(result);
}

#[then("everything is restored")]
fn everything(world: &mut Restoring) {
    for restored in [world.plans.restored(), world.decisions.restored()] {
        assert!(restored.is_some_and(agentbus::service::restore::Restored::is_whole), "{restored:?}");
    }
}

#[then(expr = "plan {string} is broken: {string}")]
fn broken(world: &mut Restoring, plan: PlanId, reason: String) {
    let restored = world.plans.restored().expect("it was restored");
    let [broken] = restored.broken.as_slice() else { panic!("not one is broken: {restored:?}") };
    assert_eq!(broken.plan_id, plan);
    let fault = broken.fault.to_string();
    assert!(fault.contains(&reason), "broken for another reason: {fault}");
}

#[then("no plan is broken")]
fn none_broken(world: &mut Restoring) {
    let restored = world.plans.restored().expect("it was restored");
    assert!(restored.broken.is_empty(), "{restored:?}");
}

#[then(expr = "{int} line cannot be read")]
fn unreadable(world: &mut Restoring, count: usize) {
    let restored = world.plans.restored().expect("it was restored");
    assert_eq!(restored.unreadable.len(), count, "{restored:?}");
}

#[then(expr = "at position {int} plan {string} is {word} in {word}")]
async fn stood(world: &mut Restoring, position: u64, plan: PlanId, state: PlanState, phase: PlanPhase) {
    let position = Position::new(position).expect("it is one");
    let plans = PlanService::state_at(&world.reader().await, position).expect("it can be read");
    let plan = plans.get(&plan).expect("there was such a plan");
    assert_eq!((plan.state, plan.phase), (state, phase));
}

#[then(expr = "plan {string} is {word} in {word}")]
fn stands(world: &mut Restoring, plan: PlanId, state: PlanState, phase: PlanPhase) {
    let plan = world.plans.get(&plan).expect("there is such a plan");
    assert_eq!((plan.state, plan.phase), (state, phase));
}

#[then(expr = "plan {string} was cancelled for {string}")]
fn was_cancelled(world: &mut Restoring, plan: PlanId, reason: String) {
    let plan = world.plans.get(&plan).expect("there is such a plan");
    let told = plan.reason.map(|told| without_tags(&told).into_owned());
    assert_eq!((plan.state, told), (PlanState::Cancelled, Some(reason)));
}

#[then(expr = "the tree of {string} is {string}")]
fn tree_is(world: &mut Restoring, plan: PlanId, expected: String) {
    let tree = world.plans.tree(&plan).expect("there is such a plan");
    let names: Vec<_> = tree.iter().map(|plan| plan.id.to_string()).collect();
    assert_eq!(names.join(", "), expected);
}

#[then(expr = "the decisions of plan {string} are {string}")]
fn decisions_are(world: &mut Restoring, plan: PlanId, expected: String) {
    let all = world.decisions.list(&plan).into_iter().map(|decision| {
        let mark = if decision.superseded.is_some() { " (superseded)" } else { "" };
        format!("{}{mark}", decision.id)
    });
    assert_eq!(all.collect::<Vec<_>>().join(", "), expected);
}
