//! Decisions: trees of two plans, kept a second time as flat lists.

use std::sync::Arc;

use agentbus::event::{
    CorrectionMode, DecisionApproved, DecisionCorrected, DecisionCreated, DecisionId, DecisionSuperseded,
    DecisionType, EventType,
};
use agentbus::service::decision::{Decision, DecisionError, DecisionService, NewDecision};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, Payload};
use proptest::prelude::*;

pub(crate) const PLANS: [&str; 2] = ["p", "q"];

/// Decisions are picked by a number, of all that there are.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Root(usize),
    Orphan(usize),
    /// In a plan, below a decision that may be of the other.
    Under(usize, usize),
    Approve(usize),
    Correct(usize, CorrectionMode),
    Supersede(usize, Option<usize>),
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let plan = 0..PLANS.len();
    let decision = 0..1_000_usize;
    let mode = prop::sample::select(CorrectionMode::ALL);
    prop_oneof![
        2 => plan.clone().prop_map(Op::Root),
        1 => plan.clone().prop_map(Op::Orphan),
        6 => (plan, decision.clone()).prop_map(|(plan, parent)| Op::Under(plan, parent)),
        2 => decision.clone().prop_map(Op::Approve),
        3 => (decision.clone(), mode).prop_map(|(decision, mode)| Op::Correct(decision, mode)),
        2 => (decision.clone(), prop::option::of(decision)).prop_map(|(this, by)| Op::Supersede(this, by)),
    ]
}

#[derive(Debug, Clone)]
struct Model {
    id: DecisionId,
    plan: usize,
    parent: Option<usize>,
    superseded: bool,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct World {
    all: Vec<Model>,
}

impl World {
    fn pick(&self, number: usize) -> Option<usize> {
        (!self.all.is_empty()).then(|| number % self.all.len())
    }

    fn ids_from_root(&self, mut at: usize) -> Vec<usize> {
        let mut path = vec![at];
        while let Some(parent) = self.all[at].parent {
            path.push(parent);
            at = parent;
        }
        path
    }

    /// What falls with a decision, in any order.
    fn falling(&self, at: usize) -> Vec<usize> {
        (0..self.all.len())
            .filter(|other| !self.all[*other].superseded && self.ids_from_root(*other).contains(&at))
            .collect()
    }

    fn has_root(&self, plan: usize) -> bool {
        self.all.iter().any(|decision| decision.plan == plan)
    }

    fn add(&mut self, id: DecisionId, plan: usize, parent: Option<usize>) {
        self.all.push(Model { id, plan, parent, superseded: false });
    }

    /// How many decisions fall, if the rules allow `op`; one that is new comes into the world.
    pub(crate) fn act(&mut self, op: &Op, made: Option<DecisionId>) -> Option<Vec<usize>> {
        let standing = |world: &Self, at: usize| !world.all[at].superseded;
        let fallen = match *op {
            Op::Root(plan) => {
                (!self.has_root(plan)).then(|| self.add(made.expect("a root was recorded"), plan, None))?;
                Vec::new()
            }
            Op::Orphan(_) => return None,
            Op::Under(plan, parent) => {
                let parent = self.pick(parent)?;
                let fits = self.all[parent].plan == plan && standing(self, parent);
                fits.then(|| self.add(made.expect("a child was recorded"), plan, Some(parent)))?;
                Vec::new()
            }
            Op::Approve(at) => {
                let at = self.pick(at)?;
                standing(self, at).then(Vec::new)?
            }
            Op::Correct(at, how) => {
                let at = self.pick(at)?;
                let (plan, parent) = (self.all[at].plan, self.all[at].parent);
                if !standing(self, at) || (how == CorrectionMode::Revert && parent.is_none()) {
                    return None;
                }
                let fallen = if how == CorrectionMode::Revert { self.falling(at) } else { Vec::new() };
                let below = if how == CorrectionMode::Revert { parent } else { Some(at) };
                self.add(made.expect("a correction was recorded"), plan, below);
                fallen
            }
            Op::Supersede(at, by) => {
                let at = self.pick(at)?;
                let fits = by.and_then(|by| self.pick(by)).is_none_or(|by| {
                    standing(self, by)
                        && self.all[by].plan == self.all[at].plan
                        && !self.ids_from_root(by).contains(&at)
                });
                (fits && standing(self, at) && self.all[at].parent.is_some()).then(|| self.falling(at))?
            }
        };
        for at in &fallen {
            self.all[*at].superseded = true;
        }
        Some(fallen)
    }

    /// The decisions of each plan are those of the model.
    #[track_caller]
    pub(crate) fn check(&self, lists: &[Vec<Decision>; PLANS.len()]) {
        for (plan, list) in lists.iter().enumerate() {
            let model: Vec<_> = self.all.iter().filter(|decision| decision.plan == plan).collect();
            assert_eq!(list.len(), model.len());
            for (sequence, (decision, model)) in (0..).zip(list.iter().zip(model)) {
                assert_eq!((&decision.id, decision.sequence), (&model.id, sequence));
                assert_eq!(decision.superseded.is_some(), model.superseded);
                assert_eq!(decision.parent_id, model.parent.map(|at| self.all[at].id.clone()));
            }
        }
    }
}

/// What the service did: nothing, if it refused; else with the decision that it recorded, if it did.
pub(crate) fn act(
    decisions: &DecisionService,
    world: &World,
    op: &Op,
) -> Result<Option<DecisionId>, DecisionError> {
    let at =
        |number: usize| world.pick(number).map_or_else(|| "nobody".into(), |at| world.all[at].id.clone());
    let kind = DecisionType::ToolChoice;
    match *op {
        Op::Root(plan) => {
            decisions.record(NewDecision::root(PLANS[plan], "?", "!")).map(|made| Some(made.id))
        }
        Op::Orphan(plan) => {
            decisions.record(NewDecision::new(PLANS[plan], kind, "?", "!")).map(|made| Some(made.id))
        }
        Op::Under(plan, parent) => {
            let new = NewDecision::new(PLANS[plan], kind, "?", "!").with_parent(at(parent));
            decisions.record(new).map(|made| Some(made.id))
        }
        Op::Approve(this) => decisions.approve(&at(this), "me").map(|_| None),
        Op::Correct(this, mode) => decisions.correct(&at(this), mode, "so").map(|made| Some(made.id)),
        Op::Supersede(this, by) => decisions.supersede(&at(this), by.map(at).as_ref()).map(|_| None),
    }
}

/// The kinds that tell of `op`, of which so many decisions fell.
pub(crate) fn expected(op: &Op, fallen: usize) -> Vec<EventType> {
    let fallen = std::iter::repeat_n(EventType::DecisionSuperseded, fallen);
    match op {
        Op::Root(_) | Op::Orphan(_) | Op::Under(..) => vec![EventType::DecisionCreated],
        Op::Approve(_) => vec![EventType::DecisionApproved],
        Op::Correct(..) => std::iter::once(EventType::DecisionCreated)
            .chain(fallen)
            .chain([EventType::DecisionCorrected])
            .collect(),
        Op::Supersede(..) => fallen.collect(),
    }
}

pub(crate) fn revision(event: &DomainEvent) -> u64 {
    match event.payload() {
        Payload::DecisionCreated(told) => told.revision,
        Payload::DecisionApproved(DecisionApproved { revision, .. })
        | Payload::DecisionCorrected(DecisionCorrected { revision, .. })
        | Payload::DecisionSuperseded(DecisionSuperseded { revision, .. }) => *revision,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_keep_to_their_trees_and_tell_exactly_what_changed(ops in prop::collection::vec(op(), 1..60)) {
        let bus = RecordingEventBus::new();
        let decisions = DecisionService::new(Some(Arc::new(bus.clone())));
        let mut world = World::default();
        let mut revisions = [0_u64; PLANS.len()];
        for op in ops {
            bus.take();
            let before = PLANS.map(|plan| decisions.list(&plan.into()));
            let done = act(&decisions, &world, &op);
            let fallen = world.act(&op, done.clone().ok().flatten());
            prop_assert_eq!(done.is_ok(), fallen.is_some(), "{:?} in {:?}", op, world);
            let after = PLANS.map(|plan| decisions.list(&plan.into()));
            let Some(fallen) = fallen else {
                prop_assert!(bus.events().is_empty(), "{}", bus.transcript());
                prop_assert_eq!(before, after);
                continue;
            };
            prop_assert_eq!(bus.types(), expected(&op, fallen.len()));
            for event in bus.events() {
                let plan = PLANS.iter().position(|plan| event.plan_id().unwrap() == plan).unwrap();
                revisions[plan] += 1;
                prop_assert_eq!(revision(&event), revisions[plan]);
            }
            let told: Vec<_> = bus.all::<DecisionSuperseded>().iter().map(|told| told.cascade).collect();
            prop_assert!(told.iter().enumerate().all(|(place, cascade)| *cascade == (place > 0)));
            for told in bus.all::<DecisionCorrected>() {
                prop_assert_eq!(told.superseded_count, fallen.len() as u64);
                prop_assert_eq!(&told.corrected_by_id, &bus.only::<DecisionCreated>().decision_id);
            }
            world.check(&after);
        }
    }
}
