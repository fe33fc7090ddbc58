//! Programs of the embedder's as tools, in a sandbox and with real processes.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{ToolErrorKind, ToolRetried};
use agentbus::service::tool::{ProgramTool, ToolCall, ToolContext, ToolOptions, ToolRuntime};
use serde_json::json;

use crate::support::World;

fn runtime(world: &World, tool: ProgramTool) -> ToolRuntime {
    let tools = ToolRuntime::with_options(ToolOptions::default().with_backoff(Duration::ZERO), world.bus());
    tools.register(Arc::new(tool)).unwrap();
    tools
}

#[tokio::test]
async fn a_program_is_given_its_values_as_whole_arguments() {
    let world = World::new();
    let context = ToolContext::in_sandbox(world.sandbox().await);
    let show = ProgramTool::new("show", "Shows a text.", ["printf", "[%s]", "{text}", "{text}!"]);
    let tools = runtime(&world, show.with_parameter("text", "what to show"));
    let shown = tools.call(ToolCall::new("show", json!({"text": "a; b $HOME"})), &context).await.unwrap();
    assert!(shown.output.contains("[a; b $HOME][a; b $HOME!]"), "{}", shown.output);

    let option = tools.call(ToolCall::new("show", json!({"text": "-v"})), &context).await.unwrap_err();
    assert_eq!(option.kind, ToolErrorKind::Refused);
    let lacking = tools.call(ToolCall::new("show", json!({})), &context).await.unwrap_err();
    assert_eq!(lacking.kind, ToolErrorKind::Schema);
}

#[tokio::test]
async fn a_program_that_may_succeed_later_is_tried_again_and_one_that_fails_is_not() {
    let world = World::new();
    let context = ToolContext::in_sandbox(world.sandbox().await);
    let script = "test -e there && exit 3; touch there; exit 75";
    let tools = runtime(&world, ProgramTool::new("flaky", "Fails once.", ["sh", "-c", script]));
    let done = tools.call(ToolCall::new("flaky", json!({})), &context).await.unwrap();
    assert_eq!(done.attempts, 2);
    assert!(done.output.starts_with("exit status: 3\n"), "{}", done.output);
    assert_eq!(world.bus.only::<ToolRetried>().error, "flaky ended with status 75, for now");
}
