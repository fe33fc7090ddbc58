//! [`DecisionService`]: the tree of what was decided in a plan, and why.
//!
//! A plan has one root decision, of type `prompt_definition`; every other has a parent in the same plan. Decisions
//! are numbered within their plan from 0 without gaps. Nothing is ever removed: what does not hold any more is
//! superseded, together with everything that followed from it, and what is superseded stays as it is.
//!
//! A correction always records a new decision, a `user_intervention` that chooses the guidance. By
//! [`CorrectionMode::Revert`] it takes the place of the corrected one, under the same parent, and the corrected one
//! falls with its whole subtree; by [`CorrectionMode::Append`] it becomes a child, and nothing falls. The root can
//! only be appended to.
//!
//! Events carry the plan's id and its root's, and count the service's `revision` of that plan from 1 without gaps.
//! They are told in the current scope; those of one correction are caused by its `decision.created`. Whether there
//! is such a plan is taken on trust.
//!
//! What is known of a decision is what its events tell: [`DecisionService::restore`] builds the service anew from a
//! journal, [`DecisionService::state_at`] as it was at any place in it; see [`restore`](crate::service::restore).
//!
//! What goes wrong: whatever does not fit the tree is a [`DecisionError`]; nothing changes then, and nothing is
//! told. The decisions of a plan that could not be restored refuse everything, as [`DecisionError::Broken`], and are
//! not listed. The service keeps every decision; how many those are is up to the embedder.
//!
//! ```
//! use agentbus::event::{CorrectionMode, DecisionType, PlanId};
//! use agentbus::service::decision::{DecisionService, NewDecision};
//!
//! let decisions = DecisionService::new(None);
//! let plan = PlanId::from("plan-7");
//! let root = decisions.record(NewDecision::root(&plan, "what is wanted?", "a polite greeter"))?;
//! let choice = decisions.record(
//!     NewDecision::under(&root, DecisionType::StrategyChoice, "how?", "ask for a name").with_alternatives(["guess"]),
//! )?;
//! let better = decisions.correct(&choice.id, CorrectionMode::Revert, "read the name from the system")?;
//! assert_eq!(better.parent_id, Some(root.id));
//! assert!(decisions.get(&choice.id).is_some_and(|old| old.superseded.is_some()));
//! # Ok::<(), agentbus::service::decision::DecisionError>(())
//! ```

use std::sync::Arc;

use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::{Brief, CorrectionMode, DecisionId, PlanId, Scope, Text};
use crate::service::restore::Restored;

mod error;
mod input;
mod rebuild;
mod recorder;
mod restore;
mod state;

#[cfg(test)]
mod tests;

pub use error::DecisionError;
pub use input::NewDecision;
use recorder::Recording;
use state::Decisions;
pub use state::{Decision, Superseded};

/// Records what was decided. Cheap to clone; clones share their decisions.
#[derive(Clone, Debug)]
pub struct DecisionService {
    decisions: Arc<Outbox<Decisions>>,
    /// What restoring it came to, if it was restored.
    restored: Option<Arc<Restored>>,
}

impl DecisionService {
    /// A service without decisions.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { decisions: Arc::new(Outbox::new(Decisions::default(), Emitter::new(bus))), restored: None }
    }

    /// Records a decision.
    ///
    /// # Errors
    /// [`DecisionError::SecondRoot`], [`DecisionError::Rootless`] if the plan's tree would have no or two roots;
    /// [`DecisionError::OtherPlan`], [`DecisionError::Superseded`] or [`DecisionError::Unknown`] because of the
    /// parent; [`DecisionError::Exists`], [`DecisionError::Invalid`].
    pub fn record(&self, decision: NewDecision) -> Result<Decision, DecisionError> {
        let decision = decision.checked()?;
        let now = Scope::current();
        self.decisions.change(|state, events| {
            let plan = decision.plan_id.clone();
            let root_plan = decision.root_plan_id.clone();
            Recording::new(state, events, now, plan, root_plan).record(decision)
        })
    }

    /// Approves a decision, by a person or by policy. It may be approved again; the last approval is kept.
    ///
    /// # Errors
    /// [`DecisionError::Superseded`], [`DecisionError::Unknown`]; [`DecisionError::Invalid`] if nobody approves.
    pub fn approve(&self, decision: &DecisionId, by: impl Into<Text>) -> Result<Decision, DecisionError> {
        let by = by.into();
        input::check("approver", &by)?;
        self.on(decision, |recording| recording.approve(decision, by))
    }

    /// Corrects a decision by recording a new one, which is returned.
    ///
    /// # Errors
    /// [`DecisionError::Root`] if the root was to be reverted; [`DecisionError::Superseded`],
    /// [`DecisionError::Unknown`].
    pub fn correct(
        &self,
        decision: &DecisionId,
        mode: CorrectionMode,
        guidance: impl Into<Brief>,
    ) -> Result<Decision, DecisionError> {
        let guidance = guidance.into();
        self.on(decision, |recording| recording.correct(decision, mode, guidance))
    }

    /// Supersedes a decision and everything that followed from it. `by` is the decision of the same plan that takes
    /// its place, if one does. The decisions that fell are returned, that one first.
    ///
    /// # Errors
    /// [`DecisionError::Root`]; [`DecisionError::Within`] if `by` would fall too; [`DecisionError::OtherPlan`],
    /// [`DecisionError::Superseded`], [`DecisionError::Unknown`] because of either.
    pub fn supersede(
        &self,
        decision: &DecisionId,
        by: Option<&DecisionId>,
    ) -> Result<Vec<DecisionId>, DecisionError> {
        self.on(decision, |recording| recording.supersede(decision, by))
    }

    /// The decision of that id.
    pub fn get(&self, decision: &DecisionId) -> Option<Decision> {
        self.decisions.read(|state| state.get(decision).cloned().ok())
    }

    /// The decision, the one it follows from, and so on; the last is the root.
    ///
    /// # Errors
    /// [`DecisionError::Unknown`].
    pub fn path_to_root(&self, decision: &DecisionId) -> Result<Vec<Decision>, DecisionError> {
        self.decisions.read(|state| {
            state.get(decision)?;
            Ok(state.path_to_root(decision).into_iter().cloned().collect())
        })
    }

    /// The decisions of a plan depth first, each before its children; superseded ones too. None if it has none.
    pub fn tree(&self, plan: &PlanId) -> Vec<Decision> {
        self.decisions.read(|state| {
            state
                .root_of(plan)
                .map_or_else(Vec::new, |root| state.subtree(root).into_iter().cloned().collect())
        })
    }

    /// The decisions of a plan by their sequence; superseded ones too. None if it has none.
    pub fn list(&self, plan: &PlanId) -> Vec<Decision> {
        self.decisions.read(|state| state.list(plan))
    }

    /// Does something to a decision, in the plan of that decision.
    fn on<R>(
        &self,
        decision: &DecisionId,
        act: impl FnOnce(&mut Recording<'_, '_>) -> Result<R, DecisionError>,
    ) -> Result<R, DecisionError> {
        let now = Scope::current();
        self.decisions.change(|state, events| {
            let plan = state.get(decision)?.plan_id.clone();
            act(&mut Recording::new(state, events, now, plan, None))
        })
    }
}
