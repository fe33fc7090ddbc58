//! Decisions from their events: each checked against the tree of its plan.

use super::state::{Decision, Decisions, Fact};
use crate::event::{Category, DecisionCreated, DecisionId, DecisionType, DomainEvent, Payload, PlanId};
use crate::journal::Recorded;
use crate::service::restore::{BrokenPlan, Conflict, Rebuild};

impl Rebuild for Decisions {
    type State = Self;

    const CATEGORY: Category = Category::Decision;

    fn revision(event: &DomainEvent) -> Option<u64> {
        Some(match event.payload() {
            Payload::DecisionCreated(told) => told.revision,
            Payload::DecisionApproved(told) => told.revision,
            Payload::DecisionCorrected(told) => told.revision,
            Payload::DecisionSuperseded(told) => told.revision,
            _ => return None,
        })
    }

    fn take(&mut self, plan: &PlanId, told: &Recorded) -> Result<(), Conflict> {
        let event = &*told.event;
        let root = event.root_plan_id().ok_or(Conflict::Root)?;
        let fact = Fact::told(event.payload()).ok_or(Conflict::Opening)?;
        self.check_fact(plan, root, &fact)?;
        self.apply(plan, root, &fact, event.timestamp());
        Ok(())
    }

    fn pass(&mut self, plan: &PlanId, told: &Recorded) {
        if let Some(created) = told.event.details::<DecisionCreated>() {
            self.lose(created.decision_id.clone(), plan);
        }
    }

    fn complete(mut self, broken: &mut Vec<BrokenPlan>) -> Self {
        for plan in broken {
            self.break_plan(&plan.plan_id, plan.fault.clone());
        }
        self
    }
}

impl Decisions {
    /// Whether a fact that was told can have happened in `plan`.
    ///
    /// What a crash cut in the middle must pass: a cascade that did not come to its end leaves decisions standing
    /// below one that is superseded, and they may go on.
    fn check_fact(&self, plan: &PlanId, root: &PlanId, fact: &Fact) -> Result<(), Conflict> {
        match self.tree_of(plan) {
            Some(tree) if tree.root_plan_id != *root => return Err(Conflict::Root),
            None if !matches!(fact, Fact::Created(_)) => return Err(Conflict::Opening),
            _ => {}
        }
        match fact {
            Fact::Created(created) => self.check_created(plan, created),
            Fact::Approved(approved) => self.standing(plan, &approved.decision_id).map(drop),
            Fact::Corrected(corrected) => {
                self.in_plan(plan, &corrected.decision_id)?;
                self.in_plan(plan, &corrected.corrected_by_id).map(drop)
            }
            Fact::Superseded(superseded) => {
                if self.standing(plan, &superseded.decision_id)?.parent_id.is_none() {
                    return Err(Conflict::Move);
                }
                superseded.superseded_by.iter().try_for_each(|by| self.in_plan(plan, by).map(drop))
            }
        }
    }

    fn check_created(&self, plan: &PlanId, created: &DecisionCreated) -> Result<(), Conflict> {
        let count = self.count(plan);
        if self.get(&created.decision_id).is_ok() {
            return Err(Conflict::Exists);
        }
        if created.sequence != count {
            return Err(Conflict::Sequence);
        }
        let is_root = created.decision_type == DecisionType::PromptDefinition;
        if is_root != (count == 0) || is_root != created.parent_id.is_none() {
            return Err(Conflict::Opening);
        }
        match &created.parent_id {
            Some(parent) if self.in_plan(plan, parent).is_err() => Err(Conflict::Parent),
            _ => Ok(()),
        }
    }

    fn in_plan(&self, plan: &PlanId, id: &DecisionId) -> Result<&Decision, Conflict> {
        self.get(id).ok().filter(|decision| decision.plan_id == *plan).ok_or(Conflict::Unknown)
    }

    fn standing(&self, plan: &PlanId, id: &DecisionId) -> Result<&Decision, Conflict> {
        let decision = self.in_plan(plan, id)?;
        if decision.superseded.is_some() { Err(Conflict::Superseded) } else { Ok(decision) }
    }
}
