//! Journals in directories of their own, and runs of the program on them.

use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::Journal;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ended, Tree, tree};

/// A directory, in which a journal may be.
pub(crate) struct Dir {
    temp: TempDir,
}

/// The program with a verb.
pub(crate) fn agentbus(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
    command.arg(verb).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Whether that program is there. A test that needs one which is not says so on stderr and is passed over; where `CI`
/// is set it fails.
#[track_caller]
pub(crate) fn needs(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "this test needs {program}; see .ci/run");
    if !is_there {
        // Not by a macro: what those print is kept from who runs the tests.
        drop(writeln!(std::io::stderr(), "PASSED OVER: a test that needs {program}, which is not installed"));
    }
    is_there
}

/// A line for `append`, which names its session.
pub(crate) fn line(session: impl Display) -> String {
    format!(
        "{{\"event_type\":\"session.created\",\"session_id\":\"{session}\",\"details\":{{\"imported\":false}}}}\n"
    )
}

/// Lines for `append`, whose sessions are these numbers.
pub(crate) fn lines(sessions: impl IntoIterator<Item = usize>) -> String {
    sessions.into_iter().map(line).collect()
}

/// Runs a command to its end, with that on stdin.
pub(crate) fn fed(command: &mut Command, input: impl AsRef<[u8]>) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // One that reads no further is not at fault here.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A child whose stdin and stdout are held here; its stderr goes where the test's goes.
pub(crate) fn piped(command: &mut Command) -> (Child, ChildStdin, ChildStdout) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, stdin, stdout)
}

impl Dir {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { temp: TempDir::new().unwrap() }
    }

    /// One with a journal of so many events, of sessions from 1.
    pub(crate) fn with_events(count: usize) -> Self {
        let dir = Self::new();
        dir.append(&lines(1..=count)).assert_code(0);
        dir
    }

    /// One with a journal of an event for each of these seconds since 1970, of sessions named by them, and with at
    /// most so many bytes a segment.
    pub(crate) fn with_seconds(seconds: &[i64], segment_bytes: u64) -> Self {
        let dir = Self::new();
        let journal = Journal::builder(dir.path()).segment_bytes(segment_bytes).open().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for second in seconds {
            let event = DomainEvent::new(SessionCreated::new(false)).with_session_id(second.to_string());
            let event = event.with_timestamp(Timestamp::from_unix_nanos(second * 1_000_000_000));
            runtime.block_on(journal.append(event)).unwrap();
        }
        runtime.block_on(journal.close(Duration::from_mins(1))).unwrap();
        dir
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    /// The program with a verb and this directory.
    pub(crate) fn command(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = agentbus(verb);
        command.arg(self.path()).args(args);
        command
    }

    pub(crate) fn run(&self, verb: &str, args: &[&str]) -> Ended {
        crate::harness::ended(&mut self.command(verb, args))
    }

    pub(crate) fn append(&self, lines: &str) -> Ended {
        fed(&mut self.command("append", &[]), lines)
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("segments")).unwrap();
        let mut segments: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        segments
    }

    /// All that stands in the segments.
    pub(crate) fn stored(&self) -> String {
        self.segments().iter().map(|segment| fs::read_to_string(segment).unwrap()).collect()
    }

    /// Replaces `from`, which must be there, in the segment that holds it.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let holds = |segment: &&PathBuf| fs::read_to_string(segment).unwrap().contains(from);
        let segments = self.segments();
        let segment = segments.iter().find(holds).unwrap();
        fs::write(segment, fs::read_to_string(segment).unwrap().replace(from, to)).unwrap();
    }

    /// Everything in it.
    pub(crate) fn tree(&self) -> Tree {
        tree(self.path())
    }
}

impl Ended {
    /// What it printed as JSON: every line is a value.
    #[track_caller]
    pub(crate) fn values(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The positions in what it printed as JSON.
    #[track_caller]
    pub(crate) fn positions(&self) -> Vec<u64> {
        self.values().iter().map(|value| value["pos"].as_u64().unwrap()).collect()
    }

    /// The sessions in what it printed as JSON.
    #[track_caller]
    pub(crate) fn sessions(&self) -> Vec<String> {
        self.values().iter().map(|value| value["session_id"].as_str().unwrap().to_owned()).collect()
    }
}
