use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentbus::service::tool::{
    Tool, ToolCall, ToolContext, ToolError, ToolFailure, ToolOptions, ToolOutput, ToolResult, ToolRuntime,
    ToolSpec,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Bus, Lines};

/// A tool that does what its name says.
#[derive(Debug)]
pub(super) struct Named(&'static str, AtomicU32);

impl Named {
    pub(super) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self(name, AtomicU32::new(0)))
    }
}

#[async_trait]
impl Tool for Named {
    fn spec(&self) -> ToolSpec {
        let input = json!({"properties": {"text": {"type": "string"}}, "additionalProperties": false});
        let spec = ToolSpec::new(self.0, "Does what it is called.", input);
        if self.0 == "hang" { spec.with_timeout(Duration::ZERO) } else { spec }
    }

    async fn call(&self, _context: &ToolContext, _input: Value) -> Result<ToolOutput, ToolError> {
        match (self.0, self.1.fetch_add(1, Ordering::Relaxed)) {
            ("say", _) | ("retry", 2..) => Ok(ToolOutput::new("said")),
            ("fail", _) => Err(ToolError::failed("it is broken")),
            ("refuse", _) => Err(ToolError::refused("not that")),
            ("retry", _) => Err(ToolError::transient("not now")),
            ("hang", _) => std::future::pending().await,
            _ => panic!("a tool that is meant to"),
        }
    }
}

fn tell(result: Result<ToolResult, ToolFailure>, lines: &mut Lines) {
    match result {
        Ok(ToolResult { output, truncated, bytes, hash, attempts, .. }) => {
            lines.say((output, truncated, bytes, hash, attempts));
        }
        Err(ToolFailure { tool, kind, message, attempts, .. }) => lines.say((tool, kind, message, attempts)),
    }
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("tools");
    let tools = ToolRuntime::with_options(ToolOptions::default().with_backoff(Duration::ZERO), bus);
    for name in ["say", "fail", "refuse", "retry", "panic", "hang", "say"] {
        lines.came(tools.register(Named::new(name)), |()| name);
    }
    let context = ToolContext::new().with_plan("mend");
    for name in ["say", "fail", "refuse", "retry", "panic", "hang", "nobody"] {
        tell(tools.call(ToolCall::new(name, json!({"text": "so"})), &context).await, &mut lines);
        tell(tools.call(ToolCall::new(name, json!({"text": 7})), &context).await, &mut lines);
    }
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let context = context.with_cancellation(cancelled);
    tell(tools.call(ToolCall::new("say", json!({})), &context).await, &mut lines);
    lines
}
