//! [`Saved`]: a task whose run saves how far it comes, and what must hold of its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus, CheckpointStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cost::Cost;
use crate::harness::{Ended, Task, calls, ended};
use crate::journal_harness::agentbus;

/// A task, and where its run records and saves itself.
pub(super) struct Saved {
    pub(super) task: Task,
    pub(super) place: TempDir,
}

impl Saved {
    pub(super) fn of(task: Task) -> Self {
        Self { task, place: TempDir::new().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn words(&self) -> Vec<String> {
        let (journal, checkpoints) = (self.path("journal"), self.path("checkpoints"));
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let words = ["--json", "--journal", &path(&journal), "--checkpoints", &path(&checkpoints)];
        words.map(str::to_owned).into()
    }

    /// Runs it to its end.
    pub(super) fn run(&self, more: &[&str]) -> Ended {
        let words = self.words();
        let words: Vec<_> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.task.run(&words)
    }

    /// Goes on with the run of that session, to its end, which it tells in words: what it cost too.
    pub(super) fn resume(&self, session: &str) -> Ended {
        let words: Vec<_> = self.words().into_iter().filter(|word| word != "--json").collect();
        ended(self.task.command(&["--resume", session]).args(words))
    }

    /// The same, and what is recorded of it.
    pub(super) fn resumed(&self, session: &str) -> (Ended, Vec<Value>) {
        let before = self.recorded().len();
        let run = self.resume(session);
        (run, self.recorded().split_off(before))
    }

    /// Runs it until it prints what `is_last` holds for, and kills it then. None if it came to its end before. Returns
    /// what it printed.
    pub(super) fn killed(&self, more: &[&str], is_last: impl FnMut(&Value) -> bool) -> Option<Vec<Value>> {
        let mut command = self.task.command(more);
        let mut child =
            command.args(self.words()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let told = told_until(&mut child, is_last);
        child.kill().unwrap();
        child.wait().unwrap();
        told
    }

    /// A recorded reply that asks for a program which waits for this test. Made once.
    pub(super) fn hold(&self) -> Value {
        let pipe = self.path("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        calls(&[("run_command", json!({ "command": ["cat", pipe] }))])
    }

    /// Runs it until the program runs that waits, and kills it then; the program, which outlives that, ends. Returns what
    /// was printed.
    pub(super) fn killed_in_hold(&self, more: &[&str]) -> Vec<Value> {
        let mut command = self.task.command(more);
        command.args(self.words()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let kill = || rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let told = self.told_until_held(&mut child, kill);
        child.wait().unwrap();
        told
    }

    /// Does something while the program runs that waits, which ends then. Returns what was printed before.
    pub(super) fn told_until_held(&self, child: &mut Child, meanwhile: impl FnOnce()) -> Vec<Value> {
        let told = told_until(child, |event| event["details"]["call_id"] == "call-run_command-0");
        // Opened once somebody reads.
        let held = fs::File::options().write(true).open(self.path("pipe")).unwrap();
        meanwhile();
        drop(held);
        told.expect("it waits")
    }

    pub(super) fn store(&self) -> CheckpointStore {
        CheckpointStore::open_existing(self.path("checkpoints")).unwrap()
    }

    /// The files of the checkpoints that are active.
    pub(super) fn active(&self) -> Vec<String> {
        let active = CheckpointFilter::all().status(CheckpointStatus::Active);
        let listing = self.store().list(&active).unwrap();
        assert!(listing.malformed.is_empty(), "{listing:?}");
        listing.checkpoints.into_iter().map(|stored| stored.file).collect()
    }

    /// All that is recorded.
    pub(super) fn recorded(&self) -> Vec<Value> {
        let queried = ended(agentbus("query").arg(self.path("journal")).arg("--json"));
        queried.assert_code(0);
        queried.values()
    }

    /// The memories, by key.
    pub(super) fn memories(&self) -> BTreeMap<String, String> {
        let listed = ended(agentbus("memory").arg("list").arg(self.path("checkpoints")).arg("--json"));
        listed.assert_code(0);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        listed.values().iter().map(|memory| (text(&memory["key"]), text(&memory["summary"]))).collect()
    }
}

/// Reads events until one is the last; none if the end comes first.
pub(super) fn told_until(child: &mut Child, mut is_last: impl FnMut(&Value) -> bool) -> Option<Vec<Value>> {
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        told.push(serde_json::from_str(&line.unwrap()).unwrap());
        if is_last(told.last().unwrap()) {
            return Some(told);
        }
    }
    None
}

pub(super) fn is(kind: &str) -> impl Fn(&Value) -> bool {
    let kind = kind.to_owned();
    move |event| event["event_type"] == kind.as_str()
}

pub(super) fn session_of(told: &[Value]) -> String {
    told[0]["session_id"].as_str().unwrap().to_owned()
}

/// What must hold of a run that was killed, however often, when `last` came to its end.
#[track_caller]
pub(super) fn assert_one_run(saved: &Saved, last: &Ended) {
    let recorded = saved.recorded();
    assert_recorded_once(&recorded);
    assert_scouted_once(saved, &recorded);
    let cost = Cost::told(last);
    assert_eq!(cost, Cost::of(cost.read, cost.written), "what is paid was counted");
    let ends = ["actor.completed", "actor.escalated", "actor.errored"];
    let sum = |key: &str| -> u64 {
        let ends = recorded.iter().filter(|event| ends.iter().any(|kind| is(kind)(event)));
        ends.filter_map(|event| event["details"][key].as_u64()).sum()
    };
    // Those that were killed told nothing.
    let (read, written) = (sum("input_tokens"), sum("output_tokens"));
    assert!(read <= cost.read && written <= cost.written, "{read} {written} {cost:?}");
}

/// Of the scouts of the tour one comes back; once, however often they are killed.
#[track_caller]
fn assert_scouted_once(saved: &Saved, recorded: &[Value]) {
    let back = usize::from(saved.task.path("reader.json").exists());
    assert_eq!(saved.memories().len(), back, "{:?}", saved.memories());
    let count = |holds: &dyn Fn(&Value) -> bool| recorded.iter().filter(|event| holds(event)).count();
    assert!(count(&is("memory.set")) <= back, "kept once");
    let is_back =
        |event: &Value| is("actor.completed")(event) && event["details"]["actor"] == "agents/reader";
    assert!(count(&is_back) <= back, "told once");
}

/// What must hold of a journal in which a run was killed, however often, and came to its end.
#[track_caller]
pub(super) fn assert_recorded_once(recorded: &[Value]) {
    let of = |kind: &str| recorded.iter().filter(|event| is(kind)(event)).collect::<Vec<_>>();
    let root = of("plan.created")[0]["plan_id"].clone();
    assert_eq!(of("session.created").len(), 1);
    let applied: Vec<_> = of("plan.applied").iter().map(|event| event["plan_id"].clone()).collect();
    assert_eq!(applied.iter().filter(|plan| **plan == root).count(), 1, "{applied:?}");
    let roots: BTreeSet<_> =
        of("plan.created").iter().map(|event| event["root_plan_id"].to_string()).collect();
    assert_eq!(roots.len(), 1, "the same plan to the end");

    for entity in ["plan", "decision"] {
        let mut revisions: BTreeMap<String, u64> = BTreeMap::new();
        let is_of = |event: &&Value| event["event_type"].as_str().unwrap().starts_with(&format!("{entity}."));
        for event in recorded.iter().filter(is_of) {
            let last = revisions.entry(event["plan_id"].to_string()).or_default();
            assert_eq!(event["details"]["revision"], json!(*last + 1), "{event}");
            *last += 1;
        }
    }
    let mut sequences: Vec<_> =
        of("session.message_sent").iter().map(|e| e["details"]["sequence"].as_u64()).collect();
    sequences.dedup();
    assert_eq!(sequences, (1..=sequences.len() as u64).map(Some).collect::<Vec<_>>());
    assert_eq!(of("session.message_sent").len(), sequences.len(), "no message is numbered twice");

    let mut standing = BTreeMap::new();
    for event in of("decision.created") {
        let key = ["question", "choice"].map(|key| event["details"][key].to_string());
        standing.insert(event["details"]["decision_id"].to_string(), (event["plan_id"].to_string(), key));
    }
    for event in of("decision.superseded") {
        standing.remove(&event["details"]["decision_id"].to_string());
    }
    let distinct: BTreeSet<_> = standing.values().collect();
    assert_eq!(distinct.len(), standing.len(), "no decision stands twice: {standing:?}");
}
