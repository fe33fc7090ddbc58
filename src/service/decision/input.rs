//! [`NewDecision`]: what callers hand in.

use super::{Decision, DecisionError};
use crate::event::text::check_name;
use crate::event::{Brief, DecisionId, DecisionType, Few, Fraction, PlanId};

/// A decision to be recorded. Texts that are too long are cut, as in events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    pub(super) id: Option<DecisionId>,
    pub(super) plan_id: PlanId,
    pub(super) root_plan_id: Option<PlanId>,
    pub(super) decision_type: DecisionType,
    pub(super) parent_id: Option<DecisionId>,
    pub(super) question: Brief,
    pub(super) choice: Brief,
    pub(super) alternatives: Few<Brief>,
    pub(super) confidence: Option<Fraction>,
}

impl NewDecision {
    /// A decision in `plan`, without a parent until one is named.
    pub fn new(
        plan: impl Into<PlanId>,
        decision_type: DecisionType,
        question: impl Into<Brief>,
        choice: impl Into<Brief>,
    ) -> Self {
        Self {
            id: None,
            plan_id: plan.into(),
            root_plan_id: None,
            decision_type,
            parent_id: None,
            question: question.into(),
            choice: choice.into(),
            alternatives: Few::default(),
            confidence: None,
        }
    }

    /// The root decision of `plan`: what the plan is for.
    pub fn root(plan: impl Into<PlanId>, question: impl Into<Brief>, choice: impl Into<Brief>) -> Self {
        Self::new(plan, DecisionType::PromptDefinition, question, choice)
    }

    /// A decision that follows from `parent`, in the same plan.
    pub fn under(
        parent: &Decision,
        decision_type: DecisionType,
        question: impl Into<Brief>,
        choice: impl Into<Brief>,
    ) -> Self {
        Self::new(&parent.plan_id, decision_type, question, choice).with_parent(&parent.id)
    }

    /// The same decision under that id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<DecisionId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same decision, in a plan of the tree of that root plan. It counts with the plan's first decision;
    /// otherwise it is the one of the current scope, if that is in the same plan, or the plan itself.
    #[must_use]
    pub fn with_root_plan_id(mut self, root_plan_id: impl Into<PlanId>) -> Self {
        self.root_plan_id = Some(root_plan_id.into());
        self
    }

    /// The same decision, following from that one.
    #[must_use]
    pub fn with_parent(mut self, parent: impl Into<DecisionId>) -> Self {
        self.parent_id = Some(parent.into());
        self
    }

    /// The same decision, with what was not chosen.
    #[must_use]
    pub fn with_alternatives(mut self, alternatives: impl Into<Few<Brief>>) -> Self {
        self.alternatives = alternatives.into();
        self
    }

    /// The same decision, taken so surely.
    #[must_use]
    pub fn with_confidence(mut self, confidence: Fraction) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Refuses names that could not be read back from an event, and calls a type by its own name.
    pub(super) fn checked(mut self) -> Result<Self, DecisionError> {
        check("plan id", &self.plan_id.to_string())?;
        if let Some(id) = &self.id {
            check("decision id", &id.to_string())?;
        }
        if let Some(root) = &self.root_plan_id {
            check("root plan id", &root.to_string())?;
        }
        if let DecisionType::Other(word) = self.decision_type {
            check("decision type", &word)?;
            self.decision_type = DecisionType::from(word);
        }
        Ok(self)
    }
}

pub(super) fn check(what: &'static str, name: &str) -> Result<(), DecisionError> {
    check_name(name).map_err(|source| DecisionError::Invalid { what, source })
}
