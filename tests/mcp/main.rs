//! The tools of servers of the Model Context Protocol: real child processes made with the same crate, well-behaved and
//! not, and servers over HTTP in the process of the test.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod child;
mod garbage;
mod hostile;
mod http;
mod process;
mod server;

use std::sync::Arc;
use std::time::Instant;

use agentbus::service::tool::mcp::McpServer;
use agentbus::service::tool::{ToolCall, ToolContext, ToolFailure, ToolOptions, ToolResult, ToolRuntime};
use agentbus::testing::RecordingEventBus;
use serde_json::Value;

/// The tools of a server in a runtime, and what they tell.
struct World {
    bus: RecordingEventBus,
    tools: ToolRuntime,
}

impl World {
    fn new(server: &McpServer, options: ToolOptions) -> Self {
        let bus = RecordingEventBus::new();
        let tools = ToolRuntime::with_options(options, Some(Arc::new(bus.clone())));
        for tool in server.tools() {
            tools.register(tool).unwrap();
        }
        Self { bus, tools }
    }

    async fn call(&self, tool: &str, input: Value) -> Result<ToolResult, ToolFailure> {
        self.tools.call(ToolCall::new(format!("small__{tool}"), input), &ToolContext::new()).await
    }

    async fn fail(&self, tool: &str, input: Value) -> ToolFailure {
        self.call(tool, input).await.expect_err("the call fails")
    }
}

fn names(server: &McpServer) -> Vec<String> {
    server.tools().iter().map(|tool| tool.spec().name).collect()
}

/// Waits until a condition holds, and fails if it does not within half a minute.
#[track_caller]
fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let (caller, started) = (std::panic::Location::caller(), Instant::now());
    async move {
        while !condition() {
            assert!(started.elapsed().as_secs() < 30, "what {caller} waits for did not happen");
            tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        }
    }
}

/// Whether there is a process of that id, as a zombie too.
fn is_there(pid: u64) -> bool {
    std::path::Path::new("/proc").join(pid.to_string()).exists()
}
