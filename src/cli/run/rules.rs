//! The invariants of a task, and the gate that holds a plan to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentbus::event::{PlanId, PlanPhase, SandboxId, Text};
use agentbus::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
use agentbus::service::invariant::{
    InvariantCheck, InvariantCheckError, InvariantContext, InvariantError, InvariantService, Subject, Verdict,
};
use agentbus::service::sandbox::{Sandbox, SandboxError, SandboxService};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::cli::escape::Escaped;
use crate::cli::report::with_causes;
use crate::cli::task::{Demands, Rule};

/// How many paths a violation names.
const NAMED_PATHS: usize = 5;

/// Holds plans to the invariants: what a plan wrote in its sandbox is looked at before it is applied.
#[derive(Debug)]
pub(super) struct Rules {
    invariants: InvariantService,
    sandboxes: SandboxService,
    /// Guards which sandbox a plan works in; held for single moves.
    looked_at: Mutex<HashMap<PlanId, SandboxId>>,
}

impl Rules {
    pub(super) fn new(invariants: InvariantService, sandboxes: SandboxService) -> Self {
        Self { invariants, sandboxes, looked_at: Mutex::default() }
    }

    /// Makes the task's rules hold for the run of that plan.
    pub(super) fn add(&self, rules: &[Rule], plan: &PlanId, project: &Text) -> Result<(), InvariantError> {
        for rule in rules {
            let mut invariant = rule.invariant(plan, project);
            if let Some(demands) = rule.demands.clone() {
                invariant = invariant.with_check(Arc::new(ChangedFiles { demands }));
            }
            self.invariants.add(invariant)?;
        }
        Ok(())
    }

    /// From here on what is written in that sandbox is looked at before its plan is applied.
    pub(super) fn look_at(&self, sandbox: &Sandbox) {
        self.looked_at().insert(sandbox.plan_id().clone(), sandbox.id().clone());
    }

    fn looked_at(&self) -> MutexGuard<'_, HashMap<PlanId, SandboxId>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The paths that the plan would change, if it is about to be applied.
    async fn about_to_change(&self, question: &GateQuestion) -> Result<Vec<String>, SandboxError> {
        let is_applied = matches!(question.operation, GateOperation::EnterPhase { to: PlanPhase::Apply, .. });
        let sandbox = self.looked_at().get(&question.plan_id).cloned();
        let Some(sandbox) = sandbox.filter(|_| is_applied) else {
            return Ok(Vec::new());
        };
        let diff = self.sandboxes.diff(&sandbox).await?;
        Ok(diff.files.iter().map(|file| file.path.to_string_lossy().into_owned()).collect())
    }
}

#[async_trait]
impl Gate for Rules {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        match self.about_to_change(question).await {
            Ok(paths) => self.invariants.answer(question, &Subject::new().with_value(json!(paths))).await,
            Err(error) => GateAnswer::refused([with_causes(&error)]),
        }
    }
}

/// Checks the paths that a plan would change: the value of its subject.
#[derive(Debug)]
struct ChangedFiles {
    demands: Demands,
}

#[async_trait]
impl InvariantCheck for ChangedFiles {
    async fn check(&self, context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        let paths = context.subject().value().map(Vec::<String>::deserialize);
        match paths {
            Some(Ok(paths)) => Ok(self.demands.verdict(&paths)),
            _ => Err(InvariantCheckError::new("nobody says what would change")),
        }
    }
}

impl Demands {
    fn verdict(&self, changed: &[String]) -> Verdict {
        let kept: Vec<_> = changed.iter().filter(|path| self.unchanged.is_match(path)).collect();
        if !kept.is_empty() {
            let named = kept.iter().take(NAMED_PATHS).map(|path| Escaped(path).to_string());
            let named = named.collect::<Vec<_>>().join(", ");
            let more = kept.len().saturating_sub(NAMED_PATHS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Verdict::Violated(format!("changed: {named}{more}"));
        }
        match self.max_files {
            Some(max) if changed.len() as u64 > max => {
                Verdict::Violated(format!("{} files changed, more than {max}", changed.len()))
            }
            _ => Verdict::Held,
        }
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSetBuilder};

    use super::*;

    fn demands(glob: &str, max_files: Option<u64>) -> Demands {
        let unchanged = GlobSetBuilder::new().add(Glob::new(glob).unwrap()).build().unwrap();
        Demands { unchanged, max_files }
    }

    #[test]
    fn a_violation_names_some_of_the_paths_that_should_stay() {
        let changed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let checks = demands("checks/**", None);
        assert_eq!(checks.verdict(&changed(&["index.txt"])), Verdict::Held);
        let violated = |reason: &str| Verdict::Violated(reason.to_owned());
        assert_eq!(checks.verdict(&changed(&["a", "checks/\n"])), violated("changed: checks/\\n"));
        let many = changed(&["checks/1", "checks/2", "checks/3", "checks/4", "checks/5", "checks/6"]);
        let named = "changed: checks/1, checks/2, checks/3, checks/4, checks/5 and 1 more";
        assert_eq!(checks.verdict(&many), violated(named));
    }

    #[test]
    fn more_files_than_may_change_are_a_violation() {
        let few = demands("nothing", Some(1));
        assert_eq!(few.verdict(&["a".to_owned()]), Verdict::Held);
        let told = Verdict::Violated("2 files changed, more than 1".to_owned());
        assert_eq!(few.verdict(&["a".to_owned(), "b".to_owned()]), told);
    }
}
