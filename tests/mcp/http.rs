//! Servers over HTTP, in the process of the test.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbus::event::ToolErrorKind;
use agentbus::service::tool::ToolOptions;
use agentbus::service::tool::mcp::{McpEndpoint, McpError, McpOptions, McpServer};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::World;
use crate::server::{KEY, Mode, Small};

/// A server on a free port of the loopback.
struct HttpServer {
    url: String,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
    _task: AbortOnDropHandle<()>,
}

/// A good one, that answers in plain JSON or by a stream of events.
async fn serve(config: StreamableHttpServerConfig) -> HttpServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(Small { mode: Mode::Good }), sessions, config);
    let heard = seen.clone();
    let task = tokio::spawn(async move {
        // They end with the task.
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (service, heard) = (service.clone(), heard.clone());
            connections.spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    heard.lock().unwrap().push(request.headers().clone());
                    let service = service.clone();
                    async move { Ok::<_, Infallible>(service.handle(request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                drop(connection.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
    HttpServer { url, seen, _task: AbortOnDropHandle::new(task) }
}

#[tokio::test]
async fn the_tools_of_a_server_over_http_are_tools_like_others() {
    let mut plain = StreamableHttpServerConfig::default();
    plain.legacy_session_mode = false;
    plain.json_response = true;
    for config in [StreamableHttpServerConfig::default(), plain] {
        let http = serve(config).await;
        let endpoint = McpEndpoint::new(&http.url).with_header("authorization", format!("Bearer {KEY}"));
        assert!(!format!("{endpoint:?}").contains(KEY));
        let server = McpServer::connect("small", endpoint, McpOptions::default()).await.unwrap();
        let world = World::new(&server, ToolOptions::default());
        assert_eq!(world.call("echo", json!({"text": "hello"})).await.unwrap().output, "hello");
        let said = world.call("echo", json!({"text": format!("got Bearer {KEY}, or {KEY}")})).await;
        assert_eq!(said.unwrap().output, "got [redacted], or [redacted]");
        let failure = world.fail("fail", json!({"text": "broken"})).await;
        assert!(failure.message.contains("the tool reports an error: broken"), "{failure}");
        assert!(!format!("{server:?} {world:?}", world = world.tools).contains(KEY));
        server.close().await;
        let seen = http.seen.lock().unwrap();
        let sent = format!("Bearer {KEY}");
        assert!(seen.len() >= 4 && seen.iter().all(|head| head["authorization"] == sent.as_str()));
    }
}

#[tokio::test]
async fn a_call_over_http_that_hangs_ends_at_its_timeout_and_a_server_that_is_gone_is_told() {
    let http = serve(StreamableHttpServerConfig::default()).await;
    let options = McpOptions::default().with_call_timeout(Duration::from_millis(500));
    let server = McpServer::connect("small", McpEndpoint::new(&http.url), options).await.unwrap();
    let world = World::new(&server, ToolOptions::default());
    assert_eq!(world.fail("hang", json!({})).await.kind, ToolErrorKind::Timeout);
    assert_eq!(world.call("echo", json!({"text": "still here"})).await.unwrap().output, "still here");
    drop(http);
    // What comes first may still have an answer under way.
    let failure = loop {
        if let Err(failure) = world.call("echo", json!({"text": "gone?"})).await {
            break failure;
        }
    };
    assert!(failure.message.ends_with("cannot be reached: the connection failed"), "{failure}");
}

/// A server that says the same to everybody, and counts them.
async fn says(answer: Vec<u8>) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 64 << 10];
            let _asked = stream.read(&mut asked).await.unwrap();
            drop(stream.write_all(&answer).await);
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
        }
    });
    (url, AbortOnDropHandle::new(task))
}

fn ok(kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn an_endpoint_that_answers_nonsense_is_an_error_in_time_without_what_it_said() {
    let (elsewhere, _elsewhere) = says(ok("application/json", "{}")).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
    let large = format!("\"{}\"", "x".repeat(6 << 20));
    for answer in [
        b"HTTP/1.1 500 hunter2\r\ncontent-length: 7\r\n\r\nhunter2".to_vec(),
        b"HTTP/1.1 401 X\r\nwww-authenticate: hunter2\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"hunter2\r\n\r\n".to_vec(),
        moved.into_bytes(),
        ok("application/json", "hunter2"),
        ok("application/json", "{\"hunter2\": 1}"),
        ok("text/html", "<html>hunter2</html>"),
        ok("text/event-stream", "data: hunter2\n\n"),
        ok("text/event-stream", ""),
        ok("application/json", &large),
        Vec::new(),
    ] {
        let (url, _server) = says(answer).await;
        let endpoint = McpEndpoint::new(url).with_header("x-key", KEY);
        let options = McpOptions::default().with_start_timeout(Duration::from_secs(2));
        let error = McpServer::connect("small", endpoint, options).await.unwrap_err();
        assert!(matches!(error, McpError::Handshake { .. } | McpError::TimedOut { .. }), "{error:?}");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hunter2") && !told.contains(KEY), "{told}");
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_refused_without_its_secrets() {
    for (endpoint, expected) in [
        (McpEndpoint::new("hunter2"), "URL"),
        (McpEndpoint::new("ftp://hunter2"), "URL"),
        (McpEndpoint::new("http://me:hunter2@localhost"), "a user or a password"),
        (McpEndpoint::new("http://localhost").with_header("bad name", "hunter2"), "header"),
        (McpEndpoint::new("http://localhost").with_header("x", "hunter2\n"), "header"),
    ] {
        let error = McpServer::connect("small", endpoint, McpOptions::default()).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
    }
}
