//! A run that is killed at its calls that change something on disk, by `strace`, and so is the one that goes on with it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::saved::{Saved, assert_one_run, session_of};
use crate::harness::{Ended, Task, calls, ended, mend, says};
use crate::journal_harness::needs;

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
    assert_one_run(&saved.recorded());
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
    saved.task.edit("task.toml", "goal = ", "# another\ngoal = ");
    let refused = saved.resume(&session);
    refused.assert_code(1);
    refused.assert_stderr("the run was of another task, or");
    refused.assert_stderr("the commit that the run was killed in is ");
    let is_finished = made(&saved) == FILES;
    assert!(is_finished || made(&saved) == 0, "{}: {}", made(&saved), refused.stderr);
    let committed = |saved: &Saved| {
        let recorded = saved.recorded();
        recorded.iter().filter(|event| event["event_type"] == "sandbox.committed").count()
    };
    assert_eq!(committed(&saved), usize::from(is_finished), "it is told");

    saved.task.edit("task.toml", "# another\n", "");
    saved.resume(&session).assert_code(0);
    assert_eq!((made(&saved), committed(&saved)), (FILES, 1));
    assert_one_run(&saved.recorded());
}
