//! [`PlanService`]: plans, from what is to be done to having done it.
//!
//! A plan walks through the phases `action`, `strategize`, `execute`, `apply`. In a phase it is `queued`, then
//! `processing`, then `complete` or `errored`. What is complete can advance, what is errored be retried. In `apply`
//! complete is called `applied`, and `constrained` means that applying was refused for a reason to be
//! re-strategised. From `execute` and `apply` a plan can go back, at most as often as it may. `applied` and
//! `cancelled` are final. In `action` a plan is only ever queued.
//!
//! | asked | from | to |
//! |---|---|---|
//! | [`advance`](PlanService::advance) | action queued; strategize, execute complete | the next phase, queued |
//! | [`start`](PlanService::start) | queued, but not in action | processing |
//! | [`complete`](PlanService::complete) | strategize, execute processing | complete |
//! | [`apply`](PlanService::apply) | apply processing | applied |
//! | [`fail`](PlanService::fail) | processing | errored |
//! | [`constrain`](PlanService::constrain) | apply processing | constrained |
//! | [`retry`](PlanService::retry) | errored | queued |
//! | [`revert_to`](PlanService::revert_to) | processing, complete, errored, constrained | an earlier phase, queued |
//! | [`cancel`](PlanService::cancel) | all but applied, cancelled | cancelled |
//!
//! Every change of state within a phase is told as `plan.state_changed`, followed by the event of its own, if it has
//! one (`plan.applied`, `plan.errored`, `plan.cancelled`). A change of phase is told as `plan.phase_changed` alone.
//! The events of a plan carry its id, its root's and its session's, and count its `revision` from 1 without gaps.
//! They are told in the current scope; where that has no cause, the cause is the plan's opening event, and so with
//! the correlation. Run what belongs to a plan in [`PlanService::scope`].
//!
//! What is known of a plan is what its events tell: [`PlanService::restore`] builds the service anew from a journal;
//! see [`restore`](crate::service::restore). Plans that stand still are signalled by a [`PlanWatchdog`].
//!
//! What goes wrong: whatever the table does not have is [`PlanError::Refused`]; nothing changes then, and nothing is
//! told. A plan that could not be restored refuses everything, as [`PlanError::Broken`]; cancelling a plan above it
//! passes over it. The service keeps every plan it was given; how many those are is up to the embedder.
//!
//! ```
//! use agentbus::event::{PlanPhase, PlanState};
//! use agentbus::service::plan::{NewPlan, PlanError, PlanService};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), PlanError> {
//! let plans = PlanService::new(None);
//! let plan = plans.create(NewPlan::new("mend the greeter").with_project_names(["greeter"]))?;
//! plans.advance(&plan.id).await?;
//! plans.start(&plan.id)?;
//! let plan = plans.complete(&plan.id)?;
//! assert_eq!((plan.phase, plan.state), (PlanPhase::Strategize, PlanState::Complete));
//! assert!(matches!(plans.start(&plan.id), Err(PlanError::Refused { .. })));
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use crate::bus::EventBus;
use crate::emitter::{Changes, Emitter, Outbox};
use crate::event::{Brief, PlanCreated, PlanErrorKind, PlanId, PlanPhase, Scope};
use crate::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
use crate::service::restore::Restored;

mod error;
mod input;
mod moves;
mod rebuild;
mod restore;
mod state;
mod tree;
mod watchdog;

#[cfg(test)]
mod tests;

pub use error::PlanError;
pub use input::{ApplySummary, DEFAULT_MAX_REVERSIONS, NewPlan, PlanFilter};
pub use moves::PlanMove;
use moves::{Ask, Target, applied, decide, lead};
pub use state::Plan;
use state::{Fact, Identity};
use tree::{Entry, Plans, plan_scope};
pub use watchdog::PlanWatchdog;

/// Leads plans through their phases. Cheap to clone; clones share their plans.
#[derive(Clone, Debug)]
pub struct PlanService {
    plans: Arc<Outbox<Plans>>,
    gate: Option<Arc<dyn Gate>>,
    /// What restoring it came to, if it was restored.
    restored: Option<Arc<Restored>>,
}

impl PlanService {
    /// A service without plans and without a gate.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        let plans = Outbox::new(Plans::default(), Emitter::new(bus));
        Self { plans: Arc::new(plans), gate: None, restored: None }
    }

    /// The same service, that asks `gate` before a plan advances. Clones made before do not ask it.
    #[must_use]
    pub fn with_gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Creates a plan that is the root of its tree, queued in `action`.
    ///
    /// # Errors
    /// [`PlanError::Exists`], [`PlanError::Invalid`].
    pub fn create(&self, plan: NewPlan) -> Result<Plan, PlanError> {
        plan.check()?;
        let now = Scope::current();
        self.plans.change(|plans, events| open(plans, plan, None, now, events))
    }

    /// Creates a plan below `parent`, in the same tree. What the current scope does not say of cause, correlation, user
    /// and trace, it has from the parent: so without any it is caused by the parent's opening event.
    ///
    /// # Errors
    /// [`PlanError::Refused`] if the parent is applied or cancelled; [`PlanError::Unknown`], [`PlanError::Exists`],
    /// [`PlanError::Invalid`].
    pub fn spawn_child(&self, parent: &PlanId, plan: NewPlan) -> Result<Plan, PlanError> {
        plan.check()?;
        let now = Scope::current();
        self.plans.change(|plans, events| {
            let above = plans.entry(parent)?;
            if !above.plan.allows(PlanMove::SpawnChild) {
                return Err(above.plan.refusal(PlanMove::SpawnChild));
            }
            let scope = above.scope(&now);
            let above = Some((parent.clone(), above.plan.root_id.clone()));
            open(plans, plan, above, scope, events)
        })
    }

    /// Leads a plan into its next phase, where it is queued, unless the gate refuses. It waits as long as the gate takes;
    /// a gate answers in bounded time, see [`Gate`].
    ///
    /// # Errors
    /// [`PlanError::Gate`] if the gate refused; [`PlanError::Changed`] if the plan changed while it was asked;
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    ///
    /// # Cancel safety
    /// Cancel safe: until the gate has answered nothing is done, and then everything at once.
    pub async fn advance(&self, plan: &PlanId) -> Result<Plan, PlanError> {
        let Some(gate) = &self.gate else {
            return self.ask(plan, Ask::Advance);
        };
        let now = Scope::current();
        let (question, scope, expected) = self.plans.read(|plans| {
            let entry = plans.entry(plan)?;
            Ok((question(&entry.plan)?, entry.scope(&now), entry.plan.revision))
        })?;
        let GateOperation::EnterPhase { to, .. } = question.operation;
        if let GateAnswer::Refused { reasons } = scope.run(gate.ask(&question)).await {
            return Err(PlanError::Gate { plan: plan.clone(), to, reasons });
        }
        self.plans.change(|plans, events| {
            let actual = plans.entry(plan)?.plan.revision;
            if actual != expected {
                return Err(PlanError::Changed { plan: plan.clone(), expected, actual });
            }
            plans.change(plan, Ask::Advance, &now, events)
        })
    }

    /// Starts work on a queued plan.
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn start(&self, plan: &PlanId) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Start)
    }

    /// Ends the phase, strategize or execute; apply is ended by [`PlanService::apply`].
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn complete(&self, plan: &PlanId) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Complete)
    }

    /// Ends the phase apply, and with it the plan. Of a plan that was restored, and had been applied by a process that was
    /// killed before all of that was told, it tells the rest.
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn apply(&self, plan: &PlanId, summary: ApplySummary) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Apply(summary))
    }

    /// Says that the phase failed.
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn fail(
        &self,
        plan: &PlanId,
        error: impl Into<Brief>,
        kind: PlanErrorKind,
    ) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Fail { error: error.into(), kind })
    }

    /// Says that applying was refused for a reason to be re-strategised.
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn constrain(&self, plan: &PlanId, reason: impl Into<Brief>) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Constrain { reason: reason.into() })
    }

    /// Queues a failed phase again.
    ///
    /// # Errors
    /// [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn retry(&self, plan: &PlanId) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::Retry)
    }

    /// Leads a plan back to an earlier phase, where it is queued: from execute to strategize, from apply to either.
    ///
    /// # Errors
    /// [`PlanError::TooManyReversions`]; [`PlanError::Refused`], [`PlanError::Unknown`].
    pub fn revert_to(
        &self,
        plan: &PlanId,
        phase: PlanPhase,
        reason: impl Into<Brief>,
    ) -> Result<Plan, PlanError> {
        self.ask(plan, Ask::RevertTo { phase, reason: reason.into() })
    }

    /// Gives a plan up, and before it all plans below it that are not finished, for the same reason. All of that is
    /// one change: nobody can spawn a child in between.
    ///
    /// # Errors
    /// [`PlanError::Refused`] if it is applied or cancelled; [`PlanError::Unknown`].
    pub fn cancel(&self, plan: &PlanId, reason: impl Into<Brief>) -> Result<Plan, PlanError> {
        let (now, reason) = (Scope::current(), reason.into());
        self.plans.change(|plans, events| plans.cancel(plan, &reason, &now, events))
    }

    /// The plan of that id; none also if it could not be restored.
    pub fn get(&self, plan: &PlanId) -> Option<Plan> {
        self.plans.read(|plans| plans.entry(plan).map(|entry| entry.plan.clone()).ok())
    }

    /// The scope for what happens inside a plan: its ids and correlation, and its opening event as the cause.
    pub fn scope(&self, plan: &PlanId) -> Option<Scope> {
        self.plans.read(|plans| plans.entry(plan).map(|entry| entry.inside.clone()).ok())
    }

    /// The plans that pass `filter`, in the order of their creation.
    pub fn list(&self, filter: &PlanFilter) -> Vec<Plan> {
        self.plans.read(|plans| plans.list(filter))
    }

    /// A plan and all below it, depth first: each before its children, children in the order of their creation.
    ///
    /// # Errors
    /// [`PlanError::Unknown`].
    pub fn tree(&self, root: &PlanId) -> Result<Vec<Plan>, PlanError> {
        self.plans.read(|plans| plans.tree(root))
    }

    fn ask(&self, plan: &PlanId, ask: Ask) -> Result<Plan, PlanError> {
        let now = Scope::current();
        self.plans.change(|plans, events| plans.change(plan, ask, &now, events))
    }
}

/// Creates a plan in `scope`, below `above`: its parent and their root.
fn open(
    plans: &mut Plans,
    new: NewPlan,
    above: Option<(PlanId, PlanId)>,
    scope: Scope,
    events: &mut Changes<'_>,
) -> Result<Plan, PlanError> {
    let id = new.id.unwrap_or_else(PlanId::generate);
    plans.check_free(&id)?;
    let (parent_id, root_id) = above.map_or((None, id.clone()), |(parent, root)| (Some(parent), root));
    let mut created = PlanCreated::new(1, new.name, PlanPhase::Action, new.project_names, new.max_reversions);
    created.parent_plan_id = parent_id;
    created.actor = new.actor;
    let session_id = new.session_id.or_else(|| scope.session_id().cloned());
    let identity = Identity { id, root_id, session_id };
    let scope = plan_scope(scope, &identity, created.actor.as_ref(), &created.project_names);
    let (inside, at) = events.open_timed(&scope, || created.clone());
    let plan = Plan::created(identity, &created, at);
    plans.insert(Entry { plan: plan.clone(), inside, is_untold: false });
    Ok(plan)
}

/// What the gate is asked before a plan advances.
fn question(plan: &Plan) -> Result<GateQuestion, PlanError> {
    let Target::Phase(to) = lead(plan, PlanMove::Advance)? else {
        return Err(plan.refusal(PlanMove::Advance));
    };
    let operation = GateOperation::EnterPhase { from: plan.phase, to };
    let mut question = GateQuestion::new(operation, plan.id.clone())
        .with_root_plan_id(plan.root_id.clone())
        .with_project_names(plan.project_names.clone());
    question.actor.clone_from(&plan.actor);
    Ok(question)
}
