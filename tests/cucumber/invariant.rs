//! Steps of `features/invariant.feature`.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{InvariantId, PlanId, PlanPhase, PlanState, Text};
use agentbus::service::invariant::{
    InvariantCheck, InvariantCheckError, InvariantContext, InvariantOptions, InvariantService, NewInvariant,
    Reach, Setting, Subject, Verdict,
};
use agentbus::service::plan::{NewPlan, PlanService};
use async_trait::async_trait;
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tokio_util::sync::CancellationToken;

use crate::plan::lead;
use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Invariants>("invariant.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Invariants {
    told: Told,
    service: InvariantService,
    /// Asks the invariants before a plan advances.
    plans: PlanService,
}

told_steps!(Invariants);

impl Invariants {
    fn new() -> Self {
        let told = Told::default();
        let service = InvariantService::new(Some(told.bus()));
        let plans = PlanService::new(Some(told.bus())).with_gate(Arc::new(service.clone()));
        Self { told, service, plans }
    }

    async fn enforce(&mut self, plan: &str, project: &str, subject: Subject) {
        self.told.listen();
        let result = self.service.enforce(setting(plan, project), &subject).await;
        self.told.outcome(result);
    }

    /// The service goes on from what `change` makes of its snapshot.
    fn go_on(&mut self, change: impl FnOnce(String) -> String) {
        self.told.listen();
        let text = serde_json::to_string(&self.service.snapshot(None)).expect("it has a JSON form");
        let read = serde_json::from_str(&change(text));
        if let Some(snapshot) = self.told.outcome(read) {
            self.service = InvariantService::from_snapshot(snapshot, Some(self.told.bus()));
        }
    }
}

fn setting(plan: &str, project: &str) -> Setting {
    Setting::new(plan).with_project_names([project])
}

/// A check in words: `holds`, `hangs`, or `says no`, `errors`, `panics` and behind a colon why.
#[derive(Debug)]
struct InWords(String);

#[async_trait]
impl InvariantCheck for InWords {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        let (what, why) = self.0.split_once(": ").unwrap_or((&self.0, ""));
        match what {
            "holds" => Ok(Verdict::Held),
            "says no" => Ok(Verdict::Violated(why.to_owned())),
            "errors" => Err(InvariantCheckError::new(why)),
            "hangs" => std::future::pending().await,
            _ => panic!("{why}"),
        }
    }
}

/// The invariants of a table; `-` and a column that is not there mean that there is none, `none` is an empty id.
fn invariants(step: &Step) -> Vec<NewInvariant> {
    let rows = &step.table.as_ref().expect("the step has a table").rows;
    let (head, rows) = rows.split_first().expect("a table has a head");
    let read = |row: &Vec<String>| {
        let cell = |key: &str| {
            let found = head.iter().zip(row).find(|(name, _)| *name == key).map(|(_, cell)| cell.as_str());
            found.filter(|cell| *cell != "-")
        };
        let id = cell("id").filter(|id| *id != "none").unwrap_or_default();
        let of = cell("of").unwrap_or_default();
        let scope = cell("scope").expect("a scope stands in the table");
        let reach = match scope {
            "plan" => Reach::Plan(of.into()),
            "action" => Reach::Action(of.into()),
            "project" => Reach::Project(of.into()),
            "global" | "non-overridable" => Reach::Global,
            other => panic!("no scope {other}"),
        };
        let mut new = NewInvariant::new(format!("{id} must hold"), reach).with_id(id);
        if scope == "non-overridable" {
            new = new.non_overridable();
        }
        if let Some(key) = cell("key") {
            new = new.with_key(key);
        }
        match cell("check") {
            Some(check) => new.with_check(Arc::new(InWords(check.to_owned()))),
            None => new,
        }
    };
    rows.iter().map(read).collect()
}

#[given("these invariants")]
fn these_invariants(world: &mut Invariants, step: &Step) {
    for invariant in invariants(step) {
        world.service.add(invariant).expect("it can be added");
    }
}

#[given("a check may take no time")]
fn no_time(world: &mut Invariants) {
    let options = InvariantOptions::default().with_timeout(Duration::ZERO);
    world.service = world.service.clone().with_options(options);
}

#[given(expr = "plan {string} {word} in {word}")]
async fn a_plan(world: &mut Invariants, plan: PlanId, state: PlanState, phase: PlanPhase) {
    lead(&world.plans, &plan, phase, state).await.expect("a way leads there");
}

#[given(expr = "plan {string} for {int} projects")]
fn a_plan_for_projects(world: &mut Invariants, plan: PlanId, projects: u64) {
    let names: Vec<_> = (0..projects).map(|number| Text::from(format!("project-{number}"))).collect();
    let new = NewPlan::new(plan.to_string()).with_id(plan).with_project_names(names);
    world.plans.create(new).expect("there is no such plan");
}

#[when(expr = "an invariant of plan {string} is added that nothing overrides")]
fn added_that_nothing_overrides(world: &mut Invariants, plan: PlanId) {
    world.told.listen();
    let result = world.service.add(NewInvariant::new("mine", Reach::Plan(plan)).non_overridable());
    world.told.outcome(result);
}

#[when("this invariant is added")]
fn added(world: &mut Invariants, step: &Step) {
    for invariant in invariants(step) {
        world.told.listen();
        let result = world.service.add(invariant);
        world.told.outcome(result);
    }
}

#[when(expr = "invariant {string} is removed")]
fn removed(world: &mut Invariants, invariant: String) {
    world.told.listen();
    let result = world.service.remove(&InvariantId::from(invariant));
    world.told.outcome(result);
}

#[when(expr = "invariant {string} is given its check")]
fn given_its_check(world: &mut Invariants, invariant: String) {
    world.told.listen();
    let check = Arc::new(InWords("holds".to_owned()));
    let result = world.service.give_check(&InvariantId::from(invariant), check);
    world.told.outcome(result);
}

#[when(expr = "it is asked what holds for plan {string} of {string}")]
fn asked(world: &mut Invariants, plan: String, project: String) {
    world.told.listen();
    let result = world.service.effective(setting(&plan, &project));
    world.told.outcome(result);
}

#[when(expr = "the invariants of plan {string} of {string} are reconciled")]
fn reconciled(world: &mut Invariants, plan: String, project: String) {
    world.told.listen();
    let result = world.service.reconcile(setting(&plan, &project));
    world.told.outcome(result);
}

#[when(expr = "the invariants of plan {string} of {string} are reconciled inside plan {string}")]
fn reconciled_inside(world: &mut Invariants, plan: String, project: String, of: PlanId) {
    world.told.listen();
    let scope = world.plans.scope(&of).expect("there is such a plan");
    let result = scope.enter(|| world.service.reconcile(setting(&plan, &project)));
    world.told.outcome(result);
}

#[when(expr = "the invariants of plan {string} of {string} are enforced")]
async fn enforced(world: &mut Invariants, plan: String, project: String) {
    world.enforce(&plan, &project, Subject::new()).await;
}

#[when(expr = "the invariants of plan {string} of {string} are enforced, and that is cancelled")]
async fn enforced_and_cancelled(world: &mut Invariants, plan: String, project: String) {
    let cancellation = CancellationToken::new();
    cancellation.cancel();
    world.enforce(&plan, &project, Subject::new().with_cancellation(cancellation)).await;
}

#[when(expr = "plan {string} advances")]
async fn advances(world: &mut Invariants, plan: PlanId) {
    world.told.listen();
    let result = world.plans.advance(&plan).await;
    world.told.outcome(result);
}

#[when("the invariants go on from a snapshot")]
fn from_snapshot(world: &mut Invariants) {
    world.go_on(|text| text);
}

#[when(expr = "the invariants go on from a snapshot of version {int}")]
fn from_snapshot_of_version(world: &mut Invariants, version: u64) {
    world.go_on(|text| text.replace("\"version\":1", &format!("\"version\":{version}")));
}

#[then(expr = "{string} lost to {string} for plan {string} of {string}")]
fn lost_to(world: &mut Invariants, lost: String, winner: String, plan: String, project: String) {
    let reconciled = world.service.effective(setting(&plan, &project)).expect("the plan has a name");
    let found = reconciled.overridden.iter().find(|one| one.invariant.id == lost.as_str());
    assert_eq!(found.expect("it lost").by, winner.as_str());
}

#[then(expr = "plan {string} is {word} in {word}")]
fn plan_is(world: &mut Invariants, plan: PlanId, state: PlanState, phase: PlanPhase) {
    let plan = world.plans.get(&plan).expect("there is such a plan");
    assert_eq!((plan.state, plan.phase), (state, phase));
}
