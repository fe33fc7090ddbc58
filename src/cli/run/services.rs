//! [`Services`]: what an agent works with: new, or as a run left it that was killed.

use std::path::Path;
use std::sync::Arc;

use agentbus::bus::EventBus;
use agentbus::service::budget::BudgetService;
use agentbus::service::decision::DecisionService;
use agentbus::service::plan::PlanService;
use agentbus::service::sandbox::{Recovered, SandboxService};
use agentbus::service::session::SessionService;

use super::folder::RestoreError;
use super::keeping::Keeping;
use super::kept::{Come, Kept};
use super::metering::Meter;
use super::resuming::Known;
use crate::cli::report::{complain, say, with_causes};
use crate::cli::task::Task;

/// The services that keep something, and what they keep it for.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) sessions: SessionService,
    pub(super) plans: PlanService,
    pub(super) decisions: DecisionService,
    pub(super) budgets: BudgetService,
    pub(super) meter: Meter,
    pub(super) sandboxes: SandboxService,
    /// Where the run saves how far it has come, if it does.
    pub(super) keeping: Option<Keeping>,
    /// What the run is that is gone on with, if one is.
    pub(super) earlier: Option<Earlier>,
}

/// A run that is gone on with.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) kept: Kept,
    pub(super) come: Come,
}

impl Services {
    /// New ones, whose sandboxes are in `workshop`.
    pub(super) fn new(
        task: &Task,
        workshop: &Path,
        keeping: Option<Keeping>,
        bus: Option<&Arc<dyn EventBus>>,
    ) -> Self {
        let bus = || bus.cloned();
        Self {
            sessions: SessionService::new(bus()),
            plans: PlanService::new(bus()),
            decisions: DecisionService::new(bus()),
            budgets: BudgetService::with_threshold(task.budget.warn_at, bus()),
            meter: Meter::default(),
            sandboxes: SandboxService::new(workshop, bus()),
            keeping,
            earlier: None,
        }
    }

    /// Those of a run that was killed: what its journal tells, what it kept, and its sandboxes; of these each commit that
    /// was killed in the middle is finished or undone.
    pub(super) async fn restored(
        known: Known,
        keeping: Keeping,
        bus: Option<&Arc<dyn EventBus>>,
    ) -> Result<Self, RestoreError> {
        let bus = || bus.cloned();
        let (sandboxes, recovered) = keeping.restore_sandboxes(bus()).await?;
        tell(&recovered);
        let Known { kept, sessions, spent, told } = known;
        Ok(Self {
            sessions: SessionService::from_snapshot(sessions, bus()),
            plans: PlanService::from_entries(told.clone(), bus()),
            decisions: DecisionService::from_entries(told, bus()),
            budgets: BudgetService::from_snapshot(spent.budgets, bus()),
            meter: Meter::from(spent.tokens),
            sandboxes,
            keeping: Some(keeping),
            earlier: Some(Earlier { come: kept.come(), kept }),
        })
    }
}

/// Says which commits are finished or undone, and what of the sandboxes could not be seen to.
pub(super) fn tell(recovered: &Recovered) {
    for (commits, how) in [(&recovered.finished, "finished"), (&recovered.undone, "undone")] {
        for _commit in commits {
            say(&format!("the commit that the run was killed in is {how}"));
        }
    }
    for (folder, error) in &recovered.unreadable {
        complain(&format!("the sandbox in {} cannot be opened: {}", folder.display(), with_causes(error)));
    }
    for error in &recovered.kept {
        complain(&with_causes(error));
    }
}
