//! Going on with a run that was killed: what was interrupted is told as failed and begun again, what was decided stands.

use std::sync::Arc;

use agentbus::event::{PlanErrorKind, PlanId, PlanPhase, PlanState};
use agentbus::service::actor::Message;
use agentbus::service::plan::{Plan, PlanError};

use super::agent::Agent;
use super::ending::Ending;
use super::progress::Work;
use super::stages::Applied;

/// Why a plan, or what it spawned, did not come to its end.
const KILLED: &str = "the process that led it was killed";

/// Why a plan works anew that found the project changed.
const CHANGED: &str = "the project changed meanwhile, and is worked on as it is now";

/// What the actor is told.
const INTERRUPTED: &str = "You were interrupted: the process in which you worked was killed. What was under way then is undone; go on from here.";

impl Agent {
    /// Goes on with the plan of a run that was killed, or failed, where it stands.
    pub(super) async fn go_on(self: &Arc<Self>, plan: &PlanId) -> Result<Applied, Ending> {
        let tree = self.plans.tree(plan)?;
        let stands = self.stands(plan)?;
        if stands.state == PlanState::Cancelled {
            return Err(Ending::GivenUp { plan: plan.clone() });
        }
        let is_over = stands.state == PlanState::Applied;
        if is_over {
            match self.plans.apply(plan, self.summary(None)) {
                // It was told, as mostly.
                Err(PlanError::Refused { .. }) => {}
                told => drop(told?),
            }
            self.recorded().await;
        }
        // The work is of an earlier round, which was given up, or nobody needs it any more.
        let is_void = self.work(|work| work.round < stands.reversion_count);
        if is_over || is_void || stands.state == PlanState::Constrained {
            self.work(|work| *work = Work::default());
        }
        self.clear_away().await;
        if is_over {
            return Ok(Applied { plan: plan.clone(), diff: None });
        }
        for below in tree.iter().filter(|below| below.id != *plan && !below.is_final()) {
            self.plans.cancel(&below.id, KILLED)?;
        }
        self.begin_again(&stands)?;
        self.say(Message::User(INTERRUPTED.to_owned())).await?;
        self.lead(plan).await
    }

    /// Queues what was interrupted in its phase.
    fn begin_again(&self, plan: &Plan) -> Result<(), PlanError> {
        let id = &plan.id;
        match plan.state {
            PlanState::Processing => {
                self.plans.fail(id, KILLED, PlanErrorKind::Transient)?;
                self.plans.retry(id)?;
            }
            PlanState::Errored => drop(self.plans.retry(id)?),
            PlanState::Constrained => drop(self.plans.revert_to(id, PlanPhase::Execute, CHANGED)?),
            _ => {}
        }
        Ok(())
    }

    /// The plan as it stands.
    pub(super) fn stands(&self, plan: &PlanId) -> Result<Plan, PlanError> {
        self.plans.get(plan).ok_or_else(|| PlanError::Unknown { plan: plan.clone() })
    }

    /// Whether a run that ended so, before its plan heard of it, can be gone on with.
    pub(super) fn may_be_gone_on_with(&self, plan: &PlanId, ended: &Result<Applied, Ending>) -> bool {
        let Err(ending) = ended else { return false };
        let can_fail = || self.stands(plan).is_ok_and(|plan| plan.state == PlanState::Processing);
        self.keeping.is_some()
            && !matches!(ending, Ending::Cancelled | Ending::Withdrawn { .. })
            && (matches!(ending, Ending::Unsaved(_)) || can_fail())
    }
}
