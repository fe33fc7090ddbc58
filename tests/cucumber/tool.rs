//! Steps of `features/tool.feature`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agentbus::service::tool::{Tool, ToolCall, ToolContext, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use cucumber::{given, when};
use serde_json::{Value, json};

use crate::agent::Agent;

pub(crate) async fn run() -> bool {
    crate::agent::run("tool.feature").await
}

/// Fails so many times before it works.
#[derive(Debug)]
struct Flaky {
    name: String,
    failures: AtomicU32,
}

#[async_trait]
impl Tool for Flaky {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.name.as_str(), "Fails for now.", json!({}))
    }

    async fn call(&self, _context: &ToolContext, _input: Value) -> Result<ToolOutput, ToolError> {
        match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_before) => Err(ToolError::transient("not now")),
            Err(_none_left) => Ok(ToolOutput::new("done")),
        }
    }
}

#[given(expr = "a tool {string} that fails {int} times for now")]
fn a_flaky_tool(world: &mut Agent, name: String, failures: u32) {
    let tool = Flaky { name, failures: AtomicU32::new(failures) };
    world.tools.register(Arc::new(tool)).expect("its name is free");
}

#[when(regex = r#"^"(.+)" is called with (.+)$"#)]
async fn called(world: &mut Agent, tool: String, input: String) {
    let input = serde_json::from_str(&input).expect("the scenario writes JSON");
    let result = world.tools.call(ToolCall::new(tool, input), &world.context()).await;
    world.settle(result);
}
