//! The server as a child process: this test binary, started again, in which one "test" serves.

use std::fs::File;
use std::io::{BufRead as _, Write};

use agentbus::service::tool::mcp::{McpCommand, McpError, McpOptions, McpServer};
use rmcp::ServiceExt as _;
use serde_json::{Value, json};

use crate::server::{Mode, Small};

/// The variable that makes the binary a server, and says which.
const VARIABLE: &str = "AGENTBUS_TEST_MCP_SERVER";

/// Starts a server with that manner.
pub(crate) async fn spawn(manner: &str, options: McpOptions) -> Result<McpServer, McpError> {
    McpServer::spawn("small", command(manner), options).await
}

/// The same; it is a good one, and has time.
pub(crate) async fn good() -> McpServer {
    spawn("good", McpOptions::default()).await.unwrap()
}

pub(crate) fn command(manner: &str) -> McpCommand {
    let this = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    // The harness of tests writes to the standard output; the protocol has the same pipe by another number.
    let script = r#"exec 3>&1 >/dev/null; exec "$0" --exact child::serve --nocapture"#;
    McpCommand::new("sh").with_arguments(["-c", script, &this]).with_open_variable(VARIABLE, manner)
}

/// In a child it is the server; in a run of the tests there is nothing to serve.
#[test]
fn serve() {
    let Ok(manner) = std::env::var(VARIABLE) else {
        return;
    };
    // More than a pipe holds: whoever does not read it makes this wait for ever.
    std::io::stderr().write_all("hunter2 ".repeat(40_000).as_bytes()).unwrap();
    let output = File::options().write(true).open("/dev/fd/3").unwrap();
    match Mode::named(&manner) {
        Some(mode) => serve_well(mode, output),
        None => serve_badly(&manner, output),
    }
    std::process::exit(0);
}

#[tokio::main(flavor = "current_thread")]
async fn serve_well(mode: Mode, output: File) {
    let streams = (tokio::io::stdin(), tokio::fs::File::from_std(output));
    if let Ok(running) = (Small { mode }).serve(streams).await {
        drop(running.waiting().await);
    }
    std::process::exit(0);
}

/// Answers line by line, as no server should.
fn serve_badly(manner: &str, mut output: File) {
    if manner == "dies at once" {
        std::process::exit(3);
    }
    let mut calls = 0;
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (id, method) = (asked["id"].clone(), asked["method"].as_str().unwrap_or_default().to_owned());
        match (method.as_str(), manner) {
            ("initialize", "hangs at once") => {}
            ("initialize", "other result") => answer(&mut output, &id, &json!("hunter2")),
            ("initialize", "other id") => answer(&mut output, &json!(4711), &hello("2025-06-18")),
            ("initialize", "other version") => answer(&mut output, &id, &hello("hunter2")),
            ("initialize", "error") => {
                let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "hunter2"}});
                writeln!(output, "{error}").unwrap();
            }
            ("initialize", _) => answer(&mut output, &id, &hello("2025-06-18")),
            ("tools/list", "noisy") => {
                noise(&mut output);
                answer(&mut output, &id, &tools());
            }
            ("tools/list", "deaf") => {
                answer(&mut output, &id, &tools());
                // A pipe, whose opening waits for whoever opens its other end.
                drop(File::open(std::env::var("WAKE").unwrap()).unwrap());
            }
            ("tools/list", "other list") => answer(&mut output, &id, &json!({"tools": 3})),
            ("tools/list", _) => answer(&mut output, &id, &tools()),
            ("tools/call", "deaf") => {
                calls += 1;
                let text = json!({"type": "text", "text": calls.to_string()});
                answer(&mut output, &id, &json!({"content": [text]}));
            }
            ("tools/call", _) => {
                call(&mut output, &id, asked["params"]["arguments"]["how"].as_str().unwrap());
            }
            _ => {}
        }
    }
}

fn answer(output: &mut impl Write, id: &Value, result: &Value) {
    writeln!(output, "{}", json!({"jsonrpc": "2.0", "id": id, "result": result})).unwrap();
}

fn hello(version: &str) -> Value {
    let server = json!({"name": "bad", "version": "0"});
    json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server})
}

fn tools() -> Value {
    json!({"tools": [{"name": "odd", "inputSchema": {"type": "object"}}]})
}

/// What is no answer to anything.
fn noise(output: &mut File) {
    output.write_all(b"\n\nnot json\n{\"jsonrpc\": \"2.0\"\n\xff\xfe\n[]\n{}\n\"text\"\n7\n").unwrap();
    writeln!(output, "{}", json!({"jsonrpc": "2.0", "id": 4711, "result": {}})).unwrap();
    writeln!(output, "{}", json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).unwrap();
    writeln!(
        output,
        "{}",
        json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}})
    )
    .unwrap();
    writeln!(output, "\"{}\"", "x".repeat(6 << 20)).unwrap();
}

fn call(output: &mut File, id: &Value, how: &str) {
    match how {
        "not json" => writeln!(output, "oops {id}").unwrap(),
        "other id" => answer(output, &json!(4711), &json!({"content": []})),
        "too long" => {
            let text = "x".repeat(6 << 20);
            answer(output, id, &json!({"content": [{"type": "text", "text": text}]}));
        }
        "other result" => answer(output, id, &json!("hunter2")),
        "error" => {
            let message = "no: my key is sk-0123456789abcdefghijkl\u{1b}[2J";
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": message}});
            writeln!(output, "{error}").unwrap();
        }
        "cut" => {
            output.write_all(b"{\"jsonrpc\": \"2.0\", \"id\":").unwrap();
            std::process::exit(4);
        }
        "noise first" => {
            noise(output);
            answer(output, id, &json!({"content": [{"type": "text", "text": "at last"}]}));
        }
        other => panic!("there is no manner {other}"),
    }
}
