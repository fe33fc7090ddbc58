//! Servers whose list of tools is such as nobody wants.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::ToolErrorKind;
use agentbus::service::tool::ToolOptions;
use agentbus::service::tool::mcp::{McpError, McpOptions, McpServer};
use rustix::fs::Mode;
use serde_json::json;
use tokio::task::JoinSet;

use crate::child::{command, spawn};
use crate::server::KEY;
use crate::{World, names};

#[tokio::test]
async fn tools_that_cannot_be_used_are_left_out_with_the_reason_and_the_others_are_bounded() {
    let command = command("hostile").with_variable("KEY", KEY);
    let server = McpServer::spawn("small", command, McpOptions::default()).await.unwrap();
    let rejected: Vec<_> = server.rejected().iter().map(ToString::to_string).collect();
    for (tool, reason) in [
        ("twice", "there is one of that name"),
        ("remote", "#/properties/x/$ref: it refers to something outside"),
        ("bad", "#/type"),
        ("runaway", "#/properties/x/pattern"),
        ("large", "more than 262144"),
        ("patterns", "more than 64 patterns"),
        ("hidden", "#/properties: it has a character that cannot be seen, U+202E"),
        ("lines", "#/properties: it has a name with a line break"),
        ("long", "#/properties: it has a name of 257 bytes, more than 256"),
        ("leak", "says back a value that the server was sent"),
    ] {
        let named = format!("cannot use the tool {tool:?} of the MCP server small: ");
        let told = rejected.iter().find(|told| told.starts_with(&named));
        assert!(told.is_some_and(|told| told.contains(reason)), "{tool}: {rejected:?}");
    }
    assert_eq!(rejected.len(), 10);
    let names = names(&server);
    assert_eq!(names.len(), 6);
    for tool in server.tools() {
        let spec = tool.spec();
        assert!(
            spec.description.len() <= 4096 && !spec.description.contains(['\u{1b}', '\u{202e}', '\u{e0041}'])
        );
        assert!(!format!("{spec:?}").contains(KEY), "{spec:?}");
    }
    // Each of them has a name that the runtime takes, and none meets another.
    World::new(&server, ToolOptions::default());
}

#[tokio::test]
async fn more_tools_or_pages_than_are_read_are_an_error() {
    let error = spawn("many tools", McpOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the MCP server small has more than 512 tools");
    let all = spawn("many tools", McpOptions::default().with_max_tools(10_000)).await.unwrap();
    assert_eq!(all.tools().len(), 10_000);
    let patterns = spawn("many patterns", McpOptions::default()).await.unwrap();
    assert_eq!((patterns.tools().len(), patterns.rejected().len()), (8, 2));
    let told = patterns.rejected()[0].to_string();
    assert!(told.ends_with("with it the server would have more than 512 patterns"), "{told}");
    let large = spawn("large tools", McpOptions::default().with_max_message(16 << 20)).await.unwrap();
    assert_eq!((large.tools().len(), large.rejected().len()), (20, 10));
    let told = large.rejected()[0].to_string();
    assert!(
        told.ends_with("with it the server would have more than 4194304 bytes of names and schemas"),
        "{told}"
    );
    let error = spawn("endless pages", McpOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the MCP server small has more than 100 pages of tools");
}

#[tokio::test]
async fn what_a_server_does_not_read_in_time_is_never_told_and_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let wake = folder.path().join("wake");
    rustix::fs::mkfifoat(rustix::fs::CWD, &wake, Mode::RWXU).unwrap();
    let command = command("deaf").with_open_variable("WAKE", wake.to_str().unwrap());
    let server = McpServer::spawn("small", command, McpOptions::default()).await.unwrap();
    let world =
        Arc::new(World::new(&server, ToolOptions::default().with_timeout(Duration::from_millis(200))));
    // A pipe holds a handful of those.
    let input = json!({"filler": "x".repeat(8 << 10)});
    for _round in 0..4 {
        let mut calls = JoinSet::new();
        for _call in 0..64 {
            let (world, input) = (Arc::clone(&world), input.clone());
            calls.spawn(async move { world.fail("odd", input).await.kind });
        }
        assert!(calls.join_all().await.iter().all(|kind| *kind == ToolErrorKind::Timeout));
    }
    tokio::task::spawn_blocking(|| std::fs::write(wake, "")).await.unwrap().unwrap();
    let read = World::new(&server, ToolOptions::default()).call("odd", json!({})).await.unwrap().output;
    assert!(
        read.parse::<u32>().unwrap() < 32,
        "the server was told of {read} calls, of which nobody waits for more than one"
    );
}

#[tokio::test]
async fn a_server_that_hangs_or_dies_at_the_start_is_an_error_in_time() {
    let soon = McpOptions::default().with_start_timeout(Duration::from_secs(2));
    for manner in ["hangs at once", "hangs at list"] {
        let error = spawn(manner, soon).await.unwrap_err();
        assert!(matches!(error, McpError::TimedOut { .. }), "{manner}: {error:?}");
        assert_eq!(error.to_string(), "the MCP server small did not start within 2 s");
    }
    let error = spawn("dies at once", McpOptions::default()).await.unwrap_err();
    assert!(matches!(error, McpError::Handshake { .. }), "{error:?}");
    let error = spawn("dies at list", McpOptions::default()).await.unwrap_err();
    assert!(matches!(error, McpError::Listing { .. }), "{error:?}");
}

#[tokio::test]
async fn a_value_that_the_server_was_sent_is_masked_where_it_says_it_back() {
    let command = command("good").with_variable("KEY", KEY).with_open_variable("PLACE", "/srv/files");
    let server = McpServer::spawn("small", command, McpOptions::default()).await.unwrap();
    let world = World::new(&server, ToolOptions::default());
    let said = world.call("value", json!({"text": "KEY"})).await.unwrap();
    assert_eq!(said.output, "it is [redacted]");
    assert_eq!(world.call("value", json!({"text": "PLACE"})).await.unwrap().output, "it is /srv/files");
    for tool in ["fail with value", "refuse with value"] {
        let failure = world.fail(&tool.replace(' ', "_"), json!({"text": "KEY"})).await;
        assert!(failure.message.contains("it is [redacted]"), "{failure}");
    }
    let told = format!("{:?}", world.bus.events());
    assert!(!told.contains(KEY), "{told}");
}

#[tokio::test]
async fn a_value_that_the_server_inherits_is_masked_where_it_says_it_back() {
    // What cargo sets for each test; the environment of a process that runs cannot be changed without danger.
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let command = command("good").with_environment(["PATH", "CARGO_MANIFEST_DIR"]);
    let server = McpServer::spawn("small", command, McpOptions::default()).await.unwrap();
    let world = World::new(&server, ToolOptions::default());
    let said = world.call("value", json!({"text": "CARGO_MANIFEST_DIR"})).await.unwrap();
    assert_eq!(said.output, "it is [redacted]", "{folder}");
    let path = world.call("value", json!({"text": "PATH"})).await.unwrap();
    assert_eq!(path.output, format!("it is {}", std::env::var("PATH").unwrap()));
}
