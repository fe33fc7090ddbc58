//! Where the key goes, and where it does not.

use std::sync::Arc;

use agentbus::redact::without_tags;
use agentbus::service::ActorRuntime;
use agentbus::service::actor::{Actor, ActorTask, ChatCompletionsBuilder, ModelError};
use agentbus::service::tool::ToolRuntime;
use agentbus::testing::RecordingEventBus;
use serde_json::json;

use crate::server::{Answer, Server, says};
use crate::{ask, log};

/// A key that no rule knows by its looks.
const KEY: &str = "open sesame 4711";

/// The header with the key that a model built so sends.
async fn sent(build: impl FnOnce(ChatCompletionsBuilder) -> ChatCompletionsBuilder) -> Option<String> {
    let server = Server::play([Answer::says("done")]).await;
    ask(&build(server.model()).build().unwrap()).await.unwrap();
    let head = server.finished().await.pop().unwrap().head;
    head.iter().find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned))
}

#[tokio::test]
async fn the_key_is_sent_as_a_bearer() {
    assert_eq!(sent(|model| model.key(KEY)).await.unwrap(), format!("Bearer {KEY}"));
    assert_eq!(sent(|model| model.key(KEY).without_key()).await, None);
}

#[tokio::test]
async fn the_key_is_taken_from_the_variable_that_is_named() {
    // One that is set everywhere.
    let expected = format!("Bearer {}", std::env::var("PATH").unwrap());
    assert_eq!(sent(|model| model.key_variable("PATH")).await.unwrap(), expected);
}

#[tokio::test]
async fn the_key_is_in_no_event_error_log_line_or_debug_output() {
    let quoted = json!({"error": {"message": format!("bad key {KEY}\u{1b}[2J, or sk-0123456789abcdefghij")}});
    let quoted = quoted.to_string();
    let mut odd = says(KEY);
    odd["choices"][0]["message"]["content"] = json!([KEY]);
    let answers = [
        Answer::status(401, "", &quoted),
        Answer::status(500, "", &quoted),
        Answer::status(400, "", KEY),
        Answer::status(200, "", &quoted),
        Answer::status(200, "", KEY),
        Answer::ok(&odd),
        Answer::raw(format!("{KEY}\r\n\r\n")),
        Answer::raw(format!("HTTP/1.1 200 {KEY}\r\n{KEY}")),
        Answer::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n")),
    ];
    for answer in answers {
        let server = Server::play([answer]).await;
        // After the script is played no connection comes about.
        let model = server.model().key(KEY).retries(1).build().unwrap();
        let bus = RecordingEventBus::new();
        let tools = ToolRuntime::new(None);
        let actors = ActorRuntime::new(tools, Some(Arc::new(bus.clone())));
        let debug = format!("{model:?}");
        let outcome = actors.run(&Actor::new("a", Arc::new(model)), ActorTask::new("well?")).await;
        server.finished().await;
        let events: Vec<_> = bus.take().iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        assert_eq!(events.len(), 2, "{events:?}");
        let told = format!("{debug} {outcome:?} {events:?}");
        assert!(!told.contains(KEY) && !told.contains("sk-0123"), "{told}");
    }
    assert!(!log::lines(&["model_retried", "[redacted:"]).is_empty(), "what was masked was logged");
    assert!(!log::all().contains(KEY));
}

#[tokio::test]
async fn what_is_told_of_an_endpoint_s_message_is_masked_and_cut() {
    let message = format!("key {KEY}, sk-0123456789abcdefghij\n{}", "x".repeat(5000));
    let body = json!({"error": {"message": message}}).to_string();
    let server = Server::play([Answer::status(403, "", &body), Answer::status(401, "", &body)]).await;
    let model = server.model().key(KEY).build().unwrap();
    let error = ask(&model).await.unwrap_err();
    assert!(matches!(error, ModelError::Endpoint { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        without_tags(&text).contains("status 403: key [redacted], [redacted] xxx") && text.len() < 600,
        "{text}"
    );
    let text = ask(&model).await.unwrap_err().to_string();
    assert!(text.ends_with("status 401: the endpoint does not take the key"), "{text}");
}
