//! Validations: the checks that decide whether a plan may be applied.
//!
//! A [`Validation`] is a command that runs in the sandbox, or a [`Validator`]; it is required or informational. A
//! [`ValidationPipeline`] runs a set of them, several at once, each with a timeout, and says what came of each.
//!
//! # Promises
//! - A check that says no counts by its mode. A check that could not say (it did not start, took too long, was killed,
//!   panicked, was cancelled) counts as a required failure whatever its mode.
//! - A run ends in exactly one of `validation.passed` and `validation.failed`, also when it is cancelled or its future
//!   is dropped: what was not done then could not say.
//!
//! # When it goes wrong
//! A run is never an error: it is a [`Report`]. A fixer that fails ends the fix loop with the report so far.
//! Commands are run as [`RunCommand`](super::tool::RunCommand) runs them, and are *not* confined.
//!
//! ```
//! use std::sync::Arc;
//! use agentbus::service::validation::{
//!     Validation, ValidationContext, ValidationPipeline, Validator, ValidatorError, Verdict,
//! };
//!
//! #[derive(Debug)]
//! struct NoMonday;
//!
//! #[async_trait::async_trait]
//! impl Validator for NoMonday {
//!     async fn validate(&self, _: &ValidationContext) -> Result<Verdict, ValidatorError> {
//!         Ok(Verdict::Failed("it is Monday".to_owned()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let set = [Validation::validator("no-monday", Arc::new(NoMonday))];
//! let report = ValidationPipeline::new(None).run(&ValidationContext::new(), &set).await;
//! assert!(!report.is_passed());
//! assert_eq!(report.checks[0].output, "it is Monday");
//! # }
//! ```

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::bus::EventBus;
use crate::emitter::Emitter;

mod check;
mod run;

pub use check::{
    CheckOutcome, CheckResult, Report, Validation, ValidationContext, ValidationMode, Validator,
    ValidatorError, Verdict,
};

/// How many runs a fix loop makes at most.
pub const MAX_RUNS: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");

/// What holds for every run of a [`ValidationPipeline`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValidationOptions {
    /// How many checks run at once: 2.
    pub concurrency: NonZeroUsize,
    /// How long a check may take, unless it says otherwise: 10 minutes.
    pub timeout: Duration,
    /// How many bytes of an output are kept: 64 KiB.
    pub output_limit: usize,
}

impl Default for ValidationOptions {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(2).expect("two is not zero"),
            timeout: Duration::from_mins(10),
            output_limit: 64 << 10,
        }
    }
}

impl ValidationOptions {
    /// The same with that many checks at once.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: NonZeroUsize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The same with another timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with another limit of outputs, in bytes.
    #[must_use]
    pub fn with_output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }
}

/// Runs sets of validations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ValidationPipeline {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    emitter: Emitter,
    options: ValidationOptions,
}

/// Who mends what a run found.
#[async_trait]
pub trait Fixer: fmt::Debug + Send + Sync {
    /// Mends what it can, before the next run.
    ///
    /// # Errors
    /// [`FixError`] if it cannot; the loop ends with the report so far.
    ///
    /// # Cancel safety
    /// Dropped when the loop is.
    async fn fix(&self, report: &Report) -> Result<(), FixError>;
}

/// A fixer could not mend what a run found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FixError {
    /// Why.
    pub message: String,
}

impl FixError {
    /// It could not, for this reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What came of a fix loop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixOutcome {
    /// The last run.
    pub report: Report,
    /// Why the fixer gave up; none if it did not.
    pub fix_error: Option<FixError>,
}

impl ValidationPipeline {
    /// A pipeline with the default options.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::with_options(ValidationOptions::default(), bus)
    }

    /// A pipeline.
    pub fn with_options(options: ValidationOptions, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { inner: Arc::new(Inner { emitter: Emitter::new(bus), options }) }
    }

    /// Runs the set.
    ///
    /// # Cancel safety
    /// Dropped, it stops the checks and tells the run as failed.
    pub async fn run(&self, context: &ValidationContext, set: &[Validation]) -> Report {
        self.attempt(context, set, 1).await
    }

    /// Runs the set, asks `fixer`, runs it again, until it passes or was run `max_runs` times, [`MAX_RUNS`] at most.
    ///
    /// # Cancel safety
    /// As [`ValidationPipeline::run`]; while the fixer works, it stops with it.
    pub async fn fix_loop(
        &self,
        context: &ValidationContext,
        set: &[Validation],
        fixer: Arc<dyn Fixer>,
        max_runs: NonZeroU32,
    ) -> FixOutcome {
        let max_runs = max_runs.min(MAX_RUNS).get();
        let mut attempt = 1;
        loop {
            let report = self.attempt(context, set, attempt).await;
            if report.is_passed() || attempt >= max_runs || context.cancellation().is_cancelled() {
                return FixOutcome { report, fix_error: None };
            }
            if let Err(error) = fix(&fixer, &report, context).await {
                return FixOutcome { report, fix_error: Some(error) };
            }
            attempt += 1;
        }
    }
}

/// Asks the fixer in a task of its own, so that its panic is an error.
async fn fix(fixer: &Arc<dyn Fixer>, report: &Report, context: &ValidationContext) -> Result<(), FixError> {
    let (asked, report) = (Arc::clone(fixer), report.clone());
    let task = crate::event::Scope::current().spawn(async move { asked.fix(&report).await });
    tokio::select! {
        biased;
        () = context.cancellation().cancelled() => Err(FixError::new("the fix was cancelled")),
        ended = tokio_util::task::AbortOnDropHandle::new(task) => {
            ended.unwrap_or_else(|_panicked| Err(FixError::new("the fixer panicked")))
        }
    }
}
