//! What is checked and what came of it: [`Validation`], [`Validator`], [`Report`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::event::{PlanId, RunId};
use crate::service::sandbox::Sandbox;

/// Whether a validation that says no stops the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationMode {
    /// It does.
    Required,
    /// It is only told.
    Informational,
}

/// One check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Validation {
    /// By what name it is told; an empty one as `(unnamed)`.
    pub name: String,
    /// Whether it stops the plan.
    pub mode: ValidationMode,
    /// How long it may take; none for what the pipeline grants.
    pub timeout: Option<Duration>,
    pub(super) check: Check,
}

#[derive(Clone, Debug)]
pub(super) enum Check {
    Command(Vec<String>),
    Validator(Arc<dyn Validator>),
}

impl Validation {
    /// A required check by a command: the program and its arguments, run in the sandbox. Status 0 says yes.
    pub fn command(name: impl Into<String>, command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(name, Check::Command(command.into_iter().map(Into::into).collect()))
    }

    /// A required check by code.
    pub fn validator(name: impl Into<String>, validator: Arc<dyn Validator>) -> Self {
        Self::new(name, Check::Validator(validator))
    }

    fn new(name: impl Into<String>, check: Check) -> Self {
        Self { name: name.into(), mode: ValidationMode::Required, timeout: None, check }
    }

    /// The same, but it does not stop the plan.
    #[must_use]
    pub fn informational(mut self) -> Self {
        self.mode = ValidationMode::Informational;
        self
    }

    /// The same with that much time.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// A check by code.
///
/// It may be dropped at any await, as it is at a timeout. A panic counts as not being able to say.
#[async_trait]
pub trait Validator: fmt::Debug + Send + Sync {
    /// Says yes or no, with what a person or a fixer should know.
    ///
    /// # Errors
    /// [`ValidatorError`] if it cannot say.
    ///
    /// # Cancel safety
    /// Dropped, it stops.
    async fn validate(&self, context: &ValidationContext) -> Result<Verdict, ValidatorError>;
}

/// What a check by code says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Yes.
    Passed,
    /// No, and this is wrong.
    Failed(String),
}

/// A check could not say yes or no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValidatorError {
    /// Why.
    pub message: String,
}

impl ValidatorError {
    /// It could not say, for this reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// In what validations run.
#[derive(Clone, Debug, Default)]
pub struct ValidationContext {
    plan: Option<PlanId>,
    sandbox: Option<Sandbox>,
    cancellation: CancellationToken,
}

impl ValidationContext {
    /// A context without plan and sandbox, which nobody cancels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The context of checks in `sandbox`, for its plan.
    pub fn in_sandbox(sandbox: Sandbox) -> Self {
        let plan = Some(sandbox.plan_id().clone());
        Self { plan, sandbox: Some(sandbox), ..Self::default() }
    }

    /// The same for another plan.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<PlanId>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// The same, cancelled by another token.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// The plan that is checked.
    pub fn plan(&self) -> Option<&PlanId> {
        self.plan.as_ref()
    }

    /// The sandbox that is checked.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Cancelled when the run is.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// Whether it stops the plan.
    pub mode: ValidationMode,
    /// What it said.
    pub outcome: CheckOutcome,
    /// What it wrote, or why it could not say, cut at the limit.
    pub output: String,
    /// Whether a part of the output is missing.
    pub truncated: bool,
    /// How long it took.
    pub duration: Duration,
}

impl CheckResult {
    /// The name in events, which hold no empty one.
    pub(super) fn told_name(&self) -> &str {
        if self.name.is_empty() { "(unnamed)" } else { &self.name }
    }
}

/// What a check said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Yes.
    Passed,
    /// No.
    Failed,
    /// It could not say: it did not start, took too long, panicked or was cancelled.
    Errored,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The run.
    pub run_id: RunId,
    /// Which run of a fix loop it was, from 1.
    pub attempt: u32,
    /// What came of each check, in the order of the set.
    pub checks: Vec<CheckResult>,
    /// How long it took.
    pub duration: Duration,
}

impl Report {
    /// Whether no required check said no, and every check could say.
    pub fn is_passed(&self) -> bool {
        self.failed().next().is_none() && self.errored().next().is_none()
    }

    /// The required checks that said no.
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        self.with(CheckOutcome::Failed).filter(|check| check.mode == ValidationMode::Required)
    }

    /// The informational checks that said no.
    pub fn informational_failed(&self) -> impl Iterator<Item = &CheckResult> {
        self.with(CheckOutcome::Failed).filter(|check| check.mode == ValidationMode::Informational)
    }

    /// The checks that could not say.
    pub fn errored(&self) -> impl Iterator<Item = &CheckResult> {
        self.with(CheckOutcome::Errored)
    }

    /// How many checks said yes.
    pub fn passed(&self) -> u64 {
        self.with(CheckOutcome::Passed).map(|_| 1).sum()
    }

    fn with(&self, outcome: CheckOutcome) -> impl Iterator<Item = &CheckResult> {
        self.checks.iter().filter(move |check| check.outcome == outcome)
    }
}
