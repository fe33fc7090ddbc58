//! Servers that answer nonsense.

use std::time::Duration;

use agentbus::event::ToolErrorKind;
use agentbus::redact::without_tags;
use agentbus::service::tool::ToolOptions;
use agentbus::service::tool::mcp::{McpError, McpOptions};
use serde_json::json;

use crate::World;
use crate::child::spawn;

fn soon() -> McpOptions {
    McpOptions::default().with_start_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn nonsense_at_the_start_is_an_error_that_does_not_repeat_it() {
    for manner in ["other result", "other id", "other version", "error", "other list"] {
        let error = spawn(manner, soon()).await.unwrap_err();
        let is_told = matches!(
            error,
            McpError::Handshake { .. } | McpError::Listing { .. } | McpError::TimedOut { .. }
        );
        assert!(is_told, "{manner}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{manner}: {error:?}");
    }
}

#[tokio::test]
async fn noise_between_the_answers_is_passed_over() {
    let server = spawn("noisy", McpOptions::default()).await.unwrap();
    let world = World::new(&server, ToolOptions::default());
    assert_eq!(world.call("odd", json!({"how": "noise first"})).await.unwrap().output, "at last");
}

#[tokio::test]
async fn nonsense_in_place_of_a_result_is_a_failure_and_the_next_call_goes_on() {
    let server = spawn("noisy", McpOptions::default()).await.unwrap();
    let world = World::new(&server, ToolOptions::default().with_timeout(Duration::from_millis(500)));
    for how in ["not json", "other id", "too long"] {
        let failure = world.fail("odd", json!({"how": how})).await;
        assert_eq!(failure.kind, ToolErrorKind::Timeout, "{how}: {failure}");
    }
    let world = World::new(&server, ToolOptions::default());
    let failure = world.fail("odd", json!({"how": "other result"})).await;
    assert_eq!(failure.kind, ToolErrorKind::Failed);
    assert!(failure.message.ends_with("answered something that is no result of a tool"), "{failure}");
    let failure = world.fail("odd", json!({"how": "error"})).await;
    let told = without_tags(&failure.message);
    assert!(told.contains("reports an error: no: my key is [redacted]"), "{failure}");
    assert!(!failure.message.contains('\u{1b}'), "{failure}");
    let failure = world.fail("odd", json!({"how": "cut"})).await;
    assert!(failure.message.contains("cannot be reached"), "{failure}");
}
