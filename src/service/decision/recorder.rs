//! [`Recording`]: one operation on the decisions of one plan, checked first, then done and told.

use super::state::{Decision, Decisions, Fact};
use super::{DecisionError, NewDecision};
use crate::emitter::Changes;
use crate::event::{
    Brief, CorrectionMode, CorrelationId, DecisionApproved, DecisionCorrected, DecisionCreated, DecisionId,
    DecisionSuperseded, DecisionType, PlanId, Scope, Text,
};

/// An operation under way. Everything is checked before the first fact: from then on nothing can fail.
pub(super) struct Recording<'a, 'e> {
    state: &'a mut Decisions,
    events: &'a mut Changes<'e>,
    /// In which its events are told.
    scope: Scope,
    plan: PlanId,
    root_plan: PlanId,
}

impl<'a, 'e> Recording<'a, 'e> {
    pub(super) fn new(
        state: &'a mut Decisions,
        events: &'a mut Changes<'e>,
        now: Scope,
        plan: PlanId,
        root_plan: Option<PlanId>,
    ) -> Self {
        let known = state.tree_of(&plan).map(|tree| tree.root_plan_id.clone());
        let current = || now.root_plan_id().filter(|_| now.plan_id() == Some(&plan)).cloned();
        let root_plan = known.or(root_plan).or_else(current).unwrap_or_else(|| plan.clone());
        let mut scope = now.with_plan_id(&plan).with_root_plan_id(&root_plan);
        if scope.correlation_id().is_none() {
            // The events of one operation have one correlation, also outside of any scope.
            scope = scope.with_correlation_id(CorrelationId::generate());
        }
        Self { state, events, scope, plan, root_plan }
    }

    pub(super) fn record(&mut self, new: NewDecision) -> Result<Decision, DecisionError> {
        self.state.check_whole(&self.plan)?;
        if let Some(id) = new.id.as_ref().filter(|id| self.state.contains(id)) {
            return Err(DecisionError::Exists { decision: id.clone() });
        }
        self.check_place(&new)?;
        let id = self.create(new);
        self.state.get(&id).cloned()
    }

    pub(super) fn approve(&mut self, id: &DecisionId, by: Text) -> Result<Decision, DecisionError> {
        self.standing(id, "approve")?;
        self.tell(&Fact::Approved(DecisionApproved::new(self.next_revision(), id.clone(), by)));
        self.state.get(id).cloned()
    }

    pub(super) fn correct(
        &mut self,
        id: &DecisionId,
        mode: CorrectionMode,
        guidance: Brief,
    ) -> Result<Decision, DecisionError> {
        let corrected = self.standing(id, "correct")?.clone();
        let parent = match (mode, corrected.parent_id) {
            (CorrectionMode::Append, _) => id.clone(),
            (CorrectionMode::Revert, Some(parent)) => parent,
            (CorrectionMode::Revert, None) => {
                return Err(DecisionError::Root { decision: id.clone(), asked: "revert" });
            }
        };
        let kind = DecisionType::UserIntervention;
        let new =
            NewDecision::new(&self.plan, kind, corrected.question, guidance.clone()).with_parent(parent);
        let new = self.create(new);
        let fallen = match mode {
            CorrectionMode::Revert => self.fell(id, Some(&new)).len() as u64,
            CorrectionMode::Append => 0,
        };
        self.tell(&Fact::Corrected(DecisionCorrected::new(
            self.next_revision(),
            id.clone(),
            new.clone(),
            mode,
            guidance,
            fallen,
        )));
        self.state.get(&new).cloned()
    }

    pub(super) fn supersede(
        &mut self,
        id: &DecisionId,
        by: Option<&DecisionId>,
    ) -> Result<Vec<DecisionId>, DecisionError> {
        let is_root = self.standing(id, "supersede")?.parent_id.is_none();
        if is_root {
            return Err(DecisionError::Root { decision: id.clone(), asked: "supersede" });
        }
        if let Some(by) = by {
            self.related(by)?;
            self.standing(by, "supersede another by")?;
            if self.state.path_to_root(by).iter().any(|decision| decision.id == *id) {
                return Err(DecisionError::Within { decision: id.clone(), by: by.clone() });
            }
        }
        Ok(self.fell(id, by))
    }

    /// Refuses a decision that the tree has no place for.
    fn check_place(&self, new: &NewDecision) -> Result<(), DecisionError> {
        let is_root = new.decision_type == DecisionType::PromptDefinition;
        let Some(parent) = &new.parent_id else {
            return match self.state.root_of(&self.plan) {
                Some(root) if is_root => {
                    Err(DecisionError::SecondRoot { plan: self.plan.clone(), root: root.clone() })
                }
                None if is_root => Ok(()),
                _ => Err(DecisionError::Rootless {
                    plan: self.plan.clone(),
                    decision_type: new.decision_type.clone(),
                }),
            };
        };
        self.related(parent)?;
        self.standing(parent, "record a decision under")?;
        match self.state.root_of(&self.plan) {
            Some(root) if is_root => {
                Err(DecisionError::SecondRoot { plan: self.plan.clone(), root: root.clone() })
            }
            _ => Ok(()),
        }
    }

    /// A decision that is not superseded.
    fn standing(&self, id: &DecisionId, asked: &'static str) -> Result<&Decision, DecisionError> {
        let decision = self.state.get(id)?;
        if decision.superseded.is_some() {
            return Err(DecisionError::Superseded { decision: id.clone(), asked });
        }
        Ok(decision)
    }

    fn related(&self, other: &DecisionId) -> Result<(), DecisionError> {
        let actual = &self.state.get(other)?.plan_id;
        if *actual != self.plan {
            let (plan, actual) = (self.plan.clone(), actual.clone());
            return Err(DecisionError::OtherPlan { plan, other: other.clone(), actual });
        }
        Ok(())
    }

    fn create(&mut self, new: NewDecision) -> DecisionId {
        let id = new.id.unwrap_or_else(DecisionId::generate);
        let mut created = DecisionCreated::new(
            self.next_revision(),
            id.clone(),
            new.decision_type,
            self.state.count(&self.plan),
            new.question,
            new.choice,
            new.alternatives,
        );
        created.parent_id = new.parent_id;
        created.confidence = new.confidence;
        self.tell(&Fact::Created(created));
        id
    }

    /// Supersedes a decision and what stands below it.
    fn fell(&mut self, id: &DecisionId, by: Option<&DecisionId>) -> Vec<DecisionId> {
        let below = self.state.subtree(id).into_iter().filter(|decision| decision.superseded.is_none());
        let fallen: Vec<_> = below.map(|decision| decision.id.clone()).collect();
        for decision in &fallen {
            let mut superseded =
                DecisionSuperseded::new(self.next_revision(), decision.clone(), decision != id);
            superseded.superseded_by = by.cloned();
            self.tell(&Fact::Superseded(superseded));
        }
        fallen
    }

    fn next_revision(&self) -> u64 {
        self.state.next_revision(&self.plan)
    }

    /// Tells a fact, and changes as it tells. What follows a new decision is caused by it.
    fn tell(&mut self, fact: &Fact) {
        let Self { state, events, scope, plan, root_plan } = self;
        let at = match fact {
            Fact::Created(created) => {
                let (inside, at) = events.open_timed(scope, || created.clone());
                *scope = inside;
                at
            }
            Fact::Approved(approved) => events.emit_timed(scope, || approved.clone()),
            Fact::Corrected(corrected) => events.emit_timed(scope, || corrected.clone()),
            Fact::Superseded(superseded) => events.emit_timed(scope, || superseded.clone()),
        };
        state.apply(plan, root_plan, fact, at);
    }
}
