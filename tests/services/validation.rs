//! Runs of validations, by code and by commands.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentbus::EventType;
use agentbus::event::{ValidationFailed, ValidationPassed, ValidationStarted};
use agentbus::service::validation::{
    CheckOutcome, FixError, Fixer, Report, Validation, ValidationContext, ValidationOptions,
    ValidationPipeline, Validator, ValidatorError, Verdict,
};
use agentbus::testing::RecordingEventBus;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::support::{World, bus_of, until};

mod hostile;

#[derive(Clone, Copy, Debug)]
enum Says {
    Yes,
    No,
    CannotSay,
    Panic,
    Nothing,
}

#[async_trait]
impl Validator for Says {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        match self {
            Self::Yes => Ok(Verdict::Passed),
            Self::No => Ok(Verdict::Failed("it is wrong".to_owned())),
            Self::CannotSay => Err(ValidatorError::new("no ruler")),
            Self::Panic => panic!("at the disco"),
            Self::Nothing => std::future::pending().await,
        }
    }
}

fn check(name: &str, says: Says) -> Validation {
    Validation::validator(name, Arc::new(says))
}

fn pipeline() -> (RecordingEventBus, ValidationPipeline) {
    let bus = RecordingEventBus::new();
    let pipeline = ValidationPipeline::new(Some(bus_of(&bus)));
    (bus, pipeline)
}

fn names(list: &[agentbus::event::Text]) -> Vec<&str> {
    list.iter().map(agentbus::event::Text::as_str).collect()
}

#[tokio::test]
async fn an_informational_no_passes_and_is_told() {
    let (bus, pipeline) = pipeline();
    let set = [check("a", Says::Yes), check("b", Says::No).informational()];
    let report = pipeline.run(&ValidationContext::new().with_plan("plan-7"), &set).await;
    assert!(report.is_passed());
    bus.assert_types([EventType::ValidationStarted, EventType::ValidationPassed]);
    let started = bus.only::<ValidationStarted>();
    assert_eq!((started.required, started.informational, started.attempt), (1, 1, 1));
    let passed = bus.only::<ValidationPassed>();
    assert_eq!((passed.passed, passed.informational_failed), (1, 1));
    assert_eq!(passed.run_id, started.run_id);
    assert_eq!(passed.event().causation_id(), Some(started.event().id()));
    assert_eq!(passed.event().plan_id().unwrap(), &"plan-7");
}

#[tokio::test]
async fn a_check_without_a_name_is_told_as_unnamed() {
    let (bus, pipeline) = pipeline();
    pipeline.run(&ValidationContext::new(), &[check("", Says::No)]).await;
    let failed = bus.only::<ValidationFailed>();
    assert_eq!(names(failed.failed.items()), ["(unnamed)"]);
    assert!(serde_json::to_string(failed.event()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_no_counts_by_its_mode_and_what_cannot_say_always_counts() {
    let (bus, pipeline) = pipeline();
    let set = [
        check("yes", Says::Yes),
        check("no", Says::No),
        check("cannot", Says::CannotSay).informational(),
        check("panics", Says::Panic).informational(),
        check("hangs", Says::Nothing).informational().with_timeout(Duration::from_secs(5)),
        Validation::command("no-sandbox", ["true"]).informational(),
    ];
    let report = pipeline.run(&ValidationContext::new(), &set).await;
    assert!(!report.is_passed());
    let failed = bus.only::<ValidationFailed>();
    assert_eq!(names(&failed.failed), ["no"]);
    assert_eq!(names(&failed.errored), ["cannot", "panics", "hangs", "no-sandbox"]);
    assert_eq!(failed.passed, 1);
    let outputs: Vec<_> = report.checks.iter().map(|check| check.output.as_str()).collect();
    let expected = [
        "",
        "it is wrong",
        "no ruler",
        "it panicked: at the disco",
        "it took longer than 5 s",
        "there is no sandbox to run the command in",
    ];
    assert_eq!(outputs, expected);
}

#[tokio::test]
async fn commands_run_in_the_sandbox_and_speak_by_their_status() {
    let world = World::new();
    let pipeline = ValidationPipeline::new(world.bus());
    let context = ValidationContext::in_sandbox(world.sandbox().await);
    let set = [
        Validation::command("there", ["test", "-f", "a.txt"]),
        Validation::command("not-there", ["sh", "-c", "echo nothing here; exit 1"]),
        Validation::command("killed", ["sh", "-c", "kill -9 $$"]),
        Validation::command("unknown", ["no-such-program-anywhere"]),
        Validation::command("empty", Vec::<String>::new()),
    ];
    let report = pipeline.run(&context, &set).await;
    let outcomes: Vec<_> = report.checks.iter().map(|check| check.outcome).collect();
    let errored = CheckOutcome::Errored;
    assert_eq!(outcomes, [CheckOutcome::Passed, CheckOutcome::Failed, errored, errored, errored]);
    assert_eq!(report.checks[1].output, "exit status: 1\n--- stdout\nnothing here\n");
}

#[derive(Debug)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Validator for Gauge {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Verdict::Passed)
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_checks_run_at_once_and_no_more() {
    for most in [1, 2, 5] {
        let gauge = Arc::new(Gauge { now: AtomicUsize::new(0), most: AtomicUsize::new(0) });
        let options = ValidationOptions::default().with_concurrency(NonZeroUsize::new(most).unwrap());
        let set: Vec<_> = (0..5).map(|nth| Validation::validator(format!("{nth}"), gauge.clone())).collect();
        let report =
            ValidationPipeline::with_options(options, None).run(&ValidationContext::new(), &set).await;
        assert!(report.is_passed());
        assert_eq!(gauge.most.load(Ordering::SeqCst), most);
    }
}

#[tokio::test]
async fn a_cancelled_run_and_a_dropped_one_are_told_as_failed() {
    let (bus, pipeline) = pipeline();
    let token = CancellationToken::new();
    let context = ValidationContext::new().with_cancellation(token.clone());
    let set = [check("hangs", Says::Nothing)];
    let (report, ()) = tokio::join!(pipeline.run(&context, &set), async { token.cancel() });
    assert_eq!(report.checks[0].output, "it was cancelled");
    assert_eq!(names(&bus.only::<ValidationFailed>().errored), ["hangs"]);
    bus.take();
    let context = ValidationContext::new();
    tokio::select! {
        biased;
        _ = pipeline.run(&context, &set) => panic!("it hangs"),
        () = until(|| !bus.events().is_empty()) => {}
    }
    bus.assert_types([EventType::ValidationStarted, EventType::ValidationFailed]);
}

/// Says yes from some run on.
#[derive(Debug)]
struct From(AtomicUsize);

#[async_trait]
impl Validator for From {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(Verdict::Passed),
            left => Ok(Verdict::Failed(format!("{left} to mend"))),
        }
    }
}

#[derive(Debug)]
struct Mends(Arc<From>);

#[async_trait]
impl Fixer for Mends {
    async fn fix(&self, report: &Report) -> Result<(), FixError> {
        assert!(report.checks[0].output.ends_with("to mend"));
        self.0.0.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[derive(Debug)]
struct GivesUp;

#[async_trait]
impl Fixer for GivesUp {
    async fn fix(&self, _report: &Report) -> Result<(), FixError> {
        Err(FixError::new("no idea"))
    }
}

#[tokio::test]
async fn a_fix_loop_runs_again_until_it_passes_three_times_at_most() {
    for (faults, max, runs, passes) in
        [(0, 3, 1, true), (1, 3, 2, true), (2, 9, 3, true), (3, 9, 3, false), (1, 1, 1, false)]
    {
        let (bus, pipeline) = pipeline();
        let validator = Arc::new(From(AtomicUsize::new(faults)));
        let set = [Validation::validator("v", validator.clone())];
        let fixer = Arc::new(Mends(validator));
        let max = NonZeroU32::new(max).unwrap();
        let outcome = pipeline.fix_loop(&ValidationContext::new(), &set, fixer, max).await;
        assert_eq!((outcome.report.is_passed(), outcome.report.attempt), (passes, runs));
        let attempts: Vec<_> = bus.all::<ValidationStarted>().iter().map(|started| started.attempt).collect();
        assert_eq!(attempts, (1..=runs).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_fixer_that_gives_up_ends_the_loop_with_the_report() {
    let (bus, pipeline) = pipeline();
    let set = [check("no", Says::No)];
    let max = NonZeroU32::new(3).unwrap();
    let outcome = pipeline.fix_loop(&ValidationContext::new(), &set, Arc::new(GivesUp), max).await;
    assert_eq!(outcome.fix_error, Some(FixError::new("no idea")));
    bus.assert_types([EventType::ValidationStarted, EventType::ValidationFailed]);
}
