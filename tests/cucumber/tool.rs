//! Steps of `features/tool.feature`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentbus::service::tool::{
    Approval, ApprovalDecision, ApprovalQuestion, SafetyProfile, Tool, ToolCall, ToolContext, ToolError,
    ToolOptions, ToolOutput, ToolRuntime, ToolSpec, built_in,
};
use async_trait::async_trait;
use cucumber::{given, when};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

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

/// Calls a tool; the first call is named `call-1`, the next one `call-2`.
async fn call(world: &mut Agent, tool: String, input: &str, token: CancellationToken) {
    let input = serde_json::from_str(input).expect("the scenario writes JSON");
    world.calls += 1;
    let call = ToolCall::new(tool, input).with_id(format!("call-{}", world.calls));
    let context = world.context().with_cancellation(token);
    let result = world.scope.clone().run(world.tools.call(call, &context)).await;
    world.told.outcome(result);
}

#[when(regex = r#"^"(.+)" is called with (.+)$"#)]
async fn called(world: &mut Agent, tool: String, input: String) {
    call(world, tool, &input, world.token.clone()).await;
}

#[when(regex = r#"^somebody who has given up calls "(.+)" with (.+)$"#)]
async fn called_and_given_up(world: &mut Agent, tool: String, input: String) {
    let token = CancellationToken::new();
    token.cancel();
    call(world, tool, &input, token).await;
}

/// Does one thing, always.
#[derive(Debug)]
struct Constant {
    name: String,
    manner: Manner,
}

#[derive(Debug)]
enum Manner {
    Fails,
    Hangs,
    Panics,
    IsCancelled(CancellationToken),
    Says(usize),
    Refers(String),
}

#[async_trait]
impl Tool for Constant {
    fn spec(&self) -> ToolSpec {
        let schema = match &self.manner {
            Manner::Refers(url) => json!({ "$ref": url }),
            _ => json!({}),
        };
        let spec = ToolSpec::new(self.name.as_str(), "Does one thing.", schema);
        if matches!(self.manner, Manner::Hangs) { spec.with_timeout(Duration::from_millis(10)) } else { spec }
    }

    async fn call(&self, _context: &ToolContext, _input: Value) -> Result<ToolOutput, ToolError> {
        match &self.manner {
            Manner::Fails => Err(ToolError::failed("it is broken")),
            Manner::Hangs => std::future::pending().await,
            Manner::Panics => panic!("at the disco"),
            Manner::IsCancelled(token) => {
                token.cancel();
                std::future::pending().await
            }
            Manner::Says(bytes) => Ok(ToolOutput::new("x".repeat(*bytes))),
            Manner::Refers(_) => Ok(ToolOutput::new("never called")),
        }
    }
}

fn register(world: &mut Agent, name: String, manner: Manner) {
    let registered = world.tools.register(Arc::new(Constant { name, manner }));
    world.told.outcome(registered);
}

#[given(expr = "a tool {string} that fails for good")]
fn a_broken_tool(world: &mut Agent, name: String) {
    register(world, name, Manner::Fails);
}

#[given(expr = "a tool {string} that hangs")]
fn a_hanging_tool(world: &mut Agent, name: String) {
    register(world, name, Manner::Hangs);
}

#[given(expr = "a tool {string} that panics")]
fn a_panicking_tool(world: &mut Agent, name: String) {
    register(world, name, Manner::Panics);
}

#[given(expr = "a tool {string} that says {int} bytes")]
fn a_wordy_tool(world: &mut Agent, name: String, bytes: usize) {
    register(world, name, Manner::Says(bytes));
}

#[given(expr = "a tool {string} whose call is cancelled while it runs")]
fn a_cancelled_tool(world: &mut Agent, name: String) {
    let token = world.token.clone();
    register(world, name, Manner::IsCancelled(token));
}

#[when(expr = "a tool {string} is registered whose schema refers to {string}")]
fn a_remote_tool(world: &mut Agent, name: String, url: String) {
    register(world, name, Manner::Refers(url));
}

#[given(expr = "plan {string} is read-only")]
fn a_read_only_plan(world: &mut Agent, plan: String) {
    world.tools.restrict(&plan.into());
}

/// The built-in tools, with another profile.
fn with_profile(world: &mut Agent, profile: SafetyProfile) {
    let options = ToolOptions::default().with_profile(profile);
    world.tools = ToolRuntime::with_options(options, Some(Arc::new(world.bus.clone())));
    for tool in built_in() {
        world.tools.register(tool).expect("each has its name");
    }
}

#[given(expr = "a safety profile that denies {string}")]
fn a_profile_that_denies(world: &mut Agent, names: String) {
    with_profile(world, SafetyProfile::new().deny([names.as_str()]).expect("it is a glob"));
}

#[given(expr = "a safety profile that allows {string}")]
fn a_profile_that_allows(world: &mut Agent, names: String) {
    with_profile(world, SafetyProfile::new().allow([names.as_str()]).expect("it is a glob"));
}

#[given(expr = "a safety profile that allows {int} calls for each plan")]
fn a_profile_that_counts(world: &mut Agent, calls: u32) {
    let calls = NonZeroU32::new(calls).expect("at least one");
    with_profile(world, SafetyProfile::new().with_max_calls_per_plan(calls));
}

/// Refuses everything.
#[derive(Debug)]
struct Says(String);

#[async_trait]
impl Approval for Says {
    async fn decide(&self, _question: &ApprovalQuestion) -> ApprovalDecision {
        ApprovalDecision::Refused { reason: self.0.clone() }
    }
}

#[given(expr = "a safety profile that asks somebody who says {string}")]
fn a_profile_that_asks(world: &mut Agent, reason: String) {
    with_profile(world, SafetyProfile::new().with_approval(Arc::new(Says(reason))));
}
