//! Scouts: actors that look around before the plan's own begins, each in a child plan and a sandbox of its own.
//!
//! What a scout wrote is undone, whatever came of it; what it answers is told to the plan's own actor. A scout that
//! reaches a limit or fails is given up: its plan is cancelled, and the others go on. What was found out is kept in the
//! memories, if the run saves how far it has come: when that is gone on with, no scout is sent that came back before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentbus::event::{DecisionType, PlanId, Usd};
use agentbus::service::actor::{ActorOutcome, ActorTask, Message};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::plan::{ApplySummary, NewPlan, Plan};

use super::agent::Agent;
use super::ending::{Ending, error_kind};
use super::progress::Part;
use super::sink::ScoutSink;
use super::stages::done_or_told;
use crate::cli::task::Scout;

impl Agent {
    /// Sends the scouts of the task, one after the other, and hands on what they say.
    pub(super) async fn scout(&self, under: &Decision) -> Result<(), Ending> {
        for scout in &self.task.scouts {
            if self.progress(|progress| progress.scouts.contains(&scout.actor)) {
                continue;
            }
            let question = format!("what does {} find out?", scout.actor);
            self.decided(&under.plan_id, &question, |question| {
                NewDecision::under(under, DecisionType::SubplanSpawn, question, scout.goal.as_str())
            })?;
            let found = match self.recalled(scout) {
                Some(found) => Some(found),
                None => self.send(scout, &under.plan_id).await?,
            };
            if let Some(found) = found {
                self.say(Message::User(format!("{} reports:\n{found}", scout.actor))).await?;
            }
            self.is_done_with(scout).await?;
        }
        Ok(())
    }

    /// Saves that the scout is not sent again, once.
    async fn is_done_with(&self, scout: &Scout) -> Result<(), Ending> {
        let is_known = self.progress(|progress| {
            let is_known = progress.scouts.contains(&scout.actor);
            if !is_known {
                progress.scouts.push(scout.actor.clone());
            }
            is_known
        });
        if !is_known {
            self.save(Part::Strategize).await?;
        }
        Ok(())
    }

    /// Sends a scout, in a child of the plan, and waits for what it found.
    async fn send(&self, scout: &Scout, plan: &PlanId) -> Result<Option<String>, Ending> {
        let child = self.plans.spawn_child(
            plan,
            NewPlan::new(scout.goal.as_str())
                .with_project_names([self.task.project_name.clone()])
                .with_actor(scout.actor.clone()),
        )?;
        let scope = self.plans.scope(&child.id).unwrap_or_default();
        let led = scope.run(self.lead_scout(scout, &child)).await;
        self.tools.forget(&child.id);
        if let Err(ending) = &led {
            done_or_told("give a scout up", self.plans.cancel(&child.id, ending.to_string()));
        }
        led
    }

    /// What a scout may still spend, of whose budget earlier processes of the run spent some, which were killed.
    fn left_for(&self, scout: &Scout, child: &Plan) -> Result<Usd, Ending> {
        let all = self.plans.tree(&child.root_id)?;
        let earlier = all.iter().filter(|plan| plan.id != child.id && plan.id != child.root_id);
        let its = earlier.filter(|plan| plan.actor.as_ref() == Some(&scout.actor));
        let spent = its.map(|plan| self.budgets.status(&plan.id.clone().into()).spent);
        let left = scout.budget.checked_sub(spent.fold(Usd::ZERO, Usd::saturating_add));
        Ok(left.map_or(Usd::ZERO, |left| left.max(Usd::ZERO)))
    }

    /// What the scout found; nothing if it was given up.
    async fn lead_scout(&self, scout: &Scout, child: &Plan) -> Result<Option<String>, Ending> {
        let (plan, started) = (&child.id, Instant::now());
        self.budgets.set_limit(&plan.clone().into(), self.left_for(scout, child)?)?;
        if scout.is_read_only {
            self.tools.restrict(plan);
        }
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        self.plans.complete(plan)?;
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        match self.explore(scout, child).await? {
            ActorOutcome::Completed { answer, .. } => {
                self.report(plan, started.elapsed()).await?;
                return Ok(Some(answer));
            }
            ActorOutcome::Escalated { escalation, .. } => {
                let reason = format!("a limit was reached, {}: {}", escalation.reason, escalation.limit);
                // Before that is told: a scout that is known to be given up is not sent again.
                self.is_done_with(scout).await?;
                self.plans.cancel(plan, reason)?;
            }
            ActorOutcome::Errored { failure, .. } => {
                self.is_done_with(scout).await?;
                self.plans.fail(plan, failure.message, error_kind(failure.is_transient))?;
                self.plans.cancel(plan, "the scout failed")?;
            }
            _ => return Err(Ending::Cancelled),
        }
        Ok(None)
    }

    /// Lets the scout act in a sandbox that is gone afterwards.
    async fn explore(&self, scout: &Scout, child: &Plan) -> Result<ActorOutcome, Ending> {
        let sandbox = self.sandbox_for(&child.id).await?;
        let actor = self.actor(&scout.actor, &scout.model, [&child.id, &child.root_id]);
        let purse = self.purse();
        let context = self.tool_context(&sandbox, purse.as_deref());
        let mut task = ActorTask::new(scout.goal.as_str()).with_context(context);
        if let Some((purse, report)) = purse.clone().zip(self.report_of(scout)) {
            task = task.with_sink(Arc::new(ScoutSink { purse, report }));
        }
        let outcome = self.actors.run(&actor, task).await;
        self.count(&outcome);
        let is_kept = purse.map_or(Ok(()), |purse| purse.close());
        let disposed = self.dispose_of(&sandbox, "what a scout writes is not kept").await;
        done_or_told("remove the sandbox of a scout", disposed);
        is_kept?;
        Ok(outcome)
    }

    /// Ends the plan of a scout that found something.
    async fn report(&self, plan: &PlanId, duration: Duration) -> Result<(), Ending> {
        self.plans.complete(plan)?;
        self.plans.advance(plan).await?;
        self.plans.start(plan)?;
        let summary = ApplySummary { duration, ..ApplySummary::default() };
        self.plans.apply(plan, summary)?;
        Ok(())
    }
}
