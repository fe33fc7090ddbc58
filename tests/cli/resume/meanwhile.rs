//! What somebody does to a run while it lives, or while nobody leads it.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::calls::{speaks_of, sweep};
use super::cost::Cost;
use super::saved::{Saved, assert_recorded_once, is, session_of};
use super::scouts::with_a_reader_that_waits;
use crate::harness::{Task, ended, mend, says};
use crate::journal_harness::{agentbus, fed};

/// A task whose actor waits in a program, then does the work.
fn held() -> Saved {
    let saved = Saved::of(Task::small(&[]));
    let replies = json!({ "replies": [saved.hold(), mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    saved
}

/// Has the actor do the work without waiting.
fn hold_no_more(saved: &Saved) {
    let replies = json!({ "replies": [mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
}

/// Runs it to its end, and does something to it while it waits. Returns its session and how it ended.
fn ended_after(saved: &Saved, meanwhile: impl FnOnce()) -> (String, Output) {
    let mut command = saved.task.command(&["--write-back"]);
    command.args(saved.words()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let told = saved.told_until_held(&mut child, meanwhile);
    (session_of(&told), child.wait_with_output().unwrap())
}

fn kept_runs(saved: &Saved) -> usize {
    fs::read_dir(saved.path("checkpoints/runs")).unwrap().count()
}

/// The folder of the one run that is kept.
fn kept_run(saved: &Saved) -> PathBuf {
    let runs = fs::read_dir(saved.path("checkpoints/runs")).unwrap();
    let [run] = runs.map(|run| run.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
    run
}

fn notes(saved: &Saved) -> String {
    fs::read_to_string(saved.task.path("project/notes.txt")).unwrap()
}

#[test]
fn a_run_whose_checkpoint_somebody_ended_ends_and_saves_no_other() {
    let abandon = |saved: &Saved| {
        let [file] = saved.active().try_into().unwrap();
        saved.store().abandon(&file, "no longer wanted", "me").unwrap();
    };
    let archive = |saved: &Saved| drop(saved.store().cleanup(Duration::ZERO).unwrap());
    for end in [abandon, archive] {
        let saved = held();
        let (session, ended) = ended_after(&saved, || end(&saved));
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("is not active any more"), "{stderr}");
        assert!(!stderr.contains("to go on: "), "{stderr}");
        assert_eq!(notes(&saved), "broken\n");
        assert!(saved.active().is_empty(), "what was ended is not active again");
        assert_eq!(kept_runs(&saved), 0);
        for over in ["sandbox.rolled_back", "plan.cancelled"] {
            assert!(saved.recorded().iter().any(is(over)), "{over} is told");
        }
        saved.resume(&session).assert_stderr("there is no active checkpoint");
    }
}

#[test]
fn a_run_that_cannot_keep_what_it_spends_spends_nothing_more() {
    let saved = held();
    let [mut budgets, mut away] = [saved.path(""), saved.path("away.json")];
    let (session, ended) = ended_after(&saved, || {
        budgets = kept_run(&saved).join("budgets.json");
        fs::rename(&budgets, &away).unwrap();
        fs::create_dir_all(budgets.join("in the way")).unwrap();
    });
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot save how far the run has come: cannot write"), "{stderr}");
    assert!(stderr.contains("to go on: "), "{stderr}");
    let recorded = saved.recorded();
    // It was asked for, and cancelled before it began.
    let is_next =
        |event: &Value| is("tool.completed")(event) && event["details"]["call_id"] == "call-write_file-0";
    assert!(!recorded.iter().any(is_next), "it went on: {recorded:?}");

    fs::remove_dir_all(&budgets).unwrap();
    fs::rename(std::mem::take(&mut away), &budgets).unwrap();
    hold_no_more(&saved);
    let run = saved.resume(&session);
    run.assert_code(0);
    assert_eq!(notes(&saved), "mended\n");
    assert_recorded_once(&saved.recorded());
    // The reply that waited counts too, and not the answer whose cost could not be kept.
    assert_eq!(Cost::told(&run), Cost::of(300, 30));
}

#[test]
fn a_scout_that_cannot_keep_what_it_spends_ends_a_run_that_can_be_gone_on_with() {
    let saved = with_a_reader_that_waits();
    let reader = fs::read(saved.task.path("reader.json")).unwrap();
    let mut replies: Value = serde_json::from_slice(&reader).unwrap();
    replies["replies"][1] = mend();
    fs::write(saved.task.path("reader.json"), replies.to_string()).unwrap();
    let (session, ended) = ended_after(&saved, || {
        let budgets = kept_run(&saved).join("budgets.json");
        fs::remove_file(&budgets).unwrap();
        fs::create_dir_all(budgets.join("in the way")).unwrap();
    });
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot save how far the run has come: cannot write"), "{stderr}");
    assert!(stderr.contains(&format!("--resume {session}")), "{stderr}");
    assert_eq!(saved.active().len(), 1);
}

#[test]
fn a_run_that_cannot_keep_what_was_spent_asks_nobody_anything_more() {
    let saved = Saved::of(Task::small(&[mend(), says("done")]));
    let pipe = saved.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!(r#"["sh", "-c", "cat '{}'; grep -q mended notes.txt"]"#, pipe.display());
    saved.task.edit("task.toml", r#"["grep", "-q", "mended", "notes.txt"]"#, &script);
    let mut command = saved.task.command(&["--write-back"]);
    command.args(saved.words()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Opened once the validation reads.
    let held = fs::File::options().write(true).open(&pipe).unwrap();
    let budgets = kept_run(&saved).join("budgets.json");
    fs::remove_file(&budgets).unwrap();
    fs::create_dir_all(budgets.join("in the way")).unwrap();
    drop(held);
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot save how far the run has come: cannot write"), "{stderr}");
    assert!(!stdout.contains("actor.invoked"), "it went on: {stdout}");
}

#[test]
fn a_run_writes_to_no_other_folder_than_the_one_it_worked_for() {
    let saved = held();
    let session = session_of(&saved.killed_in_hold(&["--write-back"]));
    hold_no_more(&saved);
    let path = |name: &str| saved.task.path(name);
    fs::rename(path("project"), path("real")).unwrap();
    fs::create_dir(path("other")).unwrap();
    fs::write(path("other/notes.txt"), "broken\n").unwrap();
    symlink(path("other"), path("project")).unwrap();
    let refused = saved.resume(&session);
    refused.assert_code(1);
    refused.assert_stderr("another folder stands at");
    assert_eq!(fs::read_to_string(path("other/notes.txt")).unwrap(), "broken\n");

    fs::remove_file(path("project")).unwrap();
    fs::rename(path("real"), path("project")).unwrap();
    saved.resume(&session).assert_code(0);
    assert_eq!(notes(&saved), "mended\n");
}

#[test]
fn what_is_left_of_runs_that_nobody_goes_on_with_goes_with_the_next() {
    let saved = held();
    let given_up = session_of(&saved.killed_in_hold(&[]));
    let [file] = saved.active().try_into().unwrap();
    saved.store().abandon(&file, "no longer wanted", "me").unwrap();
    let wanted = session_of(&saved.killed_in_hold(&[]));
    // As one that was killed before it had saved anything.
    fs::create_dir(saved.path("checkpoints/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV")).unwrap();
    hold_no_more(&saved);
    saved.run(&[]).assert_code(0);
    assert_eq!(kept_runs(&saved), 1, "that of the run that can be gone on with");
    saved.resume(&given_up).assert_stderr("there is no active checkpoint");
    saved.resume(&wanted).assert_code(0);
    assert_eq!(kept_runs(&saved), 0);
}

#[test]
fn what_is_left_of_runs_stays_where_somebody_might_need_it() {
    let saved = held();
    let session = session_of(&saved.killed_in_hold(&[]));
    hold_no_more(&saved);
    let [file] = saved.active().try_into().unwrap();
    let (checkpoint, content) = (saved.path("checkpoints").join(&file), saved.path("content"));
    fs::rename(&checkpoint, &content).unwrap();
    fs::write(&checkpoint, "{").unwrap();
    let foreign = r#"{"agent":"agents/planner","session_id":"s-9","phase":"action"}"#;
    let created = fed(agentbus("checkpoint").arg("create").arg(saved.path("checkpoints")), foreign);
    created.assert_code(0);
    let checkpoints = saved.path("checkpoints");
    let sweep = || ended(&mut sweep(&checkpoints));
    let swept = sweep();
    swept.assert_code(1);
    let stays = "what runs left stays: one of the checkpoints that cannot be read may name it";
    swept.assert_stderr(stays);
    let next = saved.run(&[]);
    next.assert_code(0);
    next.assert_stderr(stays);
    assert_eq!(kept_runs(&saved), 1, "what cannot be read may name it");
    fs::rename(&content, &checkpoint).unwrap();

    // One that something can be gone on from is not spoken of.
    let malformed = saved.path("checkpoints/checkpoint-x.json");
    fs::write(&malformed, "{").unwrap();
    let mut resolve = agentbus("checkpoint");
    let resolved = ended(resolve.arg("resolve").arg(&checkpoints).arg(created.stdout.trim()));
    for again in [resolved, sweep()] {
        again.assert_code(0);
        assert_eq!((again.stderr.as_str(), kept_runs(&saved)), ("", 1));
    }
    fs::remove_file(&malformed).unwrap();

    // A sandbox that cannot be opened may be in the middle of a commit.
    let sandboxes = kept_run(&saved).join("sandboxes");
    let [sandbox] = folders(&sandboxes).try_into().unwrap();
    let (state, away) = (sandbox.join("sandbox.json"), saved.path("away"));
    fs::rename(&state, &away).unwrap();
    fs::write(&state, "{").unwrap();
    let abandoned = ended(&mut abandon(&saved, &file));
    abandoned.assert_code(0);
    assert_eq!(abandoned.stderr, speaks_of(&checkpoints));
    let swept = sweep();
    swept.assert_code(1);
    swept.assert_stderr("cannot be opened");
    assert_eq!(kept_runs(&saved), 1, "what cannot be opened is not seen to");
    fs::rename(&away, &state).unwrap();
    let again = sweep();
    again.assert_code(0);
    assert_eq!(kept_runs(&saved), 0);
    saved.resume(&session).assert_stderr("there is no active checkpoint");
}

#[test]
fn who_ends_a_checkpoint_looks_no_farther_than_its_folder() {
    let saved = held();
    let checkpoints = saved.path("checkpoints");
    let mut says = String::new();
    let (_session, ended_run) = ended_after(&saved, || {
        let [file] = saved.active().try_into().unwrap();
        says = ended(&mut abandon(&saved, &file)).stderr;
    });
    assert_eq!((says.as_str(), ended_run.status.code()), ("", Some(1)), "one that is alive sees to itself");

    saved.killed_in_hold(&[]);
    let [file] = saved.active().try_into().unwrap();
    let (run, away) = (kept_run(&saved), saved.path("away"));
    for place in [run.join("lock"), run.clone()] {
        fs::rename(&place, &away).unwrap();
        symlink(saved.path("elsewhere"), &place).unwrap();
        let abandoned = ended(&mut abandon(&saved, &file));
        abandoned.assert_code(0);
        assert_eq!(abandoned.stderr, speaks_of(&checkpoints));
        assert!(!saved.path("elsewhere").exists());
        fs::remove_file(&place).unwrap();
        fs::rename(&away, &place).unwrap();
    }
    fs::remove_file(run.join("lock")).unwrap();
    ended(&mut abandon(&saved, &file)).assert_stderr("sees to it");
    assert!(!run.join("lock").exists(), "who looks makes nothing");
}

#[test]
fn what_is_left_of_a_run_goes_too_where_what_it_worked_for_is_gone() {
    let saved = held();
    saved.killed_in_hold(&[]);
    for result in folders(saved.task.temp.path()) {
        fs::remove_dir_all(result).unwrap();
    }
    let [file] = saved.active().try_into().unwrap();
    ended(&mut abandon(&saved, &file)).assert_code(0);
    ended(&mut sweep(&saved.path("checkpoints"))).assert_code(0);
    assert_eq!(kept_runs(&saved), 0);
    saved.task.assert_nothing_left();
}

/// Gives up that checkpoint by hand.
fn abandon(saved: &Saved, file: &str) -> Command {
    let mut abandon = agentbus("checkpoint");
    abandon.arg("abandon").arg(saved.path("checkpoints"));
    abandon.args([file, "--reason", "no longer wanted", "--operator", "me"]);
    abandon
}

/// The folders in a folder.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}
