//! Steps of `features/plan.feature`.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{PlanErrorKind, PlanId, PlanPhase, PlanState, Scope};
use agentbus::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
use agentbus::journal::SignalProvider as _;
use agentbus::service::plan::{ApplySummary, NewPlan, Plan, PlanError, PlanFilter, PlanService};
use async_trait::async_trait;
use cucumber::{World, given, then, when};

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Plans>("plan.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Plans {
    told: Told,
    service: PlanService,
}

told_steps!(Plans);

impl Plans {
    fn new() -> Self {
        let told = Told::default();
        Self { service: PlanService::new(Some(told.bus())), told }
    }

    fn settle(&mut self, result: Result<Plan, PlanError>) {
        self.told.outcome(result);
    }
}

/// Refuses one phase, for some reasons.
#[derive(Debug)]
struct Refuses(PlanPhase, Vec<String>);

#[async_trait]
impl Gate for Refuses {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        match question.operation {
            GateOperation::EnterPhase { to, .. } if to == self.0 => {
                GateAnswer::refused(self.1.iter().map(String::as_str))
            }
            _ => GateAnswer::Allowed,
        }
    }
}

/// Does something to the plan that it is asked about, and allows what was asked.
#[derive(Debug)]
struct Meddles {
    plans: PlanService,
    meddle: fn(&PlanService, &PlanId) -> Result<Plan, PlanError>,
}

#[async_trait]
impl Gate for Meddles {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        (self.meddle)(&self.plans, &question.plan_id).expect("the plan can do that");
        GateAnswer::Allowed
    }
}

impl Plans {
    fn meddle(&mut self, meddle: fn(&PlanService, &PlanId) -> Result<Plan, PlanError>) {
        let gate = Meddles { plans: self.service.clone(), meddle };
        self.service = self.service.clone().with_gate(Arc::new(gate));
    }
}

#[given(expr = "a gate that refuses {word} because {string}")]
fn a_gate_that_refuses(world: &mut Plans, phase: PlanPhase, reason: String) {
    world.service = world.service.clone().with_gate(Arc::new(Refuses(phase, vec![reason])));
}

#[given(expr = "a gate that refuses {word} because {string} and {string}")]
fn a_gate_that_refuses_twice(world: &mut Plans, phase: PlanPhase, reason: String, other: String) {
    world.service = world.service.clone().with_gate(Arc::new(Refuses(phase, vec![reason, other])));
}

#[given("a gate that cancels the plan while it is asked about strategize")]
fn a_gate_that_cancels(world: &mut Plans) {
    world.meddle(|plans, plan| plans.cancel(plan, "meanwhile"));
}

#[given("a gate that leads the plan back to strategize, and to its end, while it is asked about apply")]
fn a_gate_that_leads_back(world: &mut Plans) {
    world.meddle(|plans, plan| {
        plans.revert_to(plan, PlanPhase::Strategize, "think again")?;
        plans.start(plan)?;
        plans.complete(plan)
    });
}

#[given(expr = "plan {string} {word} in {word}")]
async fn a_plan(world: &mut Plans, plan: PlanId, state: PlanState, phase: PlanPhase) {
    lead(&world.service, &plan, phase, state).await.expect("a way leads there");
}

#[given(expr = "plan {string} processing in execute, reverted {int} times")]
async fn a_plan_reverted(world: &mut Plans, plan: PlanId, times: u32) {
    revert(&world.service, &plan, times).await.expect("it may go back that often");
}

#[given(expr = "plan {string} processing in execute, that may go back {int} times")]
async fn a_plan_that_may_go_back(world: &mut Plans, plan: PlanId, times: u32) {
    let new = NewPlan::new(plan.to_string()).with_id(plan).with_max_reversions(times);
    let led = lead_new(&world.service, new, PlanPhase::Execute, PlanState::Processing).await;
    led.expect("a way leads there");
}

async fn revert(plans: &PlanService, plan: &PlanId, times: u32) -> Result<(), PlanError> {
    lead(plans, plan, PlanPhase::Execute, PlanState::Processing).await?;
    for _ in 0..times {
        plans.revert_to(plan, PlanPhase::Strategize, "once again")?;
        plans.start(plan)?;
        plans.complete(plan)?;
        plans.advance(plan).await?;
        plans.start(plan)?;
    }
    Ok(())
}

/// Creates a plan and leads it straight to a state.
pub(crate) async fn lead(
    plans: &PlanService,
    plan: &PlanId,
    phase: PlanPhase,
    state: PlanState,
) -> Result<(), PlanError> {
    lead_new(plans, NewPlan::new(plan.to_string()).with_id(plan), phase, state).await
}

async fn lead_new(
    plans: &PlanService,
    new: NewPlan,
    phase: PlanPhase,
    state: PlanState,
) -> Result<(), PlanError> {
    let mut at = plans.create(new)?;
    let plan = &at.id.clone();
    while at.phase != phase {
        if at.phase != PlanPhase::Action {
            plans.start(plan)?;
            plans.complete(plan)?;
        }
        at = plans.advance(plan).await?;
    }
    if !matches!(state, PlanState::Queued | PlanState::Cancelled) {
        plans.start(plan)?;
    }
    match state {
        PlanState::Queued | PlanState::Processing => return Ok(()),
        PlanState::Complete => plans.complete(plan)?,
        PlanState::Errored => plans.fail(plan, "no luck", PlanErrorKind::Permanent)?,
        PlanState::Applied => plans.apply(plan, ApplySummary::default())?,
        PlanState::Constrained => plans.constrain(plan, "no")?,
        PlanState::Cancelled => plans.cancel(plan, "enough")?,
    };
    Ok(())
}

#[given(expr = "{string} has the child {string}")]
fn a_child(world: &mut Plans, parent: PlanId, child: PlanId) {
    let new = NewPlan::new(child.to_string()).with_id(child);
    world.service.spawn_child(&parent, new).expect("the parent is not finished");
}

#[given(expr = "{string} has the child {string}, already cancelled")]
fn a_cancelled_child(world: &mut Plans, parent: PlanId, child: PlanId) {
    a_child(world, parent, child.clone());
    world.service.cancel(&child, "enough").expect("the child is not finished");
}

#[given(expr = "plan {string} is created by {string} for project {string} in session {string}")]
#[when(expr = "plan {string} is created by {string} for project {string} in session {string}")]
fn created_by(world: &mut Plans, plan: String, actor: String, project: String, session: String) {
    world.told.listen();
    let new = NewPlan::new(&plan)
        .with_id(plan)
        .with_actor(actor)
        .with_project_names([project])
        .with_session_id(session);
    let result = world.service.create(new);
    world.settle(result);
}

#[when(expr = "plan {string} is created")]
fn created(world: &mut Plans, plan: String) {
    world.told.listen();
    let new = NewPlan::new(&plan).with_id(plan);
    let result = world.service.create(new);
    world.settle(result);
}

#[when(expr = "plan {string} is created in request {string}")]
fn created_in_request(world: &mut Plans, plan: String, request: String) {
    world.told.listen();
    let new = NewPlan::new(&plan).with_id(plan);
    let result = Scope::new().with_correlation_id(request).enter(|| world.service.create(new));
    world.settle(result);
}

#[when(expr = "plan {string} is created with a name of {int} bytes")]
fn created_with_a_name_of(world: &mut Plans, plan: PlanId, bytes: usize) {
    world.told.listen();
    let result = world.service.create(NewPlan::new("x".repeat(bytes)).with_id(plan));
    world.settle(result);
}

#[when(expr = "{string} spawns plan {string}")]
fn spawns(world: &mut Plans, parent: PlanId, child: PlanId) {
    world.told.listen();
    let new = NewPlan::new(child.to_string()).with_id(child);
    let result = world.service.spawn_child(&parent, new);
    world.settle(result);
}

#[when(expr = "{string} advances")]
async fn advances(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.advance(&plan).await;
    world.settle(result);
}

#[when(expr = "{string} starts")]
fn starts(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.start(&plan);
    world.settle(result);
}

#[when(expr = "{string} starts inside the scope of {string}")]
fn starts_inside(world: &mut Plans, plan: PlanId, of: PlanId) {
    world.told.listen();
    let scope = world.service.scope(&of).expect("there is such a plan");
    let result = scope.enter(|| world.service.start(&plan));
    world.settle(result);
}

#[when(expr = "{string} completes")]
fn completes(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.complete(&plan);
    world.settle(result);
}

#[when(expr = "{string} fails")]
fn fails(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.fail(&plan, "the disk is full", PlanErrorKind::Transient);
    world.settle(result);
}

#[when(expr = "{string} retries")]
fn retries(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.retry(&plan);
    world.settle(result);
}

#[when(expr = "{string} is applied")]
fn applied(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.apply(&plan, ApplySummary::default());
    world.settle(result);
}

#[when(
    regex = r#"^"(\w+)" is applied with (\d+) files, (\d+) lines added, (\d+) removed, (\d+) validations passed in (\d+) ms$"#
)]
fn applied_with(world: &mut Plans, plan: PlanId, files: u64, added: u64, removed: u64, passed: u64, ms: u64) {
    world.told.listen();
    let summary = ApplySummary {
        files_changed: files,
        lines_added: added,
        lines_removed: removed,
        validations_passed: passed,
        duration: Duration::from_millis(ms),
    };
    let result = world.service.apply(&plan, summary);
    world.settle(result);
}

#[when(expr = "{string} is constrained")]
fn constrained(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.constrain(&plan, "tests are gone");
    world.settle(result);
}

#[when(expr = "{string} reverts to {word}")]
fn reverts(world: &mut Plans, plan: PlanId, phase: PlanPhase) {
    world.told.listen();
    let result = world.service.revert_to(&plan, phase, "once again");
    world.settle(result);
}

#[when(expr = "{string} is cancelled")]
fn cancelled(world: &mut Plans, plan: PlanId) {
    world.told.listen();
    let result = world.service.cancel(&plan, "not worth it");
    world.settle(result);
}

#[then(expr = "after {int} seconds without an event a watchdog of {int} seconds signals {string}")]
fn signals(world: &mut Plans, passed: u64, after: u64, expected: String) {
    let last = world.service.list(&PlanFilter::all()).iter().map(|plan| plan.changed_at).max();
    let now = last.expect("there is a plan").saturating_add(Duration::from_secs(passed));
    let signals = world.service.watchdog(Duration::from_secs(after)).signals(now);
    let plans: Vec<_> = signals.iter().map(|signal| signal.key.to_string()).collect();
    assert_eq!(plans.join(", "), expected);
}

#[then(expr = "plan {string} is {word} in {word}")]
fn stands(world: &mut Plans, plan: PlanId, state: PlanState, phase: PlanPhase) {
    let plan = world.service.get(&plan).expect("there is such a plan");
    assert_eq!((plan.state, plan.phase), (state, phase));
}

#[then(expr = "the name of plan {string} is that of its event, {int} bytes long")]
fn name_is(world: &mut Plans, plan: PlanId, bytes: usize) {
    let plan = world.service.get(&plan).expect("there is such a plan");
    assert_eq!((plan.name.len(), plan.name.to_string()), (bytes, world.told.detail("plan.created", "name")));
}

#[then(expr = "the tree of {string} is {string}")]
fn tree_is(world: &mut Plans, plan: PlanId, expected: String) {
    let tree = world.service.tree(&plan).expect("there is such a plan");
    let names: Vec<_> = tree.iter().map(|plan| plan.id.to_string()).collect();
    assert_eq!(names.join(", "), expected);
}
