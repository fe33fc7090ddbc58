//! Answers that are none, and endpoints that are not there. Each is asked once.

use std::time::Duration;

use agentbus::service::actor::{ChatCompletionsModel, EndpointError, ModelError};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::server::{Answer, Server, asks, chunked, says};
use crate::{ask, pass};

/// What a model that does not ask again makes of an answer.
async fn failure(answer: Answer) -> ModelError {
    let server = Server::play([answer]).await;
    let error = ask(&server.model().retries(0).build().unwrap()).await.unwrap_err();
    assert_eq!(server.finished().await.len(), 1);
    error
}

#[track_caller]
fn endpoint_error(error: ModelError) -> EndpointError {
    match error {
        ModelError::Endpoint { error, attempts: 1, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_in_chunks_is_an_answer() {
    let body = chunked(&says("done").to_string(), 7);
    let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let server = Server::play([Answer::raw(answer)]).await;
    assert_eq!(ask(&server.model().build().unwrap()).await.unwrap().text, "done");
}

#[tokio::test]
async fn an_answer_that_is_no_chat_completion_is_malformed() {
    let mut wrong_type = says("x");
    wrong_type["choices"][0]["message"]["content"] = json!({"hunter2": 1});
    let mut cut = says("x");
    cut["choices"][0]["finish_reason"] = json!("length");
    let nameless = json!({"choices": [{"message": {"tool_calls": [{"id": "hunter2"}]}}]});
    let html = "<!DOCTYPE html><title>hunter2</title>";
    let answers = [
        (Answer::raw("hunter2 is no HTTP\r\n\r\n"), "it is no HTTP"),
        (Answer::status(200, "Content-Type: text/html\r\n", html), "it is no JSON from line 1 column 1 on"),
        (Answer::status(200, "", ""), "its JSON ends too early"),
        (Answer::status(200, "Content-Encoding: gzip\r\n", "\u{1f}\u{8b}hunter2"), "it is no JSON"),
        (Answer::ok(&json!(["hunter2"])), "it is no chat completion"),
        (Answer::ok(&json!({"choices": []})), "it has no choice"),
        (Answer::ok(&nameless), "it is no chat completion"),
        (Answer::ok(&wrong_type), "it is no chat completion"),
        (Answer::ok(&cut), "it was cut at the limit of tokens"),
    ];
    for (answer, expected) in answers {
        let error = failure(answer).await;
        assert!(matches!(error, ModelError::Malformed { .. }), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_are_left_to_the_actor() {
    let server = Server::play([Answer::ok(&asks(&[("call_1", "read_file", "{oops")]))]).await;
    let reply = ask(&server.model().build().unwrap()).await.unwrap();
    assert_eq!(reply.tool_calls[0].arguments, "{oops");
}

#[tokio::test]
async fn a_status_that_stays_so_is_told_with_the_message_of_its_error() {
    let message = r#"{"error": {"message": "no such model", "type": "invalid_request_error"}}"#;
    for status in [301, 400, 403, 404, 422, 501] {
        let error = failure(Answer::status(status, "Location: /elsewhere\r\n", message)).await;
        assert!(error.to_string().ends_with(&format!("status {status}: no such model")), "{error}");
        let expected = EndpointError::Status { status, message: Some("no such model".to_owned()) };
        assert_eq!(endpoint_error(error), expected);
    }
}

#[tokio::test]
async fn an_error_that_is_told_with_success_is_an_error() {
    let error = failure(Answer::ok(&json!({"error": {"message": "no credit", "code": 402}}))).await;
    let expected = EndpointError::Status { status: 200, message: Some("no credit".to_owned()) };
    assert_eq!(endpoint_error(error), expected);
}

#[tokio::test]
async fn a_status_counts_though_its_explanation_is_garbage_cut_or_huge() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    for answer in [
        Answer::status(400, "", "<html>"),
        Answer::raw("HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{\"error\""),
        Answer::raw("HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n").and_repeat(chunk),
    ] {
        let expected = EndpointError::Status { status: 400, message: None };
        assert_eq!(endpoint_error(failure(answer).await), expected);
    }
}

#[tokio::test]
async fn a_status_counts_though_its_explanation_never_comes() {
    for status in [401, 429] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 99\r\n\r\n{{\"error\"");
        let mut server = Server::play([Answer::raw(head).and_hold()]).await;
        let model = server.model().retries(0).timeout(Duration::from_hours(1)).build().unwrap();
        let asking = tokio::spawn(async move { ask(&model).await });
        server.until_asked(1).await;
        while !asking.is_finished() {
            pass(Duration::from_millis(100)).await;
        }
        let expected = EndpointError::Status { status, message: None };
        assert_eq!(endpoint_error(asking.await.unwrap().unwrap_err()), expected);
        server.finished().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_told() {
    let whole = says("x").to_string();
    let head = "HTTP/1.1 200 OK\r\n";
    for cut in [
        String::new(),
        "HTTP/1.".to_owned(),
        format!("{head}Content-Le"),
        format!("{head}Content-Length: {}\r\n\r\n{}", whole.len() + 1, whole),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{whole}\r\n", whole.len()),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{whole}\r\n"),
    ] {
        let error = endpoint_error(failure(Answer::raw(cut.clone())).await);
        assert!(matches!(error, EndpointError::Connection { .. }), "{cut:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_told_by_its_origin() {
    let gone = Server::play([]).await;
    let model = gone.model().retries(1).build().unwrap();
    let origin = gone.origin.clone();
    gone.finished().await;
    let error = ask(&model).await.unwrap_err();
    let expected = format!("the model at {origin} gave no answer in 2 attempts: the connection failed: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_refused_before_it_is_read() {
    let exact = says("x").to_string().len();
    for (answer, limit) in [
        (Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n").and_hold(), 1 << 20),
        (Answer::raw("HTTP/1.1 200 OK\r\n\r\n").and_repeat("x".repeat(4096)), 1 << 20),
        (Answer::says("x"), exact - 1),
    ] {
        let server = Server::play([answer]).await;
        let model = server.model().reply_limit(limit).build().unwrap();
        assert_eq!(endpoint_error(ask(&model).await.unwrap_err()), EndpointError::TooLarge { limit });
    }
    let server = Server::play([Answer::says("x")]).await;
    assert!(ask(&server.model().reply_limit(exact).build().unwrap()).await.is_ok());
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let error = failure(Answer::raw("HTTP/1.1 200 OK\r\n").and_repeat("X-More: of the same\r\n")).await;
    assert!(matches!(error, ModelError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let limit = Duration::from_secs(30);
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"choices\"";
    for answer in [Answer::raw(""), Answer::raw("HTTP/1.1 200 O"), Answer::raw(begun)] {
        let mut server = Server::play([answer.and_hold()]).await;
        let model = server.model().retries(0).timeout(limit).build().unwrap();
        let asking = tokio::spawn(async move { ask(&model).await });
        server.until_asked(1).await;
        pass(limit / 2).await;
        assert!(!asking.is_finished());
        pass(limit / 2).await;
        let error = endpoint_error(asking.await.unwrap().unwrap_err());
        assert_eq!(error, EndpointError::TimedOut { limit });
        server.finished().await;
    }
}

#[tokio::test]
async fn a_question_that_is_dropped_closes_its_connection() {
    let mut server = Server::play([Answer::raw("").and_hold()]).await;
    let model = server.model().build().unwrap();
    let asking = tokio::spawn(async move { ask(&model).await });
    server.until_asked(1).await;
    asking.abort();
    assert_eq!(server.finished().await.len(), 1, "it is not asked again");
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
async fn with_https_nothing_is_said_before_the_other_side_has_shown_who_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    let model = match ChatCompletionsModel::builder(url, "m").key("hunter2").retries(0).build() {
        Ok(model) => model,
        Err(error) if std::env::var_os("CI").is_none() => return eprintln!("passed over: {error:?}"),
        Err(error) => panic!("{error:?}"),
    };
    let asking = tokio::spawn(async move { ask(&model).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut said = vec![0; 3];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(said[..2], [0x16, 0x03], "a handshake of TLS");
    drop(stream);
    let error = endpoint_error(asking.await.unwrap().unwrap_err());
    assert!(matches!(error, EndpointError::Connection { .. }), "{error:?}");
}
