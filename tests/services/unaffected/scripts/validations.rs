use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentbus::service::validation::{
    FixError, Fixer, Report, Validation, ValidationContext, ValidationPipeline, Validator, ValidatorError,
    Verdict,
};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Bus, Lines};

#[derive(Debug, Clone)]
enum Check {
    SaysYes,
    SaysNo,
    Errors,
    Panics,
    Hangs,
    /// Says yes once it was fixed so often.
    Fixed(Arc<AtomicU32>, u32),
}

#[async_trait]
impl Validator for Check {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        tokio::task::yield_now().await;
        match self {
            Self::SaysYes => Ok(Verdict::Passed),
            Self::SaysNo => Ok(Verdict::Failed("no".to_owned())),
            Self::Errors => Err(ValidatorError::new("who knows")),
            Self::Panics => panic!("a check that is meant to"),
            Self::Hangs => std::future::pending().await,
            Self::Fixed(fixes, enough) if fixes.load(Ordering::Relaxed) >= *enough => Ok(Verdict::Passed),
            Self::Fixed(..) => Ok(Verdict::Failed("not yet".to_owned())),
        }
    }
}

#[derive(Debug)]
struct Fixes(Arc<AtomicU32>);

#[async_trait]
impl Fixer for Fixes {
    async fn fix(&self, _report: &Report) -> Result<(), FixError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            3 => Err(FixError::new("no idea")),
            4 => panic!("a fixer that is meant to"),
            _ => Ok(()),
        }
    }
}

fn tell(report: &Report) -> String {
    let checks = report.checks.iter().map(|check| (&check.name, check.mode, check.outcome, &check.output));
    format!("{} {} {:?}", report.attempt, report.is_passed(), checks.collect::<Vec<_>>())
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("validations");
    let pipeline = ValidationPipeline::new(bus);
    let check = |check: &Check| {
        let limit = if matches!(check, Check::Hangs) { Duration::ZERO } else { Duration::from_mins(5) };
        Validation::validator(format!("{check:?}"), Arc::new(check.clone())).with_timeout(limit)
    };
    let all = [Check::SaysYes, Check::SaysNo, Check::Errors, Check::Panics, Check::Hangs];
    let context = ValidationContext::new().with_plan("mend");
    for one in &all {
        lines.say(tell(&pipeline.run(&context, &[check(one)]).await));
        lines.say(tell(&pipeline.run(&context, &[check(one).informational()]).await));
    }
    let set: Vec<_> = all.iter().map(check).chain([Validation::command("no-sandbox", ["true"])]).collect();
    lines.say(tell(&pipeline.run(&context, &set).await));
    lines.say(tell(&pipeline.run(&context, &[]).await));

    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let context = context.with_cancellation(cancelled);
    lines.say(tell(&pipeline.run(&context, &set[..2]).await));

    let context = ValidationContext::new();
    let fixes = Arc::new(AtomicU32::new(0));
    for enough in [0, 1, 9, 9, 9] {
        let set = [Validation::validator("fixed", Arc::new(Check::Fixed(Arc::clone(&fixes), enough)))];
        let most = NonZeroU32::new(3).unwrap();
        let outcome = pipeline.fix_loop(&context, &set, Arc::new(Fixes(Arc::clone(&fixes))), most).await;
        lines.say((tell(&outcome.report), outcome.fix_error));
    }
    lines
}
