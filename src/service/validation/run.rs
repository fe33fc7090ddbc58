//! One run of a set of validations.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::check::{
    Check, CheckOutcome, CheckResult, Report, Validation, ValidationContext, ValidationMode, Verdict,
};
use super::{ValidationOptions, ValidationPipeline};
use crate::emitter::Emitter;
use crate::event::{Few, RunId, Scope, ValidationFailed, ValidationPassed, ValidationStarted};
use crate::service::process::{DEFAULT_ENVIRONMENT, Invocation, run};
use crate::service::time::millis;
use crate::service::tool::panic_text;

/// More than the text of a finished command has beside its outputs, in bytes.
const HEADINGS: usize = 256;

/// A run from its start on. Dropped before its end, it tells what it has, and that the others could not say.
struct Running {
    emitter: Emitter,
    /// Caused by the run's `validation.started`.
    scope: Scope,
    run_id: RunId,
    attempt: u32,
    started: Instant,
    checks: Vec<CheckResult>,
    is_over: bool,
}

impl Running {
    fn end(&mut self) -> Report {
        self.is_over = true;
        let duration = self.started.elapsed();
        let (run_id, checks) = (self.run_id.clone(), std::mem::take(&mut self.checks));
        let report = Report { run_id, attempt: self.attempt, checks, duration };
        if report.is_passed() {
            self.emitter.emit_in(&self.scope, || {
                let informational = report.informational_failed().map(|_| 1).sum();
                ValidationPassed::new(&self.run_id, report.passed(), informational, millis(duration))
            });
        } else {
            self.emitter.emit_in(&self.scope, || {
                let failed: Few<_> = report.failed().map(CheckResult::told_name).collect();
                let errored: Few<_> = report.errored().map(CheckResult::told_name).collect();
                ValidationFailed::new(&self.run_id, failed, errored, report.passed(), millis(duration))
            });
        }
        report
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _told = self.end();
        }
    }
}

impl ValidationPipeline {
    pub(super) async fn attempt(
        &self,
        context: &ValidationContext,
        set: &[Validation],
        attempt: u32,
    ) -> Report {
        let scope = match context.plan() {
            Some(plan) => Scope::current().within_plan(plan),
            None => Scope::current(),
        };
        let run_id = RunId::generate();
        let scope = self.inner.emitter.open(&scope, || {
            let count = |mode| set.iter().filter(|validation| validation.mode == mode).map(|_| 1).sum();
            let (required, informational) =
                (count(ValidationMode::Required), count(ValidationMode::Informational));
            ValidationStarted::new(&run_id, required, informational, attempt)
        });
        let mut running = Running {
            emitter: self.inner.emitter.clone(),
            scope,
            run_id,
            attempt,
            started: Instant::now(),
            checks: set.iter().map(not_done).collect(),
            is_over: false,
        };
        let places = self.inner.options.concurrency.get().min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let tasks: Vec<_> = set
            .iter()
            .map(|validation| {
                let one = One {
                    validation: validation.clone(),
                    context: context.clone(),
                    options: self.inner.options.clone(),
                    places: Arc::clone(&places),
                };
                AbortOnDropHandle::new(running.scope.clone().spawn(one.check()))
            })
            .collect();
        for (task, check) in tasks.into_iter().zip(&mut running.checks) {
            match task.await {
                Ok(result) => *check = result,
                // It catches panics of the check, so only a runtime that shuts down ends it.
                Err(_shutting_down) => "the runtime shuts down".clone_into(&mut check.output),
            }
        }
        running.end()
    }
}

/// What a check counts as until it has said something.
fn not_done(validation: &Validation) -> CheckResult {
    CheckResult {
        name: validation.name.clone(),
        mode: validation.mode,
        outcome: CheckOutcome::Errored,
        output: "it was cancelled".to_owned(),
        truncated: false,
        duration: Duration::ZERO,
    }
}

/// One check of a run.
struct One {
    validation: Validation,
    context: ValidationContext,
    options: ValidationOptions,
    places: Arc<Semaphore>,
}

/// What a check said, its output, and whether a part of that is missing.
type Said = (CheckOutcome, String, bool);

impl One {
    async fn check(self) -> CheckResult {
        let mut result = not_done(&self.validation);
        let Some(_place) = self.unless_cancelled(self.places.acquire()).await else {
            return result;
        };
        let started = Instant::now();
        let limit = self.validation.timeout.unwrap_or(self.options.timeout);
        // In a task of its own, so that a panic ends it alone and one that blocks is still timed.
        let (check, context, options) =
            (self.validation.check.clone(), self.context.clone(), self.options.clone());
        let task = Scope::current().spawn(async move { ask(&check, &context, &options).await });
        let said = tokio::time::timeout(limit, AbortOnDropHandle::new(task));
        if let Some(in_time) = self.unless_cancelled(said).await {
            let errored = |text: String| (CheckOutcome::Errored, text, false);
            let (outcome, mut output, truncated) = match in_time {
                Ok(Ok(said)) => said,
                Ok(Err(failed)) => {
                    let text = failed.try_into_panic().map(|panic| panic_text(&*panic).to_owned());
                    errored(format!("it panicked: {}", text.as_deref().unwrap_or("the runtime shuts down")))
                }
                Err(_elapsed) => errored(format!("it took longer than {} s", limit.as_secs_f64())),
            };
            result.truncated = truncated || output.len() > self.options.output_limit;
            output.truncate(output.floor_char_boundary(self.options.output_limit));
            (result.outcome, result.output) = (outcome, output);
        }
        result.duration = started.elapsed();
        result
    }

    async fn unless_cancelled<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.context.cancellation().cancelled() => None,
            done = future => Some(done),
        }
    }
}

async fn ask(check: &Check, context: &ValidationContext, options: &ValidationOptions) -> Said {
    match check {
        Check::Command(words) => run_command(words, context, options).await,
        Check::Validator(validator) => match validator.validate(context).await {
            Ok(Verdict::Passed) => (CheckOutcome::Passed, String::new(), false),
            Ok(Verdict::Failed(why)) => (CheckOutcome::Failed, why, false),
            Err(error) => (CheckOutcome::Errored, error.message, false),
        },
    }
}

async fn run_command(words: &[String], context: &ValidationContext, options: &ValidationOptions) -> Said {
    let cannot = |why: String| (CheckOutcome::Errored, why, false);
    let Some((program, arguments)) = words.split_first() else {
        return cannot("the command is empty".to_owned());
    };
    let Some(sandbox) = context.sandbox() else {
        return cannot("there is no sandbox to run the command in".to_owned());
    };
    let access = match sandbox.write_access() {
        Ok(access) => access,
        Err(error) => return cannot(error.to_string()),
    };
    let invocation = Invocation {
        program: program.clone(),
        arguments: arguments.to_vec(),
        directory: sandbox.tree(),
        inherited: DEFAULT_ENVIRONMENT.map(str::to_owned).to_vec(),
        target: sandbox.target(),
        // Of both outputs the ends are kept, where tools say what is wrong; and both fit.
        capture: options.output_limit.saturating_sub(HEADINGS) / 2,
    };
    let finished = run(&invocation).await;
    drop(access);
    match finished {
        Ok(finished) if finished.status.success() => {
            (CheckOutcome::Passed, finished.text(), finished.is_cut())
        }
        // A signal is nothing that the program said.
        Ok(finished) if finished.status.code().is_none() => {
            (CheckOutcome::Errored, finished.text(), finished.is_cut())
        }
        Ok(finished) => (CheckOutcome::Failed, finished.text(), finished.is_cut()),
        Err(error) => cannot(format!("cannot run {program}: {error}")),
    }
}
