//! Steps of `features/decision.feature`.

use agentbus::event::{Brief, CorrectionMode, DecisionId, DecisionType, Fraction, PlanId, Scope, Text};
use agentbus::service::decision::{DecisionService, NewDecision};
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Decisions>("decision.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Decisions {
    told: Told,
    service: DecisionService,
    /// What runs now.
    scope: Scope,
}

told_steps!(Decisions);

impl Decisions {
    fn new() -> Self {
        let told = Told::default();
        Self { service: DecisionService::new(Some(told.bus())), told, scope: Scope::new() }
    }

    fn record(&mut self, decision: NewDecision) {
        self.told.listen();
        let result = self.scope.clone().enter(|| self.service.record(decision));
        self.told.outcome(result);
    }
}

fn below(parent: impl Into<DecisionId>, id: impl Into<DecisionId>) -> NewDecision {
    let id = id.into();
    NewDecision::new("mend", DecisionType::SubplanSpawn, "what next?", id.to_string())
        .with_id(id)
        .with_parent(parent)
}

#[given(expr = "the decisions of plan {string}")]
fn the_decisions(world: &mut Decisions, plan: PlanId, step: &Step) {
    let table = step.table.as_ref().expect("the step has a table");
    for row in table.rows.iter().skip(1) {
        let [id, parent, kind] = row.as_slice() else {
            panic!("not id, parent and type: {row:?}");
        };
        let kind = DecisionType::from(Text::from(kind));
        let mut decision = NewDecision::new(&plan, kind, "what next?", id).with_id(id);
        if !parent.is_empty() {
            decision = decision.with_parent(parent);
        }
        world.service.record(decision).expect("the table is a tree");
    }
}

#[given(expr = "the plan {string} was opened")]
fn the_plan_was_opened(world: &mut Decisions, plan: PlanId) {
    world.scope = world.told.opens_plan(&plan);
}

#[given(expr = "{string} was superseded")]
fn was_superseded(world: &mut Decisions, id: DecisionId) {
    world.service.supersede(&id, None).expect("it stands and is not the root");
}

#[given(expr = "{string} was corrected by {word}: {string}")]
fn was_corrected(world: &mut Decisions, id: DecisionId, mode: CorrectionMode, guidance: String) {
    world.service.correct(&id, mode, guidance).expect("it stands");
}

#[when(expr = "{string} of type {string} is recorded under {string}")]
fn recorded_of_type_under(world: &mut Decisions, id: DecisionId, kind: String, parent: DecisionId) {
    let kind = DecisionType::from(Text::from(kind));
    world.record(NewDecision::new("mend", kind, "?", "!").with_id(id).with_parent(parent));
}

#[when(expr = "{string} is recorded under {string}, instead of {string}, with confidence {float}")]
fn recorded_fully(world: &mut Decisions, id: DecisionId, parent: DecisionId, instead: String, sure: f64) {
    let alternatives: Vec<Brief> = instead.split(", ").map(Brief::from).collect();
    let confidence = Fraction::try_from(sure).expect("between 0 and 1");
    world.record(below(parent, id).with_alternatives(alternatives).with_confidence(confidence));
}

#[when(expr = "{string} is recorded under {string}")]
#[when(expr = "{string} is recorded under {string} inside the plan")]
fn recorded(world: &mut Decisions, id: DecisionId, parent: DecisionId) {
    world.record(below(parent, id));
}

#[when(expr = "{string} of type {string} is recorded in plan {string}")]
fn recorded_of_type(world: &mut Decisions, id: DecisionId, kind: String, plan: PlanId) {
    world.record(NewDecision::new(plan, DecisionType::from(Text::from(kind)), "?", "!").with_id(id));
}

#[when(expr = "{string} is approved by {string}")]
fn approved(world: &mut Decisions, id: DecisionId, by: String) {
    world.told.listen();
    let result = world.service.approve(&id, by);
    world.told.outcome(result);
}

#[when(expr = "{string} is corrected by {word}: {string}")]
#[when(expr = "{string} is corrected by {word} inside the plan: {string}")]
fn corrected(world: &mut Decisions, id: DecisionId, mode: CorrectionMode, guidance: String) {
    world.told.listen();
    let result = world.scope.clone().enter(|| world.service.correct(&id, mode, guidance));
    if let Some(new) = world.told.outcome(result) {
        world.told.call(new.id, "guidance");
    }
}

#[when(expr = "{string} is superseded by {string}")]
fn superseded_by(world: &mut Decisions, id: DecisionId, by: DecisionId) {
    world.told.listen();
    let result = world.service.supersede(&id, Some(&by));
    world.told.outcome(result);
}

#[when(expr = "{string} is superseded")]
fn superseded(world: &mut Decisions, id: DecisionId) {
    world.told.listen();
    let result = world.service.supersede(&id, None);
    world.told.outcome(result);
}

#[then(expr = "{string} stands approved by {string}")]
fn stands_approved(world: &mut Decisions, id: DecisionId, by: String) {
    let decision = world.service.get(&id).expect("there is such a decision");
    assert_eq!(decision.approved_by.as_deref(), Some(by.as_str()));
}

#[then(expr = "the decisions are {string} in the tree")]
fn tree_is(world: &mut Decisions, expected: String) {
    let ids: Vec<_> = world.service.tree(&"mend".into()).iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids.join(", "), expected);
}

#[then(expr = "the path of {string} is {string}")]
fn path_is(world: &mut Decisions, id: DecisionId, expected: String) {
    let path = world.service.path_to_root(&id).expect("there is such a decision");
    let ids: Vec<_> = path.iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids.join(", "), expected);
}
