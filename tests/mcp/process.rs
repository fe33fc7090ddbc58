//! A good server as a child process: its tools are tools like others, and it never outlives those who use it.

use std::time::Duration;

use agentbus::EventType;
use agentbus::event::{ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked};
use agentbus::service::tool::mcp::{McpError, McpOptions, McpServer};
use agentbus::service::tool::{SafetyProfile, ToolCall, ToolContext, ToolOptions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::child::{command, good, spawn};
use crate::{World, is_there, names, until};

const INVOKED: EventType = EventType::ToolInvoked;
const COMPLETED: EventType = EventType::ToolCompleted;
const ERRORED: EventType = EventType::ToolErrored;

/// How many calls of a server run at once.
const MAX_CALLS: usize = 256;

#[tokio::test]
async fn the_tools_of_a_server_are_called_and_told_like_others() {
    let server = good().await;
    let all = [
        "contradict",
        "die",
        "echo",
        "environment",
        "fail",
        "fail_with_value",
        "family",
        "hang",
        "parts",
        "refuse_with_value",
        "value",
    ];
    assert_eq!(names(&server), all.map(|name| format!("small__{name}")));
    assert!(server.rejected().is_empty());
    let world = World::new(&server, ToolOptions::default());

    let result = world.call("echo", json!({"text": "hello"})).await.unwrap();
    assert_eq!((result.output.as_str(), result.truncated), ("hello", false));
    world.bus.assert_types([INVOKED, COMPLETED]);
    let invoked = world.bus.only::<ToolInvoked>();
    assert_eq!((invoked.tool.as_str(), invoked.read_only), ("small__echo", false));
    let completed = world.bus.only::<ToolCompleted>();
    assert_eq!((completed.output_bytes, completed.attempts), (5, 1));
    assert_eq!(completed.event().causation_id(), Some(invoked.event().id()));

    let parts = world.call("parts", json!({})).await.unwrap();
    assert_eq!(parts.output, "one\n[an image of 300 bytes]\ntwo");
    world.bus.take();
    let failure = world.fail("echo", json!({"text": 1})).await;
    assert_eq!(failure.kind, ToolErrorKind::Schema);
    world.bus.assert_types([ERRORED]);
}

#[tokio::test]
async fn an_error_that_a_tool_reports_is_told_masked_and_cut() {
    let server = good().await;
    let world = World::new(&server, ToolOptions::default());
    let text = format!("no such file; my key is sk-0123456789abcdefghijkl\u{1b}[2J{}", "x".repeat(5000));
    let failure = world.fail("fail", json!({"text": text})).await;
    assert_eq!((failure.kind, failure.attempts), (ToolErrorKind::Failed, 1));
    assert!(failure.message.contains("the tool reports an error: no such file"), "{failure}");
    assert!(!failure.message.contains("sk-0123") && !failure.message.contains('\u{1b}'), "{failure}");
    assert!(failure.message.len() < 2100);
}

#[tokio::test]
async fn a_hint_that_a_tool_changes_nothing_counts_only_if_it_is_trusted() {
    let server = good().await;
    assert!(server.tools().iter().all(|tool| !tool.spec().read_only));
    let trusted = spawn("good", McpOptions::default().trust_read_only_hints()).await.unwrap();
    let read_only: Vec<_> =
        trusted.tools().iter().map(|tool| tool.spec()).filter(|spec| spec.read_only).collect();
    assert_eq!(read_only.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>(), ["small__echo"]);

    let world = World::new(&server, ToolOptions::default());
    world.tools.restrict(&"plan-7".into());
    let context = ToolContext::new().with_plan("plan-7");
    let call = ToolCall::new("small__echo", json!({"text": "x"}));
    let failure = world.tools.call(call, &context).await.unwrap_err();
    assert!(failure.message.contains("read-only"), "{failure}");
    let denied = SafetyProfile::new().deny(["small__*"]).unwrap();
    let world = World::new(&server, ToolOptions::default().with_profile(denied));
    assert_eq!(world.fail("echo", json!({"text": "x"})).await.kind, ToolErrorKind::Refused);
}

#[tokio::test]
async fn a_call_that_ends_early_is_cancelled_at_the_server_which_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = McpOptions::default().with_call_timeout(Duration::from_secs(1));
    let server = spawn("good", options).await.unwrap();
    let world = World::new(&server, ToolOptions::default());
    let hang = |begun: &str, cancelled: &str| json!({"begun": path(begun), "cancelled": path(cancelled)});

    let failure = world.fail("hang", hang("1", "timed out")).await;
    assert_eq!(failure.kind, ToolErrorKind::Timeout);
    until(|| path("timed out").exists()).await;

    let token = CancellationToken::new();
    let context = ToolContext::new().with_cancellation(token.clone());
    let call = ToolCall::new("small__hang", hang("2", "cancelled"));
    let (called, ()) = tokio::join!(world.tools.call(call, &context), async {
        until(|| path("2").exists()).await;
        token.cancel();
    });
    assert_eq!(called.unwrap_err().kind, ToolErrorKind::Cancelled);
    until(|| path("cancelled").exists()).await;

    tokio::select! {
        called = world.call("hang", hang("3", "dropped")) => panic!("{called:?}"),
        () = until(|| path("3").exists()) => {}
    }
    until(|| path("dropped").exists()).await;
    assert_eq!(world.call("echo", json!({"text": "still here"})).await.unwrap().output, "still here");
}

#[tokio::test]
async fn more_calls_than_may_run_at_once_wait_for_those_that_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = good().await;
    let world = std::sync::Arc::new(World::new(&server, ToolOptions::default().with_timeout(Duration::MAX)));
    let mut calls = tokio::task::JoinSet::new();
    for nth in 0..=MAX_CALLS {
        let (world, begun) = (world.clone(), folder.path().join(nth.to_string()));
        calls.spawn(async move { world.call("hang", json!({"begun": begun})).await });
    }
    let begun = || std::fs::read_dir(folder.path()).unwrap().count();
    until(|| begun() >= MAX_CALLS).await;
    assert_eq!(begun(), MAX_CALLS);
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert_eq!(world.call("echo", json!({"text": "my turn"})).await.unwrap().output, "my turn");
    assert_eq!(begun(), MAX_CALLS, "what was given up before its turn was never asked");
}

#[tokio::test]
async fn calls_at_once_get_each_their_own_answer() {
    let server = good().await;
    let world = std::sync::Arc::new(World::new(&server, ToolOptions::default()));
    let calls: Vec<_> = (0..64)
        .map(|nth| {
            let world = world.clone();
            tokio::spawn(async move { world.call("echo", json!({"text": nth.to_string()})).await })
        })
        .collect();
    for (nth, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap().output, nth.to_string());
    }
}

#[tokio::test]
async fn a_server_that_dies_fails_its_calls_with_the_reason_and_leaves_nothing() {
    let server = good().await;
    let world = World::new(&server, ToolOptions::default());
    let ids = family(&world).await;
    world.bus.take();
    let failure = world.fail("die", json!({})).await;
    assert_eq!(failure.kind, ToolErrorKind::Failed);
    assert!(failure.message.contains("the MCP server small cannot be reached"), "{failure}");
    until(|| ids.iter().all(|id| !is_there(*id))).await;
    let failure = loop {
        let failure = world.fail("echo", json!({"text": "x"})).await;
        if failure.message.contains("its process ended: exit status: 3") {
            break failure;
        }
        assert!(failure.message.contains("the connection failed"), "{failure}");
    };
    assert_eq!(failure.kind, ToolErrorKind::Failed);
    assert_eq!(world.bus.all::<ToolErrored>().len(), world.bus.all::<ToolInvoked>().len());
}

/// Starts a child and a grandchild of the server; the ids of all three.
async fn family(world: &World) -> Vec<u64> {
    let said = world.call("family", json!({})).await.unwrap().output;
    let ids: Value = serde_json::from_str(&said).unwrap();
    let ids: Vec<_> =
        ["server", "child", "grandchild"].iter().map(|name| ids[name].as_u64().unwrap()).collect();
    assert!(ids.iter().all(|id| is_there(*id)), "{ids:?}");
    ids
}

#[tokio::test]
async fn a_server_that_is_closed_or_dropped_is_gone_with_its_whole_group_and_no_zombie() {
    let server = good().await;
    let world = World::new(&server, ToolOptions::default());
    let ids = family(&world).await;
    server.close().await;
    until(|| ids.iter().all(|id| !is_there(*id))).await;
    assert!(world.fail("echo", json!({"text": "x"})).await.message.contains("it was closed"));

    let server = good().await;
    let world = World::new(&server, ToolOptions::default());
    let ids = family(&world).await;
    drop(server);
    assert_eq!(world.call("echo", json!({"text": "kept"})).await.unwrap().output, "kept");
    drop(world);
    until(|| ids.iter().all(|id| !is_there(*id))).await;
}

#[tokio::test]
async fn a_server_sees_of_the_environment_what_is_allowed() {
    let server = good().await;
    let world = World::new(&server, ToolOptions::default());
    let seen = world.call("environment", json!({})).await.unwrap().output;
    let allowed = [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
        "AGENTBUS_TEST_MCP_SERVER",
    ];
    for name in seen.split_whitespace() {
        assert!(allowed.contains(&name), "{name} was passed on");
    }
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something that was not");
    let shown = format!("{:?}", command("good").with_variable("KEY", "hunter2").with_arguments(["hunter2"]));
    assert!(shown.contains("KEY") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_by_the_name_of_the_server() {
    let command = agentbus::service::tool::mcp::McpCommand::new("no-such-program-anywhere");
    let error = McpServer::spawn("small", command, McpOptions::default()).await.unwrap_err();
    assert!(matches!(error, McpError::Start { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot start the MCP server small");
    for name in ["", "a b", "ü", &"x".repeat(25)] {
        let error = McpServer::spawn(name, crate::child::command("good"), McpOptions::default()).await;
        assert!(matches!(error, Err(McpError::Setting { .. })), "{name}");
    }
}
