//! The world of the features about sandboxes, tools and actors, and the steps that they share.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use agentbus::DomainEvent;
use agentbus::event::{PlanId, SandboxStrategy, Scope};
use agentbus::service::actor::LanguageModel;
use agentbus::service::sandbox::{Sandbox, SandboxService};
use agentbus::service::tool::{ToolContext, ToolRuntime, built_in};
use agentbus::testing::RecordingEventBus;
use cucumber::writer::Stats as _;
use cucumber::{World, given, then};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::told::{Told, told_steps};

/// A project, a sandbox of it, and a bus that records what is told.
#[derive(Debug, World)]
#[world(init = Self::new)]
pub(crate) struct Agent {
    pub(crate) bus: RecordingEventBus,
    pub(crate) project: TempDir,
    /// Holds the sandboxes; removed with the world.
    _root: TempDir,
    pub(crate) sandboxes: SandboxService,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) tools: ToolRuntime,
    pub(crate) model: Option<Arc<dyn LanguageModel>>,
    pub(crate) told: Told,
    /// In what scope tools are called and actors run.
    pub(crate) scope: Scope,
    /// How many calls of tools there were.
    pub(crate) calls: u32,
    /// Cancels what is under way.
    pub(crate) token: CancellationToken,
}

impl Agent {
    fn new() -> Self {
        let bus = RecordingEventBus::new();
        let (project, root) = (folder(), folder());
        let sandboxes = SandboxService::new(root.path(), Some(Arc::new(bus.clone())));
        let tools = ToolRuntime::new(Some(Arc::new(bus.clone())));
        for tool in built_in() {
            tools.register(tool).expect("each has its name");
        }
        Self {
            told: Told::on(bus.clone()),
            scope: Scope::new(),
            calls: 0,
            bus,
            project,
            _root: root,
            sandboxes,
            sandbox: None,
            tools,
            model: None,
            token: CancellationToken::new(),
        }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("the background makes one")
    }

    pub(crate) fn context(&self) -> ToolContext {
        ToolContext::in_sandbox(self.sandbox().clone()).with_cancellation(self.token.clone())
    }

    fn events(&self, kind: &str) -> Vec<Arc<DomainEvent>> {
        self.bus.events().into_iter().filter(|event| event.type_name() == kind).collect()
    }

    fn only(&self, kind: &str) -> Arc<DomainEvent> {
        let events = self.events(kind);
        assert!(events.len() == 1, "not one {kind}\n{}", self.bus.transcript());
        events.into_iter().next().expect("there is one")
    }

    fn detail(&self, kind: &str, key: &str) -> String {
        let json = serde_json::to_value(&*self.only(kind)).expect("an event has a JSON form");
        match json.get("details").and_then(|details| details.get(key)) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            Some(other) => other.to_string(),
            None => panic!("{kind} has no {key}: {json:#}"),
        }
    }
}

told_steps!(Agent);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// Runs one feature; whether everything passed, and something did.
pub(crate) async fn run(feature: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("features").join(feature);
    assert!(path.is_file(), "no feature at {}", path.display());
    let run =
        Agent::cucumber().fail_on_skipped().with_default_cli().max_concurrent_scenarios(1).run(path).await;
    !run.execution_has_failed() && run.passed_steps() > 0
}

#[given(expr = "a project with {string} holding {string}")]
fn a_project(world: &mut Agent, path: String, content: String) {
    fs::write(world.project.path().join(path), content).expect("the project can be written");
}

#[given(expr = "a sandbox of it for plan {string}")]
async fn a_sandbox(world: &mut Agent, plan: String) {
    let (plan, project) = (PlanId::from(plan), world.project.path().to_owned());
    let made = world.sandboxes.create(&plan, project, SandboxStrategy::Copy).await;
    world.sandbox = Some(made.expect("the project can be copied"));
}

#[given(expr = "the plan {string} was opened")]
fn the_plan_was_opened(world: &mut Agent, plan: PlanId) {
    world.scope = world.told.opens_plan(&plan);
}

#[then(regex = r#"^"(.+)" is emitted for plan "(.+)" with "(.+)" being "?([^"]+)"?$"#)]
fn is_emitted_for_plan(world: &mut Agent, kind: String, plan: String, key: String, value: String) {
    assert_eq!(world.only(&kind).plan_id().map(ToString::to_string), Some(plan));
    assert_eq!(world.detail(&kind, &key), value);
}

#[then(regex = r#"^"([^"]+)" has "([^"]+)" being "?([^"]+)"?$"#)]
fn has(world: &mut Agent, kind: String, key: String, value: String) {
    assert_eq!(world.detail(&kind, &key), value);
}

#[then(expr = "{string} is emitted {int} times")]
fn is_emitted_times(world: &mut Agent, kind: String, times: usize) {
    assert_eq!(world.events(&kind).len(), times, "{}", world.bus.transcript());
}

#[then(expr = "{string} is caused by {string}")]
fn is_caused_by(world: &mut Agent, effect: String, cause: String) {
    let (effect, cause) = (world.only(&effect), world.only(&cause));
    assert_eq!(effect.causation_id(), Some(cause.id()));
    assert_eq!(effect.correlation_id(), cause.correlation_id());
}

#[then(expr = "it is refused because {string}")]
fn it_is_refused_because(world: &mut Agent, reason: String) {
    world.told.expect_refused(&reason);
}
