//! The phases of a plan, one after the other.

use std::sync::Arc;

use agentbus::event::{CorrectionMode, PlanId, PlanPhase, PlanState, SessionId};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::plan::{ApplySummary, NewPlan, PlanError};
use agentbus::service::sandbox::{SandboxDiff, SandboxError, SandboxState};

use super::agent::Agent;
use super::ending::{Ending, error_kind};
use super::fixing::Fixing;
use super::looking;
use super::progress::{Changes, Part};
use crate::cli::report::{complain, with_causes};

/// What was applied.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) plan: PlanId,
    /// What is different now; not known where it was committed by a process that was killed then.
    pub(super) diff: Option<SandboxDiff>,
}

impl Agent {
    /// Opens a session, and runs the task in it to its one end; or goes on with the session of a run that was killed. The
    /// session is closed in any case.
    pub(super) async fn run(self: &Arc<Self>) -> Result<Applied, Ending> {
        let session = match &self.earlier {
            Some((session, _)) => session.clone(),
            None => self.sessions.create(self.task.actor.clone(), Some(&self.task.goal))?.id,
        };
        self.record_in(&session);
        let scope = self.sessions.scope(&session).unwrap_or_default();
        let scope = scope.with_project_name(self.task.project_name.clone());
        let ended = scope.run(self.run_in(&session)).await;
        done_or_told("close the session", self.sessions.close(&session));
        ended
    }

    async fn run_in(self: &Arc<Self>, session: &SessionId) -> Result<Applied, Ending> {
        let plan = match &self.earlier {
            Some((_, plan)) => plan.clone(),
            None => self.open_plan(session).await?,
        };
        self.work_on(&plan);
        let scope = self.plans.scope(&plan).unwrap_or_default();
        scope
            .run(async {
                let ended = match &self.earlier {
                    Some(_) => self.go_on(&plan).await,
                    None => self.lead(&plan).await,
                };
                self.settle(&plan, &ended);
                ended
            })
            .await
    }

    async fn open_plan(&self, session: &SessionId) -> Result<PlanId, Ending> {
        self.open_conversation().await?;
        let project = &self.task.project_name;
        let plan = self.plans.create(
            NewPlan::new(self.task.goal.as_str())
                .with_session_id(session)
                .with_project_names([project.clone()])
                .with_actor(self.task.actor.clone()),
        )?;
        self.sessions.link_plan(session, &plan.id)?;
        self.budgets.set_limit(&plan.id.clone().into(), self.task.budget.plan)?;
        Ok(plan.id)
    }

    /// Leads the plan through its phases, from where it stands; if that fails, the plan says so.
    pub(super) async fn lead(self: &Arc<Self>, plan: &PlanId) -> Result<Applied, Ending> {
        let ended = match self.strategize(plan).await {
            Ok(strategy) => self.in_sandbox(&strategy).await,
            Err(ending) => Err(ending),
        };
        if let Err(ending) = &ended {
            let told = match ending {
                Ending::Cancelled | Ending::Withdrawn { .. } => self.plans.cancel(plan, ending.to_string()),
                Ending::Sandbox(SandboxError::Conflicts { .. }) => {
                    self.plans.constrain(plan, with_causes(ending))
                }
                _ => self.plans.fail(plan, with_causes(ending), error_kind(ending.is_transient())),
            };
            let told = match told {
                // Between two phases there is nothing to fail. Where the gate refused the next one, the plan is given up;
                // what could only not be saved can be gone on with.
                Err(PlanError::Refused { .. }) if !matches!(ending, Ending::Unsaved(_)) => {
                    self.plans.cancel(plan, with_causes(ending)).map(drop)
                }
                Err(PlanError::Refused { .. }) => Ok(()),
                told => told.map(drop),
            };
            done_or_told("end the plan", told);
        }
        ended
    }

    async fn strategize(&self, plan: &PlanId) -> Result<Decision, Ending> {
        self.rules.add(&self.task.rules, plan, &self.task.project_name)?;
        if self.stands(plan)?.phase == PlanPhase::Action {
            self.save(Part::Strategize).await?;
            self.plans.advance(plan).await?;
        }
        let stands = self.stands(plan)?;
        // Later it is gone back to by what the gate says.
        let is_first = stands.phase == PlanPhase::Strategize && stands.reversion_count == 0;
        let begins = is_first && stands.state == PlanState::Queued;
        if begins {
            self.plans.start(plan)?;
        }
        let goal = |question: &str| NewDecision::root(plan, question, self.task.goal.as_str());
        let root = self.decided(plan, "what is to be done?", goal)?;
        if let Some(tokens) = self.task.context_tokens.filter(|_| begins)
            && !self.progress(|progress| progress.is_shown)
        {
            self.look_around(&root, tokens).await?;
            self.progress(|progress| progress.is_shown = true);
        }
        let strategy = self.choose(&root)?;
        if begins {
            self.scout(&strategy).await?;
            self.plans.complete(plan)?;
            self.unless_cancelled()?;
        }
        Ok(strategy)
    }

    /// Executes and applies the plan in a sandbox, which is gone afterwards.
    async fn in_sandbox(self: &Arc<Self>, strategy: &Decision) -> Result<Applied, Ending> {
        let plan = &strategy.plan_id;
        let stands = self.stands(plan)?;
        if stands.phase == PlanPhase::Strategize && stands.reversion_count == 0 {
            self.plans.advance(plan).await?;
            self.plans.start(plan)?;
        }
        let sandbox = self.workplace(plan).await?;
        self.rules.look_at(&sandbox);
        let watch = self.watch(&sandbox).await;
        let ended = self.until_allowed(&Fixing::new(self, strategy, &sandbox)).await;
        looking::end(watch).await;
        if self.may_be_gone_on_with(plan, &ended) {
            return ended;
        }
        let reason = ended.as_ref().err().map_or_else(|| "nothing was changed".to_owned(), Ending::to_string);
        let disposed = self.dispose_of(&sandbox, &reason).await;
        done_or_told("remove the sandbox", disposed);
        ended
    }

    /// Does what comes next where the plan stands, until it is applied. As long as the gate refuses that, and the plan may
    /// go back, it is executed once more.
    async fn until_allowed(&self, fixing: &Fixing) -> Result<Applied, Ending> {
        let plan = fixing.sandbox().plan_id();
        loop {
            let stands = self.stands(plan)?;
            let is_to_go_back = self.work(|work| work.round > stands.reversion_count);
            match (stands.phase, stands.state) {
                (PlanPhase::Strategize, _) => self.go_back(fixing).await?,
                (PlanPhase::Execute, PlanState::Complete) if is_to_go_back => self.go_back(fixing).await?,
                (PlanPhase::Execute, PlanState::Complete) | (PlanPhase::Apply, _) => {
                    match self.apply(fixing).await {
                        Err(Ending::Plan(PlanError::Gate { reasons, .. })) if self.may_go_back(plan) => {
                            fixing.guide(&reasons.join("\n")).await?;
                        }
                        ended => return ended,
                    }
                }
                _ => self.execute(fixing).await?,
            }
        }
    }

    /// Has the validations pass. Where the model could not be reached, the plan tries again.
    async fn execute(&self, fixing: &Fixing) -> Result<(), Ending> {
        let plan = fixing.sandbox().plan_id();
        if self.stands(plan)?.state == PlanState::Queued {
            self.plans.start(plan)?;
        }
        while self.work(|work| work.passed.is_none()) {
            match fixing.run().await {
                Ok(()) => {}
                Err(ending)
                    if ending.is_transient() && self.work(|work| work.retries) < self.task.limits.retries =>
                {
                    self.work(|work| work.retries += 1);
                    self.plans.fail(plan, with_causes(&ending), error_kind(true))?;
                    self.plans.retry(plan)?;
                    self.plans.start(plan)?;
                }
                Err(ending) => return Err(ending),
            }
        }
        self.plans.complete(plan)?;
        self.unless_cancelled()
    }

    fn may_go_back(&self, plan: &PlanId) -> bool {
        self.plans.get(plan).is_some_and(|plan| plan.reversion_count < plan.max_reversions)
    }

    /// Takes the plan back to its strategy, with what the gate said as guidance, and on to its execution; as far as that
    /// is not done yet.
    async fn go_back(&self, fixing: &Fixing) -> Result<(), Ending> {
        let plan = fixing.sandbox().plan_id();
        let (guidance, before) =
            self.work(|work| (work.guidance.clone().unwrap_or_default(), work.corrections));
        if self.stands(plan)?.phase == PlanPhase::Execute {
            self.plans.revert_to(plan, PlanPhase::Strategize, guidance.as_str())?;
        }
        if self.stands(plan)?.state == PlanState::Queued {
            self.plans.start(plan)?;
        }
        if self.corrections(plan) == before {
            self.decisions.correct(&fixing.decision(), CorrectionMode::Append, guidance.as_str())?;
        }
        if self.stands(plan)?.state == PlanState::Processing {
            self.plans.complete(plan)?;
        }
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        Ok(())
    }

    /// Commits what is in the sandbox, if there is anything and it is not done yet. From here on nothing is cancelled.
    async fn apply(&self, fixing: &Fixing) -> Result<Applied, Ending> {
        let sandbox = fixing.sandbox();
        let plan = sandbox.plan_id();
        if self.stands(plan)?.phase == PlanPhase::Execute {
            self.plans.advance(plan).await?;
        }
        if self.stands(plan)?.state == PlanState::Queued {
            self.plans.start(plan)?;
        }
        let is_committed = sandbox.state() == SandboxState::Committed;
        let mut diff = None;
        if !is_committed {
            let outstanding = self.sandboxes.diff(sandbox.id()).await?;
            self.work(|work| work.changes = Some(Changes::from(&outstanding)));
            self.save(Part::Apply).await?;
            diff = Some(match outstanding {
                unchanged if unchanged.is_empty() => unchanged,
                _ => self.sandboxes.commit(sandbox.id()).await?,
            });
        }
        self.plans.apply(plan, self.summary(diff.as_ref()))?;
        self.recorded().await;
        Ok(Applied { plan: plan.clone(), diff })
    }

    /// What applying came to: that difference, or what was about to be committed when the run was killed.
    pub(super) fn summary(&self, diff: Option<&SandboxDiff>) -> ApplySummary {
        let (changes, passed) = self.work(|work| (work.changes.unwrap_or_default(), work.passed));
        let changes = diff.map_or(changes, Changes::from);
        ApplySummary {
            files_changed: changes.files,
            lines_added: changes.lines_added,
            lines_removed: changes.lines_removed,
            validations_passed: passed.unwrap_or_default(),
            duration: self.elapsed(),
        }
    }

    /// An error, if the run was cancelled.
    pub(super) fn unless_cancelled(&self) -> Result<(), Ending> {
        if self.cancelled.is_cancelled() { Err(Ending::Cancelled) } else { Ok(()) }
    }

    /// What `work` comes to, unless the run is cancelled before.
    pub(super) async fn or_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Ending> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(Ending::Cancelled),
            done = work => Ok(done),
        }
    }
}

/// Complains if something could not be done after a run that changes nothing about how the run ended.
pub(super) fn done_or_told<T, E: std::error::Error>(what: &str, result: Result<T, E>) {
    if let Err(error) = result {
        complain(&format!("cannot {what}: {}", with_causes(&error)));
    }
}
