//! Where a plan works: its sandbox, new, or as a run left it that was killed.

use agentbus::event::{PlanId, PlanPhase, PlanState, SandboxStrategy};
use agentbus::service::sandbox::{Sandbox, SandboxError, SandboxState};

use super::agent::Agent;
use super::ending::Ending;
use super::progress::Work;
use super::stages::done_or_told;

impl Agent {
    /// The sandbox that the plan works in: that of a run that was killed, as it was before what it was in the middle of;
    /// or a new one.
    pub(super) async fn workplace(&self, plan: &PlanId) -> Result<Sandbox, Ending> {
        let stands = self.stands(plan)?;
        let work = self.work(|work| work.clone());
        let is_done = work.passed.is_some();
        let is_under_way =
            stands.phase == PlanPhase::Execute && stands.state != PlanState::Complete && !is_done;
        let found = work.sandbox.as_ref().map(|id| self.sandboxes.get(id));
        match found {
            Some(Ok(sandbox)) => {
                if let Some(beginning) = work.beginning().filter(|_| is_under_way) {
                    self.sandboxes.restore(sandbox.id(), beginning).await?;
                }
                Ok(sandbox)
            }
            // What it held cannot be had again by beginning anew.
            Some(Err(error)) if !is_under_way || work.round > 0 => Err(Ending::WorkLost(error)),
            _ => {
                let sandbox = self.sandbox_for(plan).await?;
                let id = Some(sandbox.id().clone());
                let round = stands.reversion_count;
                self.work(|work| *work = Work { sandbox: id, round, ..Work::default() });
                Ok(sandbox)
            }
        }
    }

    /// Removes the sandboxes that nobody works in any more: those of scouts, those that were left for another.
    pub(super) async fn clear_away(&self) {
        let kept = self.work(|work| work.sandbox.clone());
        for sandbox in self.sandboxes.list() {
            if kept.as_ref() != Some(sandbox.id()) {
                let disposed = self.dispose_of(&sandbox, "its process was killed").await;
                done_or_told("remove a sandbox that was left", disposed);
            }
        }
    }

    /// Makes a sandbox of the destination. Cancelled, it returns when nothing of it is left: what it stands in is about
    /// to be removed.
    pub(super) async fn sandbox_for(&self, plan: &PlanId) -> Result<Sandbox, Ending> {
        let making = self.sandboxes.create(plan, self.destination.as_path(), SandboxStrategy::Copy);
        match self.or_cancelled(making).await {
            Ok(made) => Ok(made?),
            Err(cancelled) => {
                self.sandboxes.settled().await;
                Err(cancelled)
            }
        }
    }

    /// Undoes what was not committed, and closes the sandbox.
    pub(super) async fn dispose_of(&self, sandbox: &Sandbox, reason: &str) -> Result<(), SandboxError> {
        if sandbox.state() == SandboxState::Active {
            self.sandboxes.rollback(sandbox.id(), reason).await?;
        }
        self.sandboxes.close(sandbox.id()).await
    }
}
