//! [`PlanWatchdog`]: which plans stand still.

use std::time::Duration;

use super::{Plan, PlanService};
use crate::event::{Text, Timestamp};
use crate::journal::{Signal, SignalProvider};

/// Signals each plan that is not finished and has told nothing of itself for a set time. Made by
/// [`PlanService::watchdog`].
///
/// What counts is the last event of the plan itself, `plan.*`, by its time: a plan whose tools work on and on in one
/// phase is signalled too. Its signal goes with its next event. Plans that could not be restored are not signalled:
/// nobody knows how they stand.
#[derive(Clone, Debug)]
pub struct PlanWatchdog {
    service: PlanService,
    after: Duration,
}

impl PlanWatchdog {
    /// What its signals are called.
    pub const NAME: &'static str = "stalled_plan";
}

impl PlanService {
    /// What signals each plan that is not finished and whose last event is `after` ago or more. Give it to a
    /// consumer of the journal, or ask it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use agentbus::event::Timestamp;
    /// use agentbus::journal::SignalProvider;
    /// use agentbus::service::plan::{NewPlan, PlanService};
    ///
    /// let plans = PlanService::new(None);
    /// let plan = plans.create(NewPlan::new("mend the greeter"))?;
    /// let watchdog = plans.watchdog(Duration::from_secs(60));
    /// assert!(watchdog.signals(plan.changed_at).is_empty());
    ///
    /// let later = plan.changed_at.saturating_add(Duration::from_secs(60));
    /// assert_eq!(watchdog.signals(later)[0].plan_id, Some(plan.id));
    /// # Ok::<(), agentbus::service::plan::PlanError>(())
    /// ```
    pub fn watchdog(&self, after: Duration) -> PlanWatchdog {
        PlanWatchdog { service: self.clone(), after }
    }
}

impl SignalProvider for PlanWatchdog {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signals(&self, now: Timestamp) -> Vec<Signal> {
        self.service.plans.read(|plans| plans.stalled(now, self.after).map(signal).collect())
    }
}

fn signal(plan: &Plan) -> Signal {
    let Plan { id, phase, state, changed_at, .. } = plan;
    let summary = format!("plan {id} is {state} in {phase}, without an event since {changed_at}");
    let signal = Signal::new(PlanWatchdog::NAME, Text::from(id), summary, *changed_at).with_plan_id(id);
    match &plan.session_id {
        Some(session) => signal.with_session_id(session),
        None => signal,
    }
}
