//! What is decided in a run: once, however often the run is killed and gone on with.

use agentbus::event::{Brief, DecisionType, PlanId};
use agentbus::service::decision::{Decision, DecisionError, NewDecision};

use super::agent::Agent;
use super::ending::Ending;

/// Who approves what needs nobody to look at it.
const POLICY: &str = "policy";

impl Agent {
    /// Decides how to work and by what.
    pub(super) fn choose(&self, root: &Decision) -> Result<Decision, Ending> {
        let plan = &root.plan_id;
        let strategy = self.decided(plan, "how is the project kept from harm?", |question| {
            let choice = "work on a copy in a sandbox, commit what passes the validations";
            NewDecision::under(root, DecisionType::StrategyChoice, question, choice)
                .with_alternatives(["work in place, undo by checkpoints"])
        })?;
        self.approved(&strategy)?;
        let tools = self.decided(plan, "which tools may the actor use?", |question| {
            NewDecision::under(&strategy, DecisionType::ToolChoice, question, self.tool_names())
        })?;
        self.approved(&tools)?;
        Ok(strategy)
    }

    /// Has policy approve a decision, if nobody did.
    fn approved(&self, decision: &Decision) -> Result<(), Ending> {
        if decision.approved_by.is_none() {
            self.decisions.approve(&decision.id, POLICY)?;
        }
        Ok(())
    }

    /// What was decided on that question, if it was before the run was killed; else it is decided now.
    pub(super) fn decided(
        &self,
        plan: &PlanId,
        question: &str,
        decide: impl FnOnce(&str) -> NewDecision,
    ) -> Result<Decision, DecisionError> {
        let asked = Brief::from(question);
        let mut all = self.decisions.list(plan).into_iter();
        match all.find(|decision| decision.superseded.is_none() && decision.question == asked) {
            Some(decided) => Ok(decided),
            None => self.decisions.record(decide(question)),
        }
    }

    /// How often a decision of the plan was corrected.
    pub(super) fn corrections(&self, plan: &PlanId) -> usize {
        let all = self.decisions.list(plan);
        all.iter().filter(|decision| decision.decision_type == DecisionType::UserIntervention).count()
    }
}
