//! [`Decision`] and the trees of them: what is known is exactly what their events tell.

use std::collections::HashMap;

use serde::Serialize;

use super::DecisionError;
use crate::event::{
    Brief, DecisionApproved, DecisionCorrected, DecisionCreated, DecisionId, DecisionSuperseded,
    DecisionType, Few, Fraction, Payload, PlanId, Text, Timestamp,
};
use crate::service::restore::RestoreFault;

/// A decision as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The plan in which it was taken.
    pub plan_id: PlanId,
    /// Its number within the plan, from 0 without gaps.
    pub sequence: u64,
    /// What it is about.
    pub decision_type: DecisionType,
    /// The decision it follows from; none for the root.
    pub parent_id: Option<DecisionId>,
    /// What was asked.
    pub question: Brief,
    /// What was chosen.
    pub choice: Brief,
    /// What was not.
    pub alternatives: Few<Brief>,
    /// How sure the decider was.
    pub confidence: Option<Fraction>,
    /// Who approved it last.
    pub approved_by: Option<Text>,
    /// The decisions that correct it, in their order.
    pub corrected_by: Vec<DecisionId>,
    /// Whether and by what it was superseded.
    pub superseded: Option<Superseded>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// How a decision was superseded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Superseded {
    /// The decision that took its place, if one did.
    pub by: Option<DecisionId>,
    /// Whether it fell with a decision above it.
    pub cascade: bool,
}

/// Something that happened to a decision, as its event tells it.
#[derive(Debug)]
pub(super) enum Fact {
    Created(DecisionCreated),
    Approved(DecisionApproved),
    Corrected(DecisionCorrected),
    Superseded(DecisionSuperseded),
}

impl Fact {
    /// What an event tells of a decision.
    pub(super) fn told(payload: &Payload) -> Option<Self> {
        Some(match payload {
            Payload::DecisionCreated(created) => Self::Created((**created).clone()),
            Payload::DecisionApproved(approved) => Self::Approved(approved.clone()),
            Payload::DecisionCorrected(corrected) => Self::Corrected(corrected.clone()),
            Payload::DecisionSuperseded(superseded) => Self::Superseded(superseded.clone()),
            _ => return None,
        })
    }
}

impl Decision {
    pub(super) fn created(plan_id: PlanId, fact: &DecisionCreated, at: Timestamp) -> Self {
        Self {
            id: fact.decision_id.clone(),
            plan_id,
            sequence: fact.sequence,
            decision_type: fact.decision_type.clone(),
            parent_id: fact.parent_id.clone(),
            question: fact.question.clone(),
            choice: fact.choice.clone(),
            alternatives: fact.alternatives.clone(),
            confidence: fact.confidence,
            approved_by: None,
            corrected_by: Vec::new(),
            superseded: None,
            created_at: at,
            changed_at: at,
        }
    }
}

#[derive(Debug)]
struct Node {
    decision: Decision,
    /// In the order of their sequence.
    children: Vec<DecisionId>,
}

/// The decisions of one plan.
#[derive(Debug)]
pub(super) struct Tree {
    /// The root of the plan's own tree.
    pub(super) root_plan_id: PlanId,
    /// Counts the events about this plan's decisions, from 1 without gaps.
    pub(super) revision: u64,
    /// By sequence; the first is the root.
    order: Vec<DecisionId>,
}

/// All decisions of a service.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    nodes: HashMap<DecisionId, Node>,
    trees: HashMap<PlanId, Tree>,
    /// The plans whose decisions could not be restored.
    broken: HashMap<PlanId, RestoreFault>,
    /// The decisions that are known to have been taken in those.
    lost: HashMap<DecisionId, PlanId>,
}

impl Decisions {
    pub(super) fn contains(&self, id: &DecisionId) -> bool {
        self.nodes.contains_key(id) || self.lost.contains_key(id)
    }

    pub(super) fn get(&self, id: &DecisionId) -> Result<&Decision, DecisionError> {
        if let Some(node) = self.nodes.get(id) {
            return Ok(&node.decision);
        }
        self.lost.get(id).map_or(Ok(()), |plan| self.check_whole(plan))?;
        Err(DecisionError::Unknown { decision: id.clone() })
    }

    /// Refuses a plan whose decisions could not be restored.
    pub(super) fn check_whole(&self, plan: &PlanId) -> Result<(), DecisionError> {
        self.broken
            .get(plan)
            .map_or(Ok(()), |fault| Err(DecisionError::Broken { plan: plan.clone(), source: fault.clone() }))
    }

    /// Hears of a decision of a plan that is broken.
    pub(super) fn lose(&mut self, id: DecisionId, plan: &PlanId) {
        self.lost.insert(id, plan.clone());
    }

    /// Takes back the decisions of a plan, which is broken.
    pub(super) fn break_plan(&mut self, plan: &PlanId, fault: RestoreFault) {
        for id in self.trees.remove(plan).into_iter().flat_map(|tree| tree.order) {
            self.nodes.remove(&id);
            self.lose(id, plan);
        }
        self.broken.insert(plan.clone(), fault);
    }

    pub(super) fn tree_of(&self, plan: &PlanId) -> Option<&Tree> {
        self.trees.get(plan)
    }

    /// The root decision of a plan.
    pub(super) fn root_of(&self, plan: &PlanId) -> Option<&DecisionId> {
        self.trees.get(plan).and_then(|tree| tree.order.first())
    }

    /// How many decisions a plan has: the sequence of the next.
    pub(super) fn count(&self, plan: &PlanId) -> u64 {
        self.trees.get(plan).map_or(0, |tree| tree.order.len() as u64)
    }

    /// The revision that the next event about a plan has.
    pub(super) fn next_revision(&self, plan: &PlanId) -> u64 {
        self.trees.get(plan).map_or(0, |tree| tree.revision) + 1
    }

    /// Changes as the fact, that happened to `plan`, tells. Facts come in the order of their revisions.
    pub(super) fn apply(&mut self, plan: &PlanId, root_plan: &PlanId, fact: &Fact, at: Timestamp) {
        let tree = self.trees.entry(plan.clone()).or_insert_with(|| Tree {
            root_plan_id: root_plan.clone(),
            revision: 0,
            order: Vec::new(),
        });
        match fact {
            Fact::Created(fact) => {
                tree.revision = fact.revision;
                tree.order.push(fact.decision_id.clone());
                if let Some(parent) = fact.parent_id.as_ref().and_then(|parent| self.nodes.get_mut(parent)) {
                    parent.children.push(fact.decision_id.clone());
                }
                let decision = Decision::created(plan.clone(), fact, at);
                self.nodes.insert(fact.decision_id.clone(), Node { decision, children: Vec::new() });
            }
            Fact::Approved(fact) => {
                tree.revision = fact.revision;
                self.update(&fact.decision_id, at, |decision| {
                    decision.approved_by = Some(fact.approved_by.clone());
                });
            }
            Fact::Corrected(fact) => {
                tree.revision = fact.revision;
                self.update(&fact.decision_id, at, |decision| {
                    decision.corrected_by.push(fact.corrected_by_id.clone());
                });
            }
            Fact::Superseded(fact) => {
                tree.revision = fact.revision;
                self.update(&fact.decision_id, at, |decision| {
                    let by = fact.superseded_by.clone();
                    decision.superseded = Some(Superseded { by, cascade: fact.cascade });
                });
            }
        }
    }

    fn update(&mut self, id: &DecisionId, at: Timestamp, change: impl FnOnce(&mut Decision)) {
        if let Some(node) = self.nodes.get_mut(id) {
            change(&mut node.decision);
            node.decision.changed_at = at;
        }
    }

    /// A decision and all below it, each before its children. A loop and no recursion: trees may be deep.
    pub(super) fn subtree(&self, top: &DecisionId) -> Vec<&Decision> {
        let mut waiting = vec![top];
        let mut decisions = Vec::new();
        while let Some(node) = waiting.pop().and_then(|id| self.nodes.get(id)) {
            decisions.push(&node.decision);
            waiting.extend(node.children.iter().rev());
        }
        decisions
    }

    /// A decision, the one it follows from, and so on to the root.
    pub(super) fn path_to_root(&self, from: &DecisionId) -> Vec<&Decision> {
        let follows = |id: &DecisionId| self.nodes.get(id).map(|node| &node.decision);
        std::iter::successors(follows(from), |decision| decision.parent_id.as_ref().and_then(follows))
            .collect()
    }

    /// The decisions of a plan, by sequence.
    pub(super) fn list(&self, plan: &PlanId) -> Vec<Decision> {
        let ids = self.trees.get(plan).into_iter().flat_map(|tree| &tree.order);
        ids.filter_map(|id| self.nodes.get(id)).map(|node| node.decision.clone()).collect()
    }
}
