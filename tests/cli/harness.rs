//! Tasks in folders of their own, and runs of the program on them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentbus::DomainEvent;
use serde_json::{Value, json};
use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tasks/repair-greeter");
const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tasks/tour");

/// A task in a folder of its own, and a folder for what its runs leave in the folder for temporary files.
pub(crate) struct Task {
    pub(crate) folder: TempDir,
    pub(crate) temp: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Task {
    /// A copy of the example.
    pub(crate) fn example() -> Self {
        Self::copy_of(EXAMPLE)
    }

    /// A copy of the tour.
    pub(crate) fn tour() -> Self {
        Self::copy_of(TOUR)
    }

    fn copy_of(folder: &str) -> Self {
        let task = Self::empty();
        copy(Path::new(folder), task.folder.path());
        task
    }

    /// A task whose project is one file, whose validation looks for the word "mended" in it, and whose recorded
    /// replies are these.
    pub(crate) fn small(replies: &[Value]) -> Self {
        let task = Self::empty();
        fs::create_dir(task.path("project")).unwrap();
        fs::write(task.path("project/notes.txt"), "broken\n").unwrap();
        fs::write(task.path("task.toml"), SMALL_TASK).unwrap();
        fs::write(task.path("transcript.json"), json!({ "replies": replies }).to_string()).unwrap();
        task
    }

    fn empty() -> Self {
        Self { folder: TempDir::new().unwrap(), temp: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces `from`, which must be there, in a file of the task.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} does not hold {from:?}");
        fs::write(self.path(name), text.replace(from, to)).unwrap();
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
        command.arg("run").arg(self.folder.path()).args(args);
        command.env("TMPDIR", self.temp.path()).env_remove("RUST_LOG");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(&mut self.command(args))
    }

    /// What the project holds now.
    pub(crate) fn project(&self) -> Tree {
        tree(&self.path("project"))
    }

    /// Asserts that runs left nothing in the folder for temporary files.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        let left: Vec<_> =
            fs::read_dir(self.temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }

    /// Asserts that stderr says `text`.
    #[track_caller]
    pub(crate) fn assert_stderr(&self, text: &str) {
        assert!(self.stderr.contains(text), "no {text:?} in stderr:\n{}", self.stderr);
    }

    /// The events that it printed as JSON; every line is one.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<DomainEvent> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The names of the kinds of events that it printed as JSON, in order.
    #[track_caller]
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.events().iter().map(|event| event.type_name().to_owned()).collect()
    }
}

/// The files below a folder, by their relative paths.
pub(crate) type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// Everything in `folder`.
pub(crate) fn tree(folder: &Path) -> Tree {
    let mut files = Tree::new();
    collect(folder, folder, &mut files);
    files
}

fn collect(root: &Path, folder: &Path, into: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            into.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for (path, content) in tree(from) {
        let target = to.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, content).unwrap();
    }
}

/// A recorded reply that asks for tools.
pub(crate) fn calls(calls: &[(&str, Value)]) -> Value {
    let calls = calls.iter().enumerate().map(|(nth, (name, arguments))| {
        json!({
            "id": format!("call-{name}-{nth}"),
            "type": "function",
            "function": { "name": name, "arguments": arguments.to_string() }
        })
    });
    reply(
        &json!({ "role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>() }),
        "tool_calls",
    )
}

/// A recorded reply that ends the loop.
pub(crate) fn says(text: &str) -> Value {
    reply(&json!({ "role": "assistant", "content": text }), "stop")
}

/// The same reply, which expects a text in the last tool result.
pub(crate) fn expecting(text: &str, mut reply: Value) -> Value {
    let entry = reply.as_object_mut().unwrap();
    entry.insert("expect".to_owned(), json!({ "last_tool_result_contains": text }));
    reply
}

fn reply(message: &Value, finish_reason: &str) -> Value {
    json!({ "response": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_763_712_000,
        "model": "recorded",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 }
    }})
}

/// The call that makes the validation of the small task pass.
pub(crate) fn mend() -> Value {
    calls(&[("write_file", json!({ "path": "notes.txt", "content": "mended\n" }))])
}

const SMALL_TASK: &str = r#"
goal = "mend the notes"

[project]
name = "notes"
path = "project"

[actor]
name = "agents/mender"
model = "recorded"
transcript = "transcript.json"

[limits]
fixes = 1

[budget]
plan_usd = "1"
warn_at = 0.8
input_usd_per_million = "3"
output_usd_per_million = "15"

[[validation]]
name = "mended"
command = ["grep", "-q", "mended", "notes.txt"]
"#;
