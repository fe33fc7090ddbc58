//! What the plans and their decisions came to: at the end of a run, or as a journal tells it.

use std::io::{self, Write};
use std::path::Path;

use agentbus::Redactor;
use agentbus::service::decision::{Decision, DecisionService};
use agentbus::service::plan::{Plan, PlanFilter, PlanService};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::escape::one_line;

/// How much of a text is shown in words, in characters.
const SHOWN: usize = 100;

/// The plans in the order of their creation, and the decisions of each in the order of their sequence.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    plans: Vec<Plan>,
    decisions: Vec<Decision>,
}

impl State {
    pub(crate) fn of(plans: &PlanService, decisions: &DecisionService) -> Self {
        let plans = plans.list(&PlanFilter::all());
        let decisions = plans.iter().flat_map(|plan| decisions.list(&plan.id)).collect();
        Self { plans, decisions }
    }

    /// Writes it to that file, whole or not at all, its secrets masked as in a journal.
    ///
    /// # Errors
    /// Those of the file and its folder.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let mut new = NamedTempFile::new_in(folder)?;
        let json = serde_json::to_string_pretty(self)?;
        writeln!(new, "{}", Redactor::new().redact_json(&json))?;
        new.persist(file)?;
        Ok(())
    }

    /// Prints it for people: a line for each plan, and below it one for each of its decisions that stands.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for plan in &self.plans {
            let Plan { id, phase, state, name, .. } = plan;
            writeln!(out, "{id}  {phase}/{state}  {}", one_line(name, SHOWN))?;
            for decision in self.decisions.iter().filter(|d| d.plan_id == *id && d.superseded.is_none()) {
                let (question, choice) =
                    (one_line(&decision.question, SHOWN), one_line(&decision.choice, SHOWN));
                writeln!(out, "  {}  {}  {question}  {choice}", decision.sequence, decision.decision_type)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agentbus::service::plan::NewPlan;

    use super::*;

    #[tokio::test]
    async fn no_secret_is_saved() {
        let (plans, decisions) = (PlanService::new(None), DecisionService::new(None));
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        plans.create(NewPlan::new(format!("push with {secret}"))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        State::of(&plans, &decisions).save(&file).unwrap();
        let saved = std::fs::read_to_string(&file).unwrap();
        assert!(saved.contains("push with [redacted:") && !saved.contains(&secret), "{saved}");
    }
}
