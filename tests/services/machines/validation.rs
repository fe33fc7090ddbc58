//! Runs of validations: what each check says decides, whatever else runs at the same time.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{EventType, PlanId, ValidationFailed, ValidationPassed, ValidationStarted};
use agentbus::service::validation::{
    CheckOutcome, FixError, Fixer, MAX_RUNS, Report, Validation, ValidationContext, ValidationMode,
    ValidationOptions, ValidationPipeline, Validator, ValidatorError, Verdict,
};
use agentbus::testing::RecordingEventBus;
use async_trait::async_trait;
use proptest::prelude::*;

use super::at_once;
use crate::support::bus_of;

/// What a check does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    SaysYes,
    SaysNo,
    CannotSay,
    Panics,
    TakesTooLong,
}

#[async_trait]
impl Validator for Does {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        tokio::task::yield_now().await;
        match self {
            Self::SaysYes => Ok(Verdict::Passed),
            Self::SaysNo => Ok(Verdict::Failed("no".to_owned())),
            Self::CannotSay => Err(ValidatorError::new("who knows")),
            Self::Panics => panic!("it is meant to"),
            Self::TakesTooLong => std::future::pending().await,
        }
    }
}

impl Does {
    fn outcome(self) -> CheckOutcome {
        match self {
            Self::SaysYes => CheckOutcome::Passed,
            Self::SaysNo => CheckOutcome::Failed,
            Self::CannotSay | Self::Panics | Self::TakesTooLong => CheckOutcome::Errored,
        }
    }
}

/// A check: what it does, and whether it is required.
type Check = (Does, bool);

fn check() -> impl Strategy<Value = Check> {
    let does = prop_oneof![
        10 => Just(Does::SaysYes),
        3 => Just(Does::SaysNo),
        1 => Just(Does::CannotSay),
        1 => Just(Does::Panics),
        1 => Just(Does::TakesTooLong),
    ];
    (does, any::<bool>())
}

fn set(checks: &[Check]) -> Vec<Validation> {
    let one = |(nth, (does, is_required)): (usize, &Check)| {
        let validation = Validation::validator(format!("check-{nth}"), Arc::new(*does));
        // Nothing takes so long but what never ends.
        let timeout = if *does == Does::TakesTooLong { Duration::ZERO } else { Duration::from_mins(1) };
        let validation = validation.with_timeout(timeout);
        if *is_required { validation } else { validation.informational() }
    };
    checks.iter().enumerate().map(one).collect()
}

/// The names of the checks for which that holds.
fn names(checks: &[Check], holds: impl Fn(CheckOutcome, bool) -> bool) -> Vec<String> {
    let are =
        checks.iter().enumerate().filter(|(_, (does, is_required))| holds(does.outcome(), *is_required));
    are.map(|(nth, _)| format!("check-{nth}")).collect()
}

/// What was told of one plan: a start and an end for each run, as its checks have it.
fn check_told(bus: &RecordingEventBus, plan: &PlanId, checks: &[Check], reports: &[Report]) {
    let failed = names(checks, |outcome, is_required| outcome == CheckOutcome::Failed && is_required);
    let let_pass = names(checks, |outcome, is_required| outcome == CheckOutcome::Failed && !is_required);
    let errored = names(checks, |outcome, _| outcome == CheckOutcome::Errored);
    let passed = names(checks, |outcome, _| outcome == CheckOutcome::Passed).len() as u64;
    let required = checks.iter().filter(|(_, is_required)| *is_required).count() as u64;
    let told: Vec<_> = bus.events().into_iter().filter(|event| event.plan_id() == Some(plan)).collect();
    assert_eq!(told.len(), 2 * reports.len());
    for (report, told) in reports.iter().zip(told.chunks(2)) {
        let started = told[0].details::<ValidationStarted>().unwrap();
        assert_eq!((&started.run_id, started.attempt), (&report.run_id, report.attempt));
        assert_eq!((started.required, started.informational), (required, checks.len() as u64 - required));
        assert_eq!(told[1].causation_id(), Some(told[0].id()));
        assert_eq!(told[1].correlation_id(), told[0].correlation_id());
        if failed.is_empty() && errored.is_empty() {
            let end = told[1].details::<ValidationPassed>().unwrap();
            assert_eq!((&end.run_id, end.passed), (&report.run_id, passed));
            assert_eq!(end.informational_failed, let_pass.len() as u64);
        } else {
            let end = told[1].details::<ValidationFailed>().unwrap();
            assert_eq!((&end.run_id, end.passed), (&report.run_id, passed));
            assert_eq!(end.failed.iter().map(ToString::to_string).collect::<Vec<_>>(), failed);
            assert_eq!(end.errored.iter().map(ToString::to_string).collect::<Vec<_>>(), errored);
        }
    }
}

fn check_report(report: &Report, checks: &[Check]) {
    let outcomes: Vec<_> = report.checks.iter().map(|check| (check.outcome, check.mode)).collect();
    let mode = |is_required| {
        if is_required { ValidationMode::Required } else { ValidationMode::Informational }
    };
    let expected: Vec<_> =
        checks.iter().map(|(does, is_required)| (does.outcome(), mode(*is_required))).collect();
    assert_eq!(outcomes, expected);
}

/// Mends nothing, and says so or gives up.
#[derive(Debug)]
struct Fixes(bool);

#[async_trait]
impl Fixer for Fixes {
    async fn fix(&self, _report: &Report) -> Result<(), FixError> {
        if self.0 { Ok(()) } else { Err(FixError::new("no idea")) }
    }
}

fn pipeline(concurrency: usize) -> (RecordingEventBus, ValidationPipeline) {
    let bus = RecordingEventBus::new();
    let options =
        ValidationOptions::default().with_concurrency(NonZeroUsize::new(concurrency).expect("above zero"));
    (bus.clone(), ValidationPipeline::with_options(options, Some(bus_of(&bus))))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn runs_of_many_tasks_at_once_say_and_tell_what_their_own_checks_say(
        sets in prop::collection::vec(prop::collection::vec(check(), 0..6), 8),
        concurrency in 1..4_usize,
    ) {
        let (bus, pipeline) = pipeline(concurrency);
        let begin = |(task, checks): (usize, Vec<Check>)| {
            let pipeline = pipeline.clone();
            async move {
                let plan = PlanId::from(format!("plan-{task}"));
                let context = ValidationContext::new().with_plan(&plan);
                let mut reports = Vec::new();
                for _ in 0..3 {
                    reports.push(pipeline.run(&context, &set(&checks)).await);
                }
                (plan, checks, reports)
            }
        };
        for (plan, checks, reports) in at_once(sets.into_iter().enumerate().map(begin)) {
            for report in &reports {
                check_report(report, &checks);
            }
            check_told(&bus, &plan, &checks, &reports);
        }
    }

    #[test]
    fn a_fix_loop_runs_as_often_as_it_must_and_no_more(
        checks in prop::collection::vec(check(), 0..4),
        max_runs in 1..6_u32,
        fixes: bool,
    ) {
        let (bus, pipeline) = pipeline(2);
        let (plan, max) = (PlanId::from("mend"), NonZeroU32::new(max_runs).unwrap());
        let context = ValidationContext::new().with_plan(&plan);
        let work = {
            let set = set(&checks);
            async move { pipeline.fix_loop(&context, &set, Arc::new(Fixes(fixes)), max).await }
        };
        let outcome = at_once([work]).remove(0);
        let passes = names(&checks, |outcome, is_required| {
            outcome == CheckOutcome::Errored || (outcome == CheckOutcome::Failed && is_required)
        })
        .is_empty();
        let runs = if passes || !fixes { 1 } else { max_runs.min(MAX_RUNS.get()) };
        prop_assert_eq!(outcome.report.attempt, runs);
        prop_assert_eq!(outcome.fix_error.is_some(), !passes && !fixes && max_runs > 1);
        let end = if passes { EventType::ValidationPassed } else { EventType::ValidationFailed };
        let expected: Vec<_> = (0..runs).flat_map(|_| [EventType::ValidationStarted, end]).collect();
        prop_assert_eq!(bus.types(), expected);
        let attempts: Vec<_> = bus.all::<ValidationStarted>().iter().map(|told| told.attempt).collect();
        prop_assert_eq!(attempts, (1..=runs).collect::<Vec<_>>());
        check_report(&outcome.report, &checks);
    }
}
