//! A task that names an endpoint.

use std::fs;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::process::Command;

use crate::server::{Answer, Server, asks};

const KEY: &str = "open-sesame-4711";

/// A task whose model is behind `endpoint`, the lines of that table.
fn task(endpoint: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("project")).unwrap();
    fs::write(folder.path().join("project/notes.txt"), "broken\n").unwrap();
    let text = format!(
        r#"
goal = "mend the notes"

[project]
name = "notes"
path = "project"

[actor]
name = "mender"
model = "some-model"

[actor.endpoint]
{endpoint}

[budget]
plan_usd = "1"
warn_at = 0.9
input_usd_per_million = "3"
output_usd_per_million = "15"

[[validation]]
name = "mended"
command = ["grep", "-q", "mended", "notes.txt"]
"#
    );
    fs::write(folder.path().join("task.toml"), text).unwrap();
    folder
}

/// Runs the task, and lets it send a key as `send_key` says.
async fn run(task: &TempDir, send_key: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
    command.arg("run").arg(task.path()).args(["--json", "--write-back"]).stdin(Stdio::null());
    command.args(send_key.iter().flat_map(|grant| ["--send-key", grant]));
    command.env("MODEL_KEY", KEY).env("OPENAI_API_KEY", KEY).env("RUST_LOG", "trace").kill_on_drop(true);
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_task_can_name_an_endpoint() {
    let write = r#"{"path": "notes.txt", "content": "mended\n"}"#;
    let server = Server::play([
        Answer::status(500, "", &format!("{{\"error\": \"{KEY}\"}}")),
        Answer::ok(&asks(&[("call_1", "write_file", write)])),
        Answer::says("Mended."),
    ])
    .await;
    let table = format!("url = \"{}\"\nkey_variable = \"MODEL_KEY\"\nmax_output_tokens = 99", server.origin);
    let task = task(&table);
    let ended = run(&task, Some(&format!("MODEL_KEY={}", server.origin))).await;
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{err}");
    assert_eq!(fs::read_to_string(task.path().join("project/notes.txt")).unwrap(), "mended\n");
    assert!(out.contains("\"plan.applied\""), "{out}");
    assert!(!out.contains(KEY) && !err.contains(KEY), "{err}");
    for question in server.finished().await {
        assert!(question.head.contains(&format!("authorization: Bearer {KEY}")));
        assert_eq!(question.body["max_tokens"], 99);
    }
}

#[tokio::test]
async fn a_task_that_names_no_variable_sends_no_key() {
    let write = r#"{"path": "notes.txt", "content": "mended\n"}"#;
    let server =
        Server::play([Answer::ok(&asks(&[("call_1", "write_file", write)])), Answer::says("Mended.")]).await;
    let task = task(&format!("url = \"{}\"", server.origin));
    let ended = run(&task, Some(&format!("OPENAI_API_KEY={}", server.origin))).await;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    for question in server.finished().await {
        assert!(!question.head.iter().any(|line| line.starts_with("authorization")), "{:?}", question.head);
    }
}

#[tokio::test]
async fn a_task_sends_a_key_only_where_its_user_lets_it() {
    let server = Server::play([Answer::says("never said")]).await;
    let origin = &server.origin;
    let here = format!("url = \"{origin}\"\nkey_variable = \"MODEL_KEY\"");
    let away = "url = \"http://192.0.2.1\"\nkey_variable = \"MODEL_KEY\"";
    let way_out = format!("--send-key MODEL_KEY={origin}");
    for (table, send_key, expected) in [
        (here.as_str(), None, way_out.as_str()),
        (&here, Some(format!("OPENAI_API_KEY={origin}")), &way_out),
        (&here, Some("MODEL_KEY=https://api.openai.com".to_owned()), &way_out),
        (&here, Some(KEY.to_owned()), &way_out),
        (away, Some("MODEL_KEY=http://192.0.2.1".to_owned()), "everybody on the way"),
    ] {
        let ended = run(&task(table), send_key.as_deref()).await;
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{err}");
        assert!(err.contains("task.toml:1") && err.contains(expected) && !err.contains(KEY), "{err}");
        assert!(ended.stdout.is_empty());
    }
    assert!(server.questions().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_refused_with_its_place_and_without_its_secrets() {
    for (table, expected) in [
        ("url = \"http://me:hunter2@localhost\"", "a user or a password"),
        ("url = \"http://localhost\"\nkey_variable = \"NO_SUCH_KEY\"", "NO_SUCH_KEY"),
        ("url = \"http://localhost\"\ntemperature = 3.0", "temperature"),
        ("url = \"http://localhost\"\nkey = \"hunter2\"", "unknown field `key`"),
    ] {
        let ended = run(&task(table), None).await;
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{err}");
        assert!(err.contains("task.toml:1") && err.contains(expected), "{err}");
        assert!(!err.contains("hunter2"), "{err}");
        assert!(ended.stdout.is_empty());
    }
}
