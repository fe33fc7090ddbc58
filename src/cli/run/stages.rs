//! The phases of a plan, one after the other.

use std::sync::Arc;
use std::time::Instant;

use agentbus::event::{Brief, CorrectionMode, DecisionType, PlanId, PlanPhase, SandboxStrategy, SessionId};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::plan::{ApplySummary, NewPlan, PlanError};
use agentbus::service::sandbox::{Sandbox, SandboxDiff, SandboxError, SandboxState};

use super::agent::Agent;
use super::ending::{Ending, error_kind};
use super::fixing::Fixing;
use super::looking;
use crate::cli::report::{complain, with_causes};

/// Who approves what needs nobody to look at it.
const POLICY: &str = "policy";

/// What was applied.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) plan: PlanId,
    pub(super) diff: SandboxDiff,
}

impl Agent {
    /// Opens a session, and runs the task in it to its one end. The session is closed in any case.
    pub(super) async fn run(self: &Arc<Self>) -> Result<Applied, Ending> {
        let session = self.sessions.create(self.task.actor.clone(), Some(&self.task.goal))?;
        let scope = self.sessions.scope(&session.id).unwrap_or_default();
        let scope = scope.with_project_name(self.task.project_name.clone());
        let ended = scope.run(self.plan_in(&session.id)).await;
        done_or_told("close the session", self.sessions.close(&session.id));
        ended
    }

    async fn plan_in(self: &Arc<Self>, session: &SessionId) -> Result<Applied, Ending> {
        self.open_conversation(session).await?;
        let project = &self.task.project_name;
        let plan = self.plans.create(
            NewPlan::new(self.task.goal.as_str())
                .with_session_id(session)
                .with_project_names([project.clone()])
                .with_actor(self.task.actor.clone()),
        )?;
        self.sessions.link_plan(session, &plan.id)?;
        self.budgets.set_limit(&plan.id.clone().into(), self.task.budget.plan)?;
        let scope = self.plans.scope(&plan.id).unwrap_or_default();
        scope.run(self.lead(&plan.id)).await
    }

    /// Leads the plan through its phases; if that fails, the plan says so.
    async fn lead(self: &Arc<Self>, plan: &PlanId) -> Result<Applied, Ending> {
        let started = Instant::now();
        let ended = match self.strategize(plan).await {
            Ok(strategy) => self.in_sandbox(&strategy, started).await,
            Err(ending) => Err(ending),
        };
        if let Err(ending) = &ended {
            let told = match ending {
                Ending::Cancelled => self.plans.cancel(plan, ending.to_string()),
                Ending::Sandbox(SandboxError::Conflicts { .. }) => {
                    self.plans.constrain(plan, with_causes(ending))
                }
                _ => self.plans.fail(plan, with_causes(ending), error_kind(ending.is_transient())),
            };
            let told = match told {
                // Between two phases, where the gate refused the next one, there is nothing to fail.
                Err(PlanError::Refused { .. }) => self.plans.cancel(plan, with_causes(ending)),
                told => told,
            };
            done_or_told("end the plan", told);
        }
        ended
    }

    async fn strategize(&self, plan: &PlanId) -> Result<Decision, Ending> {
        self.rules.add(&self.task.rules, plan, &self.task.project_name)?;
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        let goal = NewDecision::root(plan, "what is to be done?", self.task.goal.as_str());
        let root = self.decisions.record(goal)?;
        if let Some(tokens) = self.task.context_tokens {
            self.look_around(&root, tokens).await?;
        }
        let strategy = NewDecision::under(
            &root,
            DecisionType::StrategyChoice,
            "how is the project kept from harm?",
            "work on a copy in a sandbox, commit what passes the validations",
        );
        let strategy =
            self.decisions.record(strategy.with_alternatives(["work in place, undo by checkpoints"]))?;
        self.decisions.approve(&strategy.id, POLICY)?;
        let tools = NewDecision::under(
            &strategy,
            DecisionType::ToolChoice,
            "which tools may the actor use?",
            self.tool_names(),
        );
        let tools = self.decisions.record(tools)?;
        self.decisions.approve(&tools.id, POLICY)?;
        self.scout(&strategy).await?;
        self.plans.complete(plan)?;
        self.unless_cancelled()?;
        Ok(strategy)
    }

    /// Executes and applies the plan in a sandbox, which is gone afterwards.
    async fn in_sandbox(self: &Arc<Self>, strategy: &Decision, started: Instant) -> Result<Applied, Ending> {
        let plan = &strategy.plan_id;
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        let sandbox = self.sandbox_for(plan).await?;
        self.rules.look_at(&sandbox);
        let watch = self.watch(&sandbox).await;
        let ended = self.until_allowed(&Fixing::new(self, strategy, &sandbox), started).await;
        looking::end(watch).await;
        let reason = ended.as_ref().err().map_or_else(|| "nothing was changed".to_owned(), Ending::to_string);
        let disposed = self.dispose_of(&sandbox, &reason).await;
        done_or_told("remove the sandbox", disposed);
        ended
    }

    /// Executes the plan and applies it; as long as the gate refuses that, and the plan may go back, once more.
    async fn until_allowed(&self, fixing: &Fixing, started: Instant) -> Result<Applied, Ending> {
        loop {
            let passed = self.execute(fixing).await?;
            match self.apply(fixing.sandbox(), passed, started).await {
                Err(Ending::Plan(PlanError::Gate { plan, reasons, .. })) if self.may_go_back(&plan) => {
                    self.go_back(fixing, &reasons).await?;
                }
                ended => return ended,
            }
        }
    }

    /// Has the validations pass, and says how many did. Where the model could not be reached, the plan tries again.
    async fn execute(&self, fixing: &Fixing) -> Result<u64, Ending> {
        let (plan, mut retries) = (fixing.sandbox().plan_id(), self.task.limits.retries);
        let passed = loop {
            match fixing.run().await {
                Ok(passed) => break passed,
                Err(ending) if ending.is_transient() && retries > 0 => {
                    retries -= 1;
                    self.plans.fail(plan, with_causes(&ending), error_kind(true))?;
                    self.plans.retry(plan)?;
                    self.plans.start(plan)?;
                }
                Err(ending) => return Err(ending),
            }
        };
        self.plans.complete(plan)?;
        self.unless_cancelled()?;
        Ok(passed)
    }

    fn may_go_back(&self, plan: &PlanId) -> bool {
        self.plans.get(plan).is_some_and(|plan| plan.reversion_count < plan.max_reversions)
    }

    /// Takes the plan back to its strategy, with what the gate said as guidance, and on to its execution.
    async fn go_back(&self, fixing: &Fixing, reasons: &[Brief]) -> Result<(), Ending> {
        let (plan, guidance) = (fixing.sandbox().plan_id(), reasons.join("\n"));
        self.plans.revert_to(plan, PlanPhase::Strategize, guidance.as_str())?;
        self.plans.start(plan)?;
        self.decisions.correct(&fixing.decision(), CorrectionMode::Append, guidance.as_str())?;
        self.plans.complete(plan)?;
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        fixing.guide(&guidance);
        Ok(())
    }

    /// Commits what is in the sandbox, if there is anything. From here on nothing is cancelled.
    async fn apply(
        &self,
        sandbox: &Sandbox,
        validations_passed: u64,
        started: Instant,
    ) -> Result<Applied, Ending> {
        let plan = sandbox.plan_id();
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        let diff = match self.sandboxes.diff(sandbox.id()).await? {
            unchanged if unchanged.is_empty() => unchanged,
            _ => self.sandboxes.commit(sandbox.id()).await?,
        };
        let summary = ApplySummary {
            files_changed: diff.files.len() as u64,
            lines_added: diff.lines_added(),
            lines_removed: diff.lines_removed(),
            validations_passed,
            duration: started.elapsed(),
        };
        self.plans.apply(plan, summary)?;
        Ok(Applied { plan: plan.clone(), diff })
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
