//! Steps of `features/validation.feature`.

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentbus::event::{PlanCreated, PlanId, PlanPhase, SandboxStrategy, Scope, Text};
use agentbus::service::sandbox::{Sandbox, SandboxService};
use agentbus::service::validation::{
    CheckOutcome, FixError, Fixer, Report, Validation, ValidationContext, ValidationPipeline, Validator,
    ValidatorError, Verdict,
};
use agentbus::{DomainEvent, EventBus as _};
use async_trait::async_trait;
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Validations>("validation.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Validations {
    told: Told,
    pipeline: ValidationPipeline,
    checks: Vec<Validation>,
    /// How often something was fixed.
    fixes: Arc<AtomicU32>,
    gives_up: bool,
    /// What runs now.
    scope: Scope,
    report: Option<Report>,
}

told_steps!(Validations);

impl Validations {
    fn new() -> Self {
        let told = Told::default();
        Self {
            pipeline: ValidationPipeline::new(Some(told.bus())),
            told,
            checks: Vec::new(),
            fixes: Arc::default(),
            gives_up: false,
            scope: Scope::new(),
            report: None,
        }
    }

    fn keep(&mut self, report: Report) {
        self.told.call(&report.run_id, "the run");
        self.report = Some(report);
    }
}

/// A project with `a.txt`, and sandboxes of it, which nobody is told of.
struct Project {
    folder: TempDir,
    root: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder can be made");
        let project = Self { folder: folder(), root: folder() };
        fs::write(project.folder.path().join("a.txt"), "one").expect("it can be written");
        project
    }

    async fn sandbox(&self, plan: &PlanId) -> Sandbox {
        let sandboxes = SandboxService::new(self.root.path(), None);
        let made = sandboxes.create(plan, self.folder.path(), SandboxStrategy::Copy).await;
        made.expect("the project can be copied")
    }
}

/// A check in words: `says yes`, `never answers`, `says yes after` so many fixes, or `says no`, `errors`, `panics` and
/// behind a colon why.
#[derive(Debug)]
struct InWords {
    words: String,
    fixes: Arc<AtomicU32>,
}

#[async_trait]
impl Validator for InWords {
    async fn validate(&self, _context: &ValidationContext) -> Result<Verdict, ValidatorError> {
        if let Some(fixes) = self.words.strip_prefix("says yes after ") {
            let fixes: u32 = fixes.parse().expect("a number of fixes");
            let is_fixed = self.fixes.load(Ordering::Relaxed) >= fixes;
            return Ok(if is_fixed { Verdict::Passed } else { Verdict::Failed("not yet".to_owned()) });
        }
        let (what, why) = self.words.split_once(": ").unwrap_or((&self.words, ""));
        match what {
            "says yes" => Ok(Verdict::Passed),
            "says no" => Ok(Verdict::Failed(why.to_owned())),
            "errors" => Err(ValidatorError::new(why)),
            "hangs" | "never answers" => std::future::pending().await,
            _ => panic!("{why}"),
        }
    }
}

/// Counts how often it fixed, or gives up.
#[derive(Debug)]
struct Fixes {
    count: Arc<AtomicU32>,
    gives_up: bool,
}

#[async_trait]
impl Fixer for Fixes {
    async fn fix(&self, _report: &Report) -> Result<(), FixError> {
        if self.gives_up {
            return Err(FixError::new("no idea"));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[given("these checks")]
fn these_checks(world: &mut Validations, step: &Step) {
    let table = step.table.as_ref().expect("the step has a table");
    for row in table.rows.iter().skip(1) {
        let [name, mode, does] = row.as_slice() else { panic!("not name, mode and what it does: {row:?}") };
        let check = if let Some(command) = does.strip_prefix("runs") {
            Validation::command(name, command.split_whitespace())
        } else {
            let validator = InWords { words: does.clone(), fixes: Arc::clone(&world.fixes) };
            Validation::validator(name, Arc::new(validator))
        };
        let check = if does == "hangs" { check.with_timeout(Duration::ZERO) } else { check };
        world.checks.push(match mode.as_str() {
            "required" => check,
            "informational" => check.informational(),
            other => panic!("no mode {other}"),
        });
    }
}

#[given("a fixer that gives up")]
fn gives_up(world: &mut Validations) {
    world.gives_up = true;
}

#[given(expr = "plan {string} was opened in the tree of {string} and session {string}")]
fn a_plan_was_opened(world: &mut Validations, plan: PlanId, root: PlanId, session: String) {
    let created = PlanCreated::new(1, plan.to_string(), PlanPhase::Action, Vec::<Text>::new(), 3);
    let event = DomainEvent::new(created).with_plan_id(&plan).with_root_plan_id(&root);
    let event = event.with_session_id(session.as_str());
    world.scope = event.scope();
    world.told.bus().emit(event);
}

#[when(expr = "the checks of plan {string} are run")]
async fn checks_run(world: &mut Validations, plan: PlanId) {
    let project = Project::new();
    let context = ValidationContext::in_sandbox(project.sandbox(&plan).await);
    world.told.listen();
    let run = world.pipeline.run(&context, &world.checks);
    let report = world.scope.clone().run(run).await;
    world.keep(report);
}

#[when("the checks are run without a sandbox")]
async fn checks_run_without_a_sandbox(world: &mut Validations) {
    world.told.listen();
    let report = world.pipeline.run(&ValidationContext::new(), &world.checks).await;
    world.keep(report);
}

#[when(expr = "the checks of plan {string} are run, and that is cancelled")]
async fn checks_run_and_cancelled(world: &mut Validations, plan: PlanId) {
    let cancellation = CancellationToken::new();
    cancellation.cancel();
    let context = ValidationContext::new().with_plan(plan).with_cancellation(cancellation);
    world.told.listen();
    let report = world.pipeline.run(&context, &world.checks).await;
    world.keep(report);
}

#[when(expr = "the checks of plan {string} are run, and nobody waits for them")]
async fn checks_run_and_dropped(world: &mut Validations, plan: PlanId) {
    let context = ValidationContext::new().with_plan(plan);
    world.told.listen();
    tokio::select! {
        biased;
        _ = world.pipeline.run(&context, &world.checks) => panic!("the check never answers"),
        () = tokio::task::yield_now() => {}
    }
}

#[when(expr = "the checks of plan {string} are run and fixed, at most {int} times")]
async fn checks_run_and_fixed(world: &mut Validations, plan: PlanId, most: NonZeroU32) {
    let context = ValidationContext::new().with_plan(plan);
    let fixer = Arc::new(Fixes { count: Arc::clone(&world.fixes), gives_up: world.gives_up });
    world.told.listen();
    let outcome = world.pipeline.fix_loop(&context, &world.checks, fixer, most).await;
    assert_eq!(outcome.fix_error.is_some(), world.gives_up);
    world.keep(outcome.report);
}

#[then(expr = "{string} could not say: {string}")]
fn could_not_say(world: &mut Validations, name: String, why: String) {
    let report = world.report.as_ref().expect("there was a run");
    let check = report.checks.iter().find(|check| check.name == name).expect("there is such a check");
    assert_eq!(check.outcome, CheckOutcome::Errored);
    assert!(check.output.contains(&why), "{}", check.output);
}

#[then(expr = "{int} runs are told, of which the last {word}")]
fn runs_are_told(world: &mut Validations, runs: usize, ends: String) {
    let mut expected = ["validation.started", "validation.failed"].repeat(runs);
    let last = format!("validation.{ends}");
    *expected.last_mut().expect("there is a run") = &last;
    assert_eq!(world.told.kinds(), expected);
}
