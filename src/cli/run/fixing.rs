//! The fix loop: validations, and the actor that makes them pass.
//!
//! Each attempt begins at the same checkpoint: what an attempt did that the validations do not accept is undone
//! before the next, and the decision for it superseded. What the validations said goes to the actor as a message of
//! the session.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use agentbus::event::{CheckpointId, DecisionId, DecisionType};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::sandbox::Sandbox;
use agentbus::service::validation::{
    CheckOutcome, CheckResult, FixError, Fixer, Report, Validation, ValidationContext,
};
use async_trait::async_trait;

use super::agent::Agent;
use super::ending::Ending;
use crate::cli::report::with_causes;
use crate::cli::task::{Check, Mode};

/// How much of a check's output the actor is told, in bytes: its beginning and its end.
const TOLD_OUTPUT: usize = 16 << 10;

/// The work on one sandbox until the validations pass.
#[derive(Debug)]
pub(super) struct Fixing {
    fixer: Arc<ActorFixer>,
}

impl Fixing {
    pub(super) fn new(agent: &Arc<Agent>, strategy: &Decision, sandbox: &Sandbox) -> Self {
        let fixer = ActorFixer {
            agent: Arc::clone(agent),
            strategy: strategy.clone(),
            sandbox: sandbox.clone(),
            progress: Mutex::default(),
        };
        Self { fixer: Arc::new(fixer) }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.fixer.sandbox
    }

    /// The decision that the work follows: the one for its last attempt, if there was one.
    pub(super) fn decision(&self) -> DecisionId {
        let Progress { last, kept, .. } = &*self.fixer.progress();
        last.as_ref().or(kept.as_ref()).unwrap_or(&self.fixer.strategy.id).clone()
    }

    /// Keeps what was done so far, and has the actor told that at the beginning of the next run.
    pub(super) fn guide(&self, guidance: &str) {
        let mut progress = self.fixer.progress();
        progress.start = None;
        progress.kept = progress.last.take().or(progress.kept.take());
        progress.guidance =
            Some(format!("Your work passes the validations, but cannot be applied:\n{guidance}"));
    }

    /// Has the validations pass, and says how many did.
    pub(super) async fn run(&self) -> Result<u64, Ending> {
        let (fixer, agent) = (&self.fixer, &self.fixer.agent);
        let guidance = fixer.progress().guidance.clone();
        if let Some(guidance) = guidance {
            agent.act(&fixer.sandbox, guidance).await?;
            fixer.progress().guidance = None;
        }
        let context =
            ValidationContext::in_sandbox(fixer.sandbox.clone()).with_cancellation(agent.cancelled.clone());
        let set: Vec<_> = agent.task.validations.iter().map(validation).collect();
        let max_runs = agent.task.limits.fixes.saturating_add(1);
        let outcome =
            agent.validations.fix_loop(&context, &set, Arc::<ActorFixer>::clone(fixer), max_runs).await;
        agent.unless_cancelled()?;
        if outcome.report.is_passed() {
            return Ok(outcome.report.passed());
        }
        let gave_up = fixer.progress().gave_up.take();
        Err(gave_up.unwrap_or_else(|| {
            let names = named(&outcome.report);
            Ending::NotValid {
                names: outcome.fix_error.map_or(names.clone(), |error| format!("{names}; {error}")),
            }
        }))
    }
}

fn validation(check: &Check) -> Validation {
    let validation =
        Validation::command(check.name.as_str(), check.command.clone()).with_timeout(check.timeout);
    match check.mode {
        Mode::Required => validation,
        Mode::Informational => validation.informational(),
    }
}

/// The checks that stand in the way.
fn in_the_way(report: &Report) -> impl Iterator<Item = &CheckResult> {
    report.failed().chain(report.errored())
}

fn named(report: &Report) -> String {
    in_the_way(report).map(|check| check.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Lets the actor mend what the validations found.
#[derive(Debug)]
struct ActorFixer {
    agent: Arc<Agent>,
    strategy: Decision,
    sandbox: Sandbox,
    /// Guards what is known of the attempts; held for single moves.
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Where each attempt begins.
    start: Option<CheckpointId>,
    /// The decision for the last attempt.
    last: Option<DecisionId>,
    /// The decision for the attempt before those, whose work was kept.
    kept: Option<DecisionId>,
    /// What the actor is to be told before the next run.
    guidance: Option<String>,
    /// Why there is no further attempt.
    gave_up: Option<Ending>,
}

#[async_trait]
impl Fixer for ActorFixer {
    async fn fix(&self, report: &Report) -> Result<(), FixError> {
        self.attempt(report).await.map_err(|ending| {
            let error = FixError::new(with_causes(&ending));
            self.progress().gave_up = Some(ending);
            error
        })
    }
}

impl ActorFixer {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, report: &Report) -> Result<(), Ending> {
        let is_first = self.go_to_start().await?;
        self.decide(report)?;
        self.agent.act(&self.sandbox, told(report, is_first)).await
    }

    /// Makes the checkpoint where attempts begin, or goes back to it. Says whether this is the first attempt.
    async fn go_to_start(&self) -> Result<bool, Ending> {
        let (sandboxes, sandbox) = (&self.agent.sandboxes, self.sandbox.id());
        let start = self.progress().start.clone();
        if let Some(start) = start {
            sandboxes.restore(sandbox, &start).await?;
            return Ok(false);
        }
        let start = sandboxes.checkpoint(sandbox, "before the first attempt").await?;
        self.progress().start = Some(start.id);
        Ok(true)
    }

    /// Records that the actor is to try, in place of the attempt before.
    fn decide(&self, report: &Report) -> Result<(), Ending> {
        let choice =
            format!("attempt {}: {} mends it from the checkpoint on", report.attempt, self.agent.task.actor);
        let question = format!("how is this made to pass: {}?", named(report));
        let decision =
            NewDecision::under(&self.strategy, DecisionType::ImplementationChoice, question, choice);
        let decision = self.agent.decisions.record(decision.with_alternatives(["give up"]))?;
        let before = self.progress().last.replace(decision.id.clone());
        if let Some(before) = before {
            let _fallen = self.agent.decisions.supersede(&before, Some(&decision.id))?;
        }
        Ok(())
    }
}

/// What the actor is told of a run.
fn told(report: &Report, is_first: bool) -> String {
    let mut words = String::from(if is_first {
        "These validations do not pass:\n"
    } else {
        "Your changes were undone, since these validations still do not pass with them:\n"
    });
    for check in in_the_way(report) {
        let how = match check.outcome {
            CheckOutcome::Errored => "could not say",
            CheckOutcome::Passed | CheckOutcome::Failed => "failed",
        };
        write!(words, "\n{} {how}:\n{}\n", check.name, both_ends(&check.output, TOLD_OUTPUT))
            .expect("a String takes any text");
    }
    words
}

/// As much of a text as fits: half of it its beginning, half its end.
fn both_ends(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let head = text.floor_char_boundary(most / 2);
    let tail = text.ceil_char_boundary(text.len() - most / 2);
    let (head, tail) = (text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default());
    Cow::Owned(format!("{head}\n[...]\n{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_both_ends_are_told() {
        assert_eq!(both_ends("abc", 3), "abc");
        assert_eq!(both_ends("abcdef", 4), "ab\n[...]\nef");
        assert_eq!(both_ends("äbcdeü", 6), "äb\n[...]\neü");
    }
}
