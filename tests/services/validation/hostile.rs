//! Checks that block, panic at length, or say too much.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use agentbus::service::validation::{
    CheckOutcome, Validation, ValidationContext, ValidationOptions, ValidationPipeline, Validator,
    ValidatorError, Verdict,
};
use async_trait::async_trait;

use crate::support::World;

/// Blocks its thread until it is released, and says yes then.
#[derive(Debug)]
struct Blocks(Mutex<mpsc::Receiver<()>>);

#[async_trait]
impl Validator for Blocks {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        let _released = self.0.lock().unwrap().recv();
        Ok(Verdict::Passed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_blocks_is_out_of_time_and_its_late_yes_does_not_count() {
    let (release, released) = mpsc::channel();
    let check = Validation::validator("blocks", Arc::new(Blocks(Mutex::new(released))));
    let check = check.with_timeout(Duration::from_millis(1));
    let report = ValidationPipeline::new(None).run(&ValidationContext::new(), &[check]).await;
    release.send(()).unwrap();
    assert_eq!(report.checks[0].outcome, CheckOutcome::Errored);
    assert!(report.checks[0].output.contains("took longer than"), "{}", report.checks[0].output);
}

/// Panics with that many bytes.
#[derive(Debug)]
struct Shouts(usize);

#[async_trait]
impl Validator for Shouts {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        panic!("{}", "x".repeat(self.0));
    }
}

#[tokio::test]
async fn what_a_panic_says_is_cut_like_any_output_and_no_limit_is_too_high() {
    let options = ValidationOptions::default().with_concurrency(NonZeroUsize::MAX).with_output_limit(1_000);
    let set = [Validation::validator("shouts", Arc::new(Shouts(10_000)))];
    let report = ValidationPipeline::with_options(options, None).run(&ValidationContext::new(), &set).await;
    let check = &report.checks[0];
    assert_eq!((check.outcome, check.output.len(), check.truncated), (CheckOutcome::Errored, 1_000, true));
    assert!(check.output.starts_with("it panicked: xxx"));
}

#[tokio::test]
async fn the_ends_of_both_outputs_of_a_command_are_kept() {
    let world = World::new();
    let context = ValidationContext::in_sandbox(world.sandbox().await);
    let script = "yes | head -c 70000; echo LAST; echo REAL >&2; exit 1";
    let set = [Validation::command("loud", ["sh", "-c", script])];
    let report = ValidationPipeline::new(None).run(&context, &set).await;
    let check = &report.checks[0];
    assert!(check.truncated && check.output.contains("LAST") && check.output.contains("REAL"));
    assert!(check.output.len() <= 64 << 10);
}
