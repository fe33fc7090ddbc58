//! Steps of `features/resume.feature`: real processes, killed with SIGKILL.
#![expect(clippy::indexing_slicing, reason = "a step fails by a panic")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentbus::checkpoint::memory::MemoryStore;
use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus, CheckpointStore};
use cucumber::{World, given, then, when};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tasks/tour");

pub(crate) async fn run() -> bool {
    crate::told::run::<Runs>("resume.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Runs {
    temp: TempDir,
    /// The recording that waits, and what it was before.
    original: Option<(PathBuf, Vec<u8>)>,
    waiting: Vec<u8>,
    /// What was told before the last process, and by it.
    before: Vec<Value>,
    told: Vec<Value>,
    code: Option<i32>,
    stderr: String,
}

impl Runs {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("a temporary directory can be made");
        let (before, told, stderr) = (Vec::new(), Vec::new(), String::new());
        Self { temp, original: None, waiting: Vec::new(), before, told, code: None, stderr }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// The run, or going on with it if there was one.
    fn command(&mut self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
        command.arg("run").arg(self.path("task")).arg("--json");
        command.arg("--journal").arg(self.path("journal")).arg("--checkpoints").arg(self.path("checkpoints"));
        command.env("TMPDIR", self.temp.path()).stdin(Stdio::null());
        self.before.append(&mut self.told);
        match self.before.first() {
            Some(first) => command.arg("--resume").arg(text(&first["session_id"])),
            None => command.arg("--output").arg(self.path("result")),
        };
        command
    }

    /// Has it wait, or not any more.
    fn record(&self, waits: bool) {
        let (recording, original) = self.original.as_ref().expect("one waits");
        fs::write(recording, if waits { &self.waiting } else { original }).expect("it can be written");
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.before.iter().chain(&self.told)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

fn of<'a>(told: impl IntoIterator<Item = &'a Value>, kind: &str) -> Vec<&'a Value> {
    told.into_iter().filter(|event| event["event_type"] == kind).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

#[given(expr = "the tour, in which answer {int} of {string} has it wait")]
fn the_tour(world: &mut Runs, nth: usize, recording: String) {
    copy(Path::new(TOUR), &world.path("task"));
    let pipe = world.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it can be run").success());
    let recording = world.path("task").join(recording);
    let original = fs::read(&recording).expect("it is there");
    let mut replies: Value = serde_json::from_slice(&original).expect("it is JSON");
    let arguments = json!({ "command": ["cat", pipe] }).to_string();
    let call = json!({ "id": "waits", "type": "function", "function": { "name": "run_command", "arguments": arguments } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let usage = json!({ "prompt_tokens": 100, "completion_tokens": 10 });
    replies["replies"][nth - 1] =
        json!({ "response": { "choices": [{ "message": message }], "usage": usage } });
    world.original = Some((recording, original));
    world.waiting = replies.to_string().into_bytes();
}

#[when("it is run, and killed there")]
#[when("it is gone on with, and killed there")]
fn is_killed(world: &mut Runs) {
    world.record(true);
    let mut child =
        world.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it can be run");
    let mut held = None;
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        world.told.push(serde_json::from_str(&line.expect("it is text")).expect("it is JSON"));
        if world.told.last().is_some_and(|event| event["details"]["call_id"] == "waits") {
            // Opened once the program reads, which ends when this is dropped.
            held = Some(fs::File::options().write(true).open(world.path("pipe")).expect("it is there"));
            break;
        }
    }
    assert!(held.is_some(), "it came to its end");
    child.kill().expect("it can be killed");
    child.wait().expect("it is ours");
}

#[when("it is gone on with")]
fn is_gone_on_with(world: &mut Runs) {
    world.record(false);
    let output = world.command().output().expect("it can be run");
    let lines = String::from_utf8(output.stdout).expect("it is text");
    world.told = lines.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    world.stderr = String::from_utf8(output.stderr).expect("it is text");
    world.code = output.status.code();
}

#[when("its checkpoint is abandoned")]
fn is_abandoned(world: &mut Runs) {
    let store = CheckpointStore::open_existing(world.path("checkpoints")).expect("it is there");
    let active = CheckpointFilter::all().status(CheckpointStatus::Active);
    let listing = store.list(&active).expect("it can be read");
    let words = ["--reason", "no longer wanted", "--operator", "kim"];
    checkpoint(world, "abandon", &[&[listing.checkpoints[0].file.as_str()][..], &words].concat());
}

#[when("what runs left is swept")]
fn is_swept(world: &mut Runs) {
    checkpoint(world, "sweep", &[]);
}

fn checkpoint(world: &mut Runs, verb: &str, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
    command.args(["checkpoint", verb]).arg(world.path("checkpoints")).args(words);
    let output = command.output().expect("it can be run");
    world.stderr = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(output.status.code(), Some(0), "{}", world.stderr);
}

#[then(expr = "it is said that {string} sees to what is left")]
fn is_said(world: &mut Runs, verb: String) {
    assert!(world.stderr.contains(&format!("`{verb} ")), "{}", world.stderr);
}

#[then("something of it is kept")]
fn is_kept(world: &mut Runs) {
    assert_eq!(kept(world), 1);
}

#[then("nothing of it is kept")]
fn is_not_kept(world: &mut Runs) {
    assert_eq!(kept(world), 0);
}

fn kept(world: &Runs) -> usize {
    fs::read_dir(world.path("checkpoints/runs")).expect("it is there").count()
}

#[when("the task is changed")]
fn is_changed(world: &mut Runs) {
    let file = world.path("task/task.toml");
    let task = fs::read_to_string(&file).expect("it is there");
    fs::write(file, format!("{task}\n# and more\n")).expect("it can be written");
}

#[then(expr = "a checkpoint in {string} is active")]
fn is_active(world: &mut Runs, phase: String) {
    let store = CheckpointStore::open_existing(world.path("checkpoints")).expect("it is there");
    let active =
        store.list(&CheckpointFilter::all().status(CheckpointStatus::Active)).expect("it can be read");
    let phases: Vec<_> = active.checkpoints.iter().map(|stored| &*stored.checkpoint.saved.phase).collect();
    assert_eq!(phases, [phase.as_str()]);
}

#[then("it is applied, with the plan that it began with")]
fn is_applied(world: &mut Runs) {
    assert_eq!(world.code, Some(0), "{}", world.stderr);
    let root = &of(world.all(), "plan.created")[0]["plan_id"];
    let applied = of(&world.told, "plan.applied");
    assert!(applied.iter().any(|event| event["plan_id"] == *root), "{applied:?}");
    let roots: BTreeSet<_> =
        of(world.all(), "plan.created").iter().map(|e| text(&e["root_plan_id"])).collect();
    assert_eq!(roots.len(), 1);
    let index = fs::read_to_string(world.path("result/index.txt")).expect("it is there");
    assert_eq!(index, "01-january\n02-february\n03-march\n");
}

#[then(expr = "no scout is asked but {string}")]
fn is_asked(world: &mut Runs, scout: String) {
    assert_eq!(scouts_asked(world), [scout.as_str()]);
}

#[then("no scout is asked")]
fn is_not_asked(world: &mut Runs) {
    assert_eq!(scouts_asked(world), Vec::<&str>::new());
}

/// The actors that the last process invoked, but for the plan's own.
fn scouts_asked(world: &Runs) -> Vec<&str> {
    let invoked = of(&world.told, "actor.invoked");
    let names = invoked.into_iter().map(|event| text(&event["details"]["actor"]));
    names.filter(|name| *name != "agents/almanac-keeper").collect()
}

#[then(expr = "what {string} found out is known: {string}")]
fn is_known(world: &mut Runs, scout: String, found: String) {
    let memories = MemoryStore::open_existing(world.path("checkpoints")).expect("it is there");
    let session = text(&world.before[0]["session_id"]);
    let memory = memories.get(&format!("almanac/scouts/{scout}/{session}")).expect("it is known");
    assert!(memory.summary.starts_with(&found), "{}", memory.summary);
}

#[then(expr = "the plan is told to have failed: {string}")]
fn has_failed(world: &mut Runs, reason: String) {
    assert_eq!(of(&world.told, "plan.errored")[0]["details"]["error"], reason);
}

#[then("no decision stands twice")]
fn no_decision_stands_twice(world: &mut Runs) {
    let superseded: Vec<_> =
        of(world.all(), "decision.superseded").iter().map(|event| &event["details"]["decision_id"]).collect();
    let mut standing = BTreeSet::new();
    for event in of(world.all(), "decision.created") {
        let details = &event["details"];
        let decision = [&event["plan_id"], &details["question"], &details["choice"]].map(ToString::to_string);
        assert!(superseded.contains(&&details["decision_id"]) || standing.insert(decision), "{event}");
    }
}

#[then(expr = "it is refused: {string}")]
fn is_refused(world: &mut Runs, reason: String) {
    assert_eq!(world.code, Some(1), "{}", world.stderr);
    assert!(world.stderr.contains(&reason), "{}", world.stderr);
}
