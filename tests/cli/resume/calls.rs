//! A run that is killed at its calls that change something on disk, by `strace`, and so is the one that goes on with it.

use std::fs;
use std::path::Path;
use std::process::Command;

use agentbus::checkpoint::CheckpointStore;
use serde_json::{Value, json};

use super::saved::{Saved, assert_one_run, assert_recorded_once, is, session_of};
use crate::harness::{Ended, Task, calls, ended, mend, says};
use crate::journal_harness::{agentbus, needs};

/// The calls by which files are changed. Each is counted for itself, in each thread.
const CALLS: [&str; 6] = ["fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat"];

/// More often none of them is made by one thread.
const MANY: usize = 400;

/// Runs the program until it makes that call for the nth time, and kills it there.
fn killed_at(program: &Command, (call, nth): (&str, usize)) -> Ended {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=SIGKILL:when={nth}")]);
    strace.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    ended(&mut strace)
}

/// The events of which it printed the whole line.
fn told(run: &Ended) -> Vec<Value> {
    run.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Kills a run there, then the one that goes on with it, and goes on once more. Whether the first was killed at all.
fn is_killed_at(place: (&str, usize)) -> bool {
    let saved = Saved::of(Task::small(&[mend(), says("done")]));
    let first = killed_at(saved.task.command(&["--write-back"]).args(saved.words()), place);
    let notes = || fs::read_to_string(saved.task.path("project/notes.txt")).unwrap();
    let told = told(&first);
    if told.is_empty() {
        assert_eq!(notes(), "broken\n", "{place:?}");
        return first.code != 0;
    }
    let session = session_of(&told);
    killed_at(saved.task.command(&["--resume", &session]).args(saved.words()), place);
    let last = saved.resume(&session);
    if last.code != 0 {
        // Nothing was saved yet, or all was done.
        last.assert_stderr("there is no active checkpoint of the session");
        if notes() == "broken\n" {
            let begun = saved.recorded().iter().any(|event| event["event_type"] == "sandbox.created");
            assert!(!begun, "{place:?}: {}", last.stderr);
            return true;
        }
    }
    assert_eq!(notes(), "mended\n", "{place:?}: {}", last.stderr);
    if last.code == 0 {
        assert_one_run(&saved, &last);
    } else {
        assert_recorded_once(&saved.recorded());
    }
    assert!(saved.active().is_empty(), "{place:?}");
    first.code != 0
}

#[test]
fn a_run_that_is_killed_at_a_call_that_changes_a_file_goes_on() {
    if !needs("strace") {
        return;
    }
    let step = std::env::var("AGENTBUS_KILL_STEP").map_or(11, |step| step.parse().unwrap());
    for call in CALLS {
        let last = (1..MANY).step_by(step).find(|nth| !is_killed_at((call, *nth)));
        assert!(last.is_some(), "{call} is made more than {MANY} times");
    }
}

/// How many files the work makes.
const FILES: usize = 40;

/// Kills a run in the middle of its commit, so that some of the files are there.
fn half_committed() -> (Saved, String) {
    let half = |nth| {
        let script = format!("for n in $(seq {FILES}); do echo new > new-$n.txt; done");
        let make = calls(&[("run_command", json!({ "command": ["sh", "-c", script] }))]);
        let saved = Saved::of(Task::small(&[make, mend(), says("done")]));
        let mut command = saved.task.command(&["--write-back"]);
        // By that call what is new is put where nothing may be.
        let told = told(&killed_at(command.args(saved.words()), ("renameat2", nth)));
        (1..FILES).contains(&made(&saved)).then(|| (saved, session_of(&told)))
    };
    (1..MANY).step_by(FILES / 4).find_map(half).expect("a commit is killed in the middle")
}

/// How many of the files are there.
fn made(saved: &Saved) -> usize {
    let names = fs::read_dir(saved.task.path("project")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("new-")).count()
}

#[test]
fn a_run_that_is_refused_is_not_left_in_the_middle_of_its_commit() {
    if !needs("strace") {
        return;
    }
    let (saved, session) = half_committed();
    let half = made(&saved);
    let stays = |refused: &Ended| {
        refused.assert_code(1);
        assert!(!refused.stderr.contains("the commit that"), "{}", refused.stderr);
        assert_eq!((made(&saved), committed(&saved)), (half, 0));
    };
    // By another journal it could not be told.
    let other = Saved::of(Task::small(&[says("I cannot")]));
    other.run(&[]).assert_code(1);
    let (checkpoints, journal) = (saved.path("checkpoints"), other.path("journal"));
    let [checkpoints, journal] = [&checkpoints, &journal].map(|path| path.to_str().unwrap());
    let words = ["--resume", &session, "--checkpoints", checkpoints, "--journal", journal];
    let refused = saved.task.run(&words);
    refused.assert_stderr("does not tell of this run");
    stays(&refused);
    // Another project is none of its business.
    let [project, away] = ["project", "away"].map(|name| saved.task.path(name));
    fs::rename(&project, &away).unwrap();
    fs::create_dir(&project).unwrap();
    let refused = saved.resume(&session);
    refused.assert_stderr("another folder stands at");
    fs::remove_dir(&project).expect("nothing is in it");
    fs::rename(&away, &project).unwrap();
    stays(&refused);

    saved.task.edit("task.toml", "goal = ", "# another\ngoal = ");
    let refused = saved.resume(&session);
    refused.assert_code(1);
    refused.assert_stderr("the run was of another task, or");
    refused.assert_stderr("the commit that the run was killed in is ");
    let is_finished = made(&saved) == FILES;
    assert!(is_finished || made(&saved) == 0, "{}: {}", made(&saved), refused.stderr);
    assert_eq!(committed(&saved), usize::from(is_finished), "it is told");

    saved.task.edit("task.toml", "# another\n", "");
    let run = saved.resume(&session);
    run.assert_code(0);
    assert_eq!((made(&saved), committed(&saved)), (FILES, 1));
    assert_one_run(&saved, &run);
}

/// How often it is recorded that the project was committed to.
fn committed(saved: &Saved) -> usize {
    saved.recorded().iter().filter(|event| is("sandbox.committed")(event)).count()
}

/// What must hold when nobody goes on with a run that was killed in the middle of its commit.
#[track_caller]
fn assert_whole(saved: &Saved) {
    let notes = fs::read_to_string(saved.task.path("project/notes.txt")).unwrap();
    let whole = [(0, 0, "broken\n"), (FILES, 1, "mended\n")];
    assert!(whole.contains(&(made(saved), committed(saved), &notes)), "{} {notes}", made(saved));
    assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0, "nothing is kept");
    saved.task.assert_nothing_left();
}

#[test]
fn a_run_that_is_given_up_by_hand_is_left_in_the_middle_of_its_commit_until_it_is_swept() {
    if !needs("strace") {
        return;
    }
    for verb in ["abandon", "resolve", "cleanup"] {
        let (saved, _session) = half_committed();
        let half = saved.task.project();
        let [file] = saved.active().try_into().unwrap();
        let mut end = agentbus("checkpoint");
        end.arg(verb).arg(saved.path("checkpoints")).arg("--journal").arg(saved.path("journal"));
        match verb {
            "abandon" => end.args([&file, "--reason", "no longer wanted", "--operator", "me"]),
            "resolve" => end.arg(&file),
            _ => end.args(["--older-than", "0s"]),
        };
        let given_up = ended(&mut end);
        given_up.assert_code(0);
        assert_eq!(given_up.stderr, speaks_of(&saved.path("checkpoints")), "{verb}");
        assert!(saved.task.project() == half, "{verb} wrote in the project");
        let mut sweep = sweep(&saved.path("checkpoints"));
        let swept = ended(sweep.arg("--json").arg("--journal").arg(saved.path("journal")));
        swept.assert_code(0);
        swept.assert_stderr("the commit that the run was killed in is ");
        let told: Value = serde_json::from_str(&swept.stdout).unwrap();
        let finished = committed(&saved);
        assert_eq!(told, json!({ "finished": finished, "undone": 1 - finished, "removed": 1, "stay": 0 }));
        assert_whole(&saved);
    }
}

/// What who ends a checkpoint is told of what is left.
pub(super) fn speaks_of(checkpoints: &Path) -> String {
    let verb = format!("agentbus checkpoint sweep {}", checkpoints.display());
    format!("runs left something that nobody goes on with: `{verb}` sees to it\n")
}

pub(super) fn sweep(checkpoints: &Path) -> Command {
    let mut sweep = agentbus("checkpoint");
    sweep.arg("sweep").arg(checkpoints);
    sweep
}

#[test]
fn a_run_that_came_here_from_elsewhere_leads_the_sweep_to_no_project() {
    if !needs("strace") {
        return;
    }
    let (saved, _session) = half_committed();
    let half = saved.task.project();
    let [file] = saved.active().try_into().unwrap();
    saved.store().abandon(&file, "no longer wanted", "me").unwrap();
    let [run] = fs::read_dir(saved.path("checkpoints/runs"))
        .unwrap()
        .map(|run| run.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let foreign = saved.path("foreign/runs").join(run.file_name().unwrap());
    drop(CheckpointStore::open(saved.path("foreign")).unwrap());
    fs::create_dir(saved.path("foreign/runs")).unwrap();
    let stays = |checkpoints: &str| {
        let swept = ended(&mut sweep(&saved.path(checkpoints)));
        swept.assert_code(1);
        swept.assert_stderr("it came here from elsewhere, or does not say that it did not");
        assert_eq!(swept.stdout, "finished 0 commits, undid 0, removed 0 folders, left 1\n");
        assert!(saved.task.project() == half, "it wrote in the project");
    };
    fs::rename(&run, &foreign).unwrap();
    stays("foreign");
    fs::rename(&foreign, &run).unwrap();
    // Copied, it is another one; and so is one that says nothing.
    let aside = saved.path("aside");
    fs::rename(&run, &aside).unwrap();
    assert!(Command::new("cp").arg("-a").args([&aside, &run]).status().unwrap().success());
    stays("checkpoints");
    fs::remove_dir_all(&run).unwrap();
    fs::rename(&aside, &run).unwrap();
    let (origin, away) = (run.join("origin.json"), saved.path("origin"));
    fs::rename(&origin, &away).unwrap();
    stays("checkpoints");
    fs::rename(&away, &origin).unwrap();
    let swept = ended(sweep(&saved.path("checkpoints")).arg("--journal").arg(saved.path("journal")));
    swept.assert_code(0);
    assert_whole(&saved);
}

#[test]
fn a_run_that_nobody_goes_on_with_is_not_left_in_the_middle_of_its_commit_by_the_next() {
    if !needs("strace") {
        return;
    }
    let (saved, _session) = half_committed();
    let [file] = saved.active().try_into().unwrap();
    saved.store().abandon(&file, "no longer wanted", "me").unwrap();
    let other = Saved { task: Task::small(&[mend(), says("done")]), place: saved.place };
    let next = other.run(&["--write-back"]);
    next.assert_code(0);
    let saved = Saved { task: saved.task, place: other.place };
    next.assert_stderr("the commit that the run was killed in is ");
    let is_finished = made(&saved) == FILES;
    // That of the next is told too.
    assert_eq!(committed(&saved), 1 + usize::from(is_finished), "it is told");
    assert!(is_finished || made(&saved) == 0, "{}", made(&saved));
    assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0);
}
