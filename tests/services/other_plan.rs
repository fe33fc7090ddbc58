//! Which plan a call serves: what is done for another plan than that of the scope does not carry the root of that one.

use std::sync::Arc;

use agentbus::event::{Scope, ToolErrorKind};
use agentbus::service::actor::{Actor, ActorRuntime, ActorTask, TranscriptModel};
use agentbus::service::tool::{ToolCall, ToolContext, ToolRuntime, built_in};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn events_of_another_plan_have_no_root_of_this_one() {
    let world = World::new();
    let inside = Scope::new().with_plan_id("child").with_root_plan_id("top");
    let reply = json!({"replies": [{"response": {"choices": [{"message": {"content": "done"}}]}}]});
    let model = TranscriptModel::parse("t.json", reply.to_string().as_bytes()).unwrap();
    inside
        .run(async {
            // The plan of the sandbox is another.
            let sandbox = world.sandbox().await;
            let context = ToolContext::in_sandbox(sandbox.clone());
            let tools = ToolRuntime::new(world.bus());
            for tool in built_in() {
                tools.register(tool).unwrap();
            }
            tools.call(ToolCall::new("list_files", json!({})), &context).await.unwrap();
            let actor = Actor::new("agents/a", Arc::new(model));
            let task = ActorTask::new("go").with_context(context);
            let _done = ActorRuntime::new(tools, world.bus()).run(&actor, task).await;
            world.sandboxes.close(sandbox.id()).await.unwrap();
        })
        .await;
    let events = world.bus.events();
    assert!(events.len() >= 5, "{events:?}");
    for event in events {
        assert_eq!(event.plan_id().unwrap(), &"plan-7");
        assert_eq!(event.root_plan_id(), None, "{event:?}");
    }
}

#[tokio::test]
async fn a_call_without_a_plan_of_its_own_is_held_to_that_of_the_scope() {
    let world = World::new();
    let tools = ToolRuntime::new(world.bus());
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    tools.restrict(&"p".into());
    let write = ToolCall::new("write_file", json!({"path": "a.txt", "content": ""}));
    let call = Scope::new().with_plan_id("p").run(tools.call(write, &ToolContext::new())).await;
    assert_eq!(call.unwrap_err().kind, ToolErrorKind::Refused);
}
