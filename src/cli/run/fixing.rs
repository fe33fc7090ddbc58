//! The fix loop: validations, and the actor that makes them pass.
//!
//! Each attempt begins at the same checkpoint: what an attempt did that the validations do not accept is undone
//! before the next, and the decision for it superseded. What the validations said goes to the actor as a message of
//! the session.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentbus::event::{Brief, DecisionId, DecisionType};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::sandbox::Sandbox;
use agentbus::service::validation::{
    CheckOutcome, CheckResult, FixError, Fixer, Report, Validation, ValidationContext,
};
use async_trait::async_trait;

use super::agent::Agent;
use super::ending::Ending;
use super::progress::{Attempt, Part};
use crate::cli::report::with_causes;
use crate::cli::task::{Check, Mode};

/// How much of a check's output the actor is told, in bytes: its beginning and its end.
const TOLD_OUTPUT: usize = 16 << 10;

/// How many changed files are told.
const TOLD_FILES: usize = 200;

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
            gave_up: Mutex::default(),
        };
        Self { fixer: Arc::new(fixer) }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.fixer.sandbox
    }

    /// The decision that the work follows: the one for its last attempt, if there was one.
    pub(super) fn decision(&self) -> DecisionId {
        let decided = self.fixer.agent.work(|work| work.last.clone().or(work.kept.clone()));
        decided.unwrap_or_else(|| self.fixer.strategy.id.clone())
    }

    /// Keeps what was done so far, and has the actor told that at the beginning of the next run.
    pub(super) async fn guide(&self, guidance: &str) -> Result<(), Ending> {
        let ActorFixer { agent, sandbox, .. } = &*self.fixer;
        let corrections = agent.corrections(sandbox.plan_id());
        agent.work(|work| work.go_on(guidance.to_owned(), corrections));
        self.fixer.begin_round().await
    }

    /// Has the validations pass.
    pub(super) async fn run(&self) -> Result<(), Ending> {
        let (fixer, agent) = (&self.fixer, &self.fixer.agent);
        fixer.begin_round().await?;
        match agent.work(|work| work.attempt.take()) {
            // It was under way when the run was killed.
            Some(attempt) => fixer.make(attempt).await?,
            None => agent.work(|work| work.attempts = 0),
        }
        if let Some(guidance) = agent.work(|work| work.guidance.clone()) {
            let told = format!("Your work passes the validations, but cannot be applied:\n{guidance}");
            agent.act(&fixer.sandbox, told).await?;
            agent.work(|work| work.guidance = None);
        }
        let context =
            ValidationContext::in_sandbox(fixer.sandbox.clone()).with_cancellation(agent.cancelled.clone());
        let set: Vec<_> = agent.task.validations.iter().map(validation).collect();
        let left = agent.task.limits.fixes.get().saturating_sub(agent.work(|work| work.attempts));
        let max_runs = NonZeroU32::MIN.saturating_add(left);
        let outcome =
            agent.validations.fix_loop(&context, &set, Arc::<ActorFixer>::clone(fixer), max_runs).await;
        agent.unless_cancelled()?;
        if outcome.report.is_passed() {
            return fixer.pass(outcome.report.passed()).await;
        }
        let gave_up = fixer.gave_up().take();
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
    /// Guards why there is no further attempt; held for single moves.
    gave_up: Mutex<Option<Ending>>,
}

#[async_trait]
impl Fixer for ActorFixer {
    async fn fix(&self, report: &Report) -> Result<(), FixError> {
        self.attempt(report).await.map_err(|ending| {
            let error = FixError::new(with_causes(&ending));
            *self.gave_up() = Some(ending);
            error
        })
    }
}

impl ActorFixer {
    fn gave_up(&self) -> MutexGuard<'_, Option<Ending>> {
        self.gave_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a run that saves how far it has come begin here, once in a round.
    async fn begin_round(&self) -> Result<(), Ending> {
        let agent = &self.agent;
        if agent.keeping.is_none() || agent.work(|work| work.base.is_some()) {
            return Ok(());
        }
        let base = agent.sandboxes.checkpoint(self.sandbox.id(), "before the work begins").await?;
        agent.work(|work| work.base = Some(base.id));
        Ok(agent.save(Part::Execute).await?)
    }

    /// Says that so many validations passed, and what was changed for that.
    async fn pass(&self, passed: u64) -> Result<(), Ending> {
        let agent = &self.agent;
        agent.work(|work| work.passed = Some(passed));
        if agent.keeping.is_some() {
            let diff = agent.sandboxes.diff(self.sandbox.id()).await?;
            let files = diff.files.iter().map(|file| file.path.to_string_lossy().into_owned());
            agent.progress(|progress| progress.files = files.take(TOLD_FILES).collect());
        }
        Ok(agent.save(Part::Check).await?)
    }

    async fn attempt(&self, report: &Report) -> Result<(), Ending> {
        let is_first = self.go_to_start().await?;
        let number = self.agent.work(|work| work.attempts) + 1;
        let question = format!("how is this made to pass: {}?", named(report));
        self.make(Attempt { number, question, prompt: told(report, is_first) }).await
    }

    /// Has the actor make that attempt. A run that is killed meanwhile makes it again.
    async fn make(&self, attempt: Attempt) -> Result<(), Ending> {
        let agent = &self.agent;
        agent.work(|work| {
            work.attempts = attempt.number;
            work.attempt = Some(attempt.clone());
        });
        agent.save(Part::Execute).await?;
        self.decide(&attempt)?;
        let acted = agent.act(&self.sandbox, attempt.prompt).await;
        agent.work(|work| work.attempt = None);
        acted
    }

    /// Makes the checkpoint where attempts begin, or goes back to it. Says whether this is the first attempt.
    async fn go_to_start(&self) -> Result<bool, Ending> {
        let (sandboxes, sandbox) = (&self.agent.sandboxes, self.sandbox.id());
        let start = self.agent.work(|work| work.start.clone());
        if let Some(start) = start {
            sandboxes.restore(sandbox, &start).await?;
            return Ok(false);
        }
        let start = sandboxes.checkpoint(sandbox, "before the first attempt").await?;
        self.agent.work(|work| work.start = Some(start.id));
        Ok(true)
    }

    /// Records that the actor is to try, in place of the attempt before; unless that was recorded before the run was
    /// killed.
    fn decide(&self, attempt: &Attempt) -> Result<(), Ending> {
        let (decisions, strategy) = (&self.agent.decisions, &self.strategy);
        let choice =
            format!("attempt {}: {} mends it from the checkpoint on", attempt.number, self.agent.task.actor);
        let decision = match self.decided(&Brief::from(choice.as_str())) {
            Some(decided) => decided,
            None => decisions.record(
                NewDecision::under(
                    strategy,
                    DecisionType::ImplementationChoice,
                    attempt.question.as_str(),
                    choice,
                )
                .with_alternatives(["give up"]),
            )?,
        };
        let before = self.agent.work(|work| work.last.replace(decision.id.clone()));
        let stands = |id: &DecisionId| decisions.get(id).is_some_and(|before| before.superseded.is_none());
        if let Some(before) = before.filter(|before| *before != decision.id && stands(before)) {
            let _fallen = decisions.supersede(&before, Some(&decision.id))?;
        }
        Ok(())
    }

    /// The decision for an attempt that is known to have been made after the last one that is saved.
    fn decided(&self, choice: &Brief) -> Option<Decision> {
        let decisions = &self.agent.decisions;
        let last = self.agent.work(|work| work.last.clone().or(work.kept.clone()));
        let after = last.and_then(|last| decisions.get(&last)).map_or(self.strategy.sequence, |d| d.sequence);
        decisions.list(&self.strategy.plan_id).into_iter().find(|decision| {
            decision.decision_type == DecisionType::ImplementationChoice
                && decision.superseded.is_none()
                && decision.sequence > after
                && decision.choice == *choice
        })
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
pub(super) fn both_ends(text: &str, most: usize) -> Cow<'_, str> {
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
