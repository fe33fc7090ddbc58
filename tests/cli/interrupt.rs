//! What Ctrl-C and SIGTERM do to a run.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use agentbus::DomainEvent;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::{Task, calls, says};

/// A run in which a command does not end.
struct Hanging {
    task: Task,
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    /// Held open by the command and by its child: at its end no process is left.
    held: BufReader<File>,
}

/// Who runs the command that does not end.
#[derive(Clone, Copy)]
enum Runner {
    Tool,
    Validation,
}

/// Starts a run and waits until the command and its child are there, after the event that says so.
fn hanging(runner: Runner) -> Hanging {
    let task = Task::small(&[]);
    let pipe = task.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!("exec > '{}'; sleep 1000 & echo up; wait", pipe.display());
    let event = match runner {
        Runner::Tool => {
            let call = calls(&[("run_command", json!({ "command": ["sh", "-c", script] }))]);
            let replies = json!({ "replies": [call, says("done")] });
            std::fs::write(task.path("transcript.json"), replies.to_string()).unwrap();
            "\"tool.invoked\""
        }
        Runner::Validation => {
            let command = json!(["sh", "-c", script]).to_string();
            task.edit("task.toml", r#"["grep", "-q", "mended", "notes.txt"]"#, &command);
            "\"validation.started\""
        }
    };

    let mut child = task.command(&["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let told = stdout.by_ref().lines().any(|line| line.unwrap().contains(event));
    assert!(told, "{event} is never told");
    Hanging { task, child, stdout, held: opened(&pipe) }
}

/// Opens a pipe, once somebody writes to it, and reads that they are up.
fn opened(pipe: &Path) -> BufReader<File> {
    let mut held = BufReader::new(File::open(pipe).unwrap());
    let mut line = String::new();
    held.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    held
}

pub(crate) fn signal_to(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn cancels_the_run(signal: Signal, runner: Runner) {
    let mut hanging = hanging(runner);
    let project = hanging.task.project();
    signal_to(&hanging.child, signal);

    let rest: Vec<String> = hanging.stdout.by_ref().lines().map(Result::unwrap).collect();
    let mut stderr = String::new();
    hanging.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(hanging.child.wait().unwrap().code(), Some(1), "{stderr}");
    let mut held = String::new();
    hanging.held.read_to_string(&mut held).unwrap();
    assert_eq!(held, "", "the command and its child are gone, and said nothing more");

    let kinds: Vec<_> = rest
        .iter()
        .map(|line| serde_json::from_str::<DomainEvent>(line).unwrap().type_name().to_owned())
        .collect();
    let expected: &[_] = match runner {
        Runner::Tool => &["tool.errored", "actor.errored", "plan.cancelled"],
        Runner::Validation => &["validation.failed", "plan.cancelled"],
    };
    for expected in expected {
        assert_eq!(kinds.iter().filter(|kind| kind == expected).count(), 1, "{expected} in {kinds:?}");
    }
    assert!(stderr.contains("cancelled"), "{stderr}");
    assert_eq!(hanging.task.project(), project);
    hanging.task.assert_nothing_left();
}

#[test]
fn ctrl_c_cancels_the_run_and_leaves_nothing() {
    cancels_the_run(Signal::INT, Runner::Tool);
}

#[test]
fn sigterm_cancels_the_run_and_leaves_nothing() {
    cancels_the_run(Signal::TERM, Runner::Tool);
}

#[test]
fn a_validation_that_hangs_is_cancelled_as_well() {
    cancels_the_run(Signal::INT, Runner::Validation);
}

#[test]
fn a_second_ctrl_c_exits_at_once() {
    // More than a pipe holds, which nobody reads: the run cannot come to its end.
    let lists = vec![calls(&[("list_files", json!({}))]); 200];
    let task = Task::small(&lists);
    task.edit("task.toml", "fixes = 1", "fixes = 1\niterations = 1000\ntool_calls = 1000");
    let mut child = task.command(&["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());

    signal_to(&child, Signal::INT);
    line.clear();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("once more to exit at once"), "{line}");
    signal_to(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    task.assert_nothing_left();
}
