//! Servers whose list of tools is such as nobody wants.

use std::time::Duration;

use agentbus::service::tool::ToolOptions;
use agentbus::service::tool::mcp::{McpError, McpOptions};

use crate::child::spawn;
use crate::{World, names};

#[tokio::test]
async fn tools_that_cannot_be_used_are_left_out_with_the_reason_and_the_others_are_bounded() {
    let server = spawn("hostile", McpOptions::default()).await.unwrap();
    let rejected: Vec<_> = server.rejected().iter().map(ToString::to_string).collect();
    for (tool, reason) in [
        ("twice", "there is one of that name"),
        ("remote", "#/properties/x/$ref: it refers to something outside"),
        ("bad", "#/type"),
        ("runaway", "#/properties/x/pattern"),
        ("large", "more than 262144"),
    ] {
        let named = format!("cannot use the tool {tool:?} of the MCP server small: ");
        let told = rejected.iter().find(|told| told.starts_with(&named));
        assert!(told.is_some_and(|told| told.contains(reason)), "{tool}: {rejected:?}");
    }
    assert_eq!(rejected.len(), 5);
    let names = names(&server);
    assert_eq!(names.len(), 6);
    for tool in server.tools() {
        let spec = tool.spec();
        assert!(spec.description.len() <= 4096 && !spec.description.contains('\u{1b}'));
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
    let error = spawn("endless pages", McpOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the MCP server small has more than 100 pages of tools");
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
