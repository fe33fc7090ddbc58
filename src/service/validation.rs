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
use tokio_util::task::AbortOnDropHandle;

use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::Scope;

mod check;
mod run;

pub use check::{
    CheckOutcome, CheckResult, Report, Validation, ValidationContext, ValidationMode, Validator,
    ValidatorError, Verdict,
};

/// How many runs a fix loop makes at most.
pub const MAX_RUNS: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");

/// How long a cancelled fixer may take to come to its end, and once more to be gone.
const END_AT_MOST: Duration = Duration::from_secs(5);

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
    /// Mends what it can, before the next run. It may take as long as it likes, until the run is cancelled
    /// ([`ValidationContext::with_cancellation`]).
    ///
    /// # Errors
    /// [`FixError`] if it cannot; the loop ends with the report so far.
    ///
    /// # Cancel safety
    /// Dropped when the loop is. When the run is cancelled, it may end by itself first, and is dropped if it takes
    /// longer than a few seconds.
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

/// Asks the fixer in a task of its own, so that its panic is an error. When it is cancelled it may come to an end of
/// its own first; unless it never yields, it is gone when this returns, with all that it held.
async fn fix(fixer: &Arc<dyn Fixer>, report: &Report, context: &ValidationContext) -> Result<(), FixError> {
    let (fixer, report) = (Arc::clone(fixer), report.clone());
    let task = Scope::current().spawn(async move { fixer.fix(&report).await });
    let mut task = AbortOnDropHandle::new(task);
    tokio::select! {
        biased;
        () = context.cancellation().cancelled() => {
            if tokio::time::timeout(END_AT_MOST, &mut task).await.is_err() {
                task.abort();
                // One that does not yield is left to itself.
                drop(tokio::time::timeout(END_AT_MOST, task).await);
            }
            Err(FixError::new("the fix was cancelled"))
        }
        ended = &mut task => ended.unwrap_or_else(|_panicked| Err(FixError::new("the fixer panicked"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[derive(Debug)]
    struct No;

    #[async_trait]
    impl Validator for No {
        async fn validate(&self, _: &ValidationContext) -> Result<Verdict, ValidatorError> {
            Ok(Verdict::Failed("no".to_owned()))
        }
    }

    /// Cancels the run, and then takes some steps to come to its end, or never does.
    #[derive(Debug)]
    struct Cancels {
        run: CancellationToken,
        comes_to_its_end: bool,
        is_gone: Arc<AtomicBool>,
    }

    struct Gone(Arc<AtomicBool>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl Fixer for Cancels {
        async fn fix(&self, _: &Report) -> Result<(), FixError> {
            let _gone = Gone(Arc::clone(&self.is_gone));
            self.run.cancel();
            if !self.comes_to_its_end {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_fixer_is_gone_when_the_loop_ends() {
        for comes_to_its_end in [true, false] {
            let (run, is_gone) = (CancellationToken::new(), Arc::<AtomicBool>::default());
            let fixer = Cancels { run: run.clone(), comes_to_its_end, is_gone: Arc::clone(&is_gone) };
            let context = ValidationContext::new().with_cancellation(run);
            let set = [Validation::validator("no", Arc::new(No))];
            let outcome =
                ValidationPipeline::new(None).fix_loop(&context, &set, Arc::new(fixer), MAX_RUNS).await;
            assert_eq!(outcome.fix_error, Some(FixError::new("the fix was cancelled")));
            assert!(is_gone.load(Ordering::SeqCst), "comes to its end: {comes_to_its_end}");
        }
    }
}
