//! Runs that are killed with SIGKILL and gone on with: from wherever they were, to the same end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Task, calls, ended, mend, says, tree};

mod calls;
mod cost;
mod meanwhile;
mod refused;
mod saved;
mod scouts;

use cost::{Cost, HELD, undisturbed};
use saved::{Saved, assert_one_run, is, session_of};

/// What the tour leaves.
#[track_caller]
fn assert_mended(output: &Path, project: &BTreeMap<PathBuf, Vec<u8>>) {
    let result = tree(output);
    assert_eq!(result[Path::new("index.txt")], b"01-january\n02-february\n03-march\n");
    assert_eq!(result[Path::new("months/03-march.txt")], b"March has 31 days.\n");
    let changed = result.iter().filter(|(path, content)| project.get(*path) != Some(content));
    assert_eq!((changed.count(), result.len()), (2, project.len()));
}

/// Kills a tour after so many events, goes on with it, and looks whether it is as if nothing had been. False if it came to
/// its end before.
fn is_gone_on_with_after(events: usize) -> bool {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let project = saved.task.project();
    let mut count = 0;
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], |_| {
        count += 1;
        count == events
    });
    let Some(told) = told else { return false };
    saved.task.assert_nothing_left();
    let session = session_of(&told);
    let before = saved.memories();
    let run = saved.resume(&session);
    if run.code == 1 && saved.active().is_empty() {
        // It was killed before it had saved anything, or when all was done.
        run.assert_stderr("there is no active checkpoint of the session");
        let is_applied = saved
            .recorded()
            .iter()
            .any(|event| event["event_type"] == "plan.applied" && event["plan_id"] == event["root_plan_id"]);
        assert!(is_applied || events < 10, "killed after {events} events: {}", run.stderr);
        return true;
    }
    assert_eq!(run.code, 0, "killed after {events} events: {}\n{}", run.stderr, run.stdout);
    run.assert_stderr("applied ");
    assert_one_run(&saved, &run);
    let (cost, undisturbed) = (Cost::told(&run), undisturbed());
    assert!(cost.read >= undisturbed.read && cost.written >= undisturbed.written, "{cost:?} {undisturbed:?}");
    assert_mended(output.path(), &project);
    assert!(saved.active().is_empty());
    assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0, "nothing is kept");
    let after = saved.memories();
    assert!(before.iter().all(|memory| after.get(memory.0) == Some(memory.1)), "{before:?} {after:?}");
    assert_eq!(after.keys().collect::<Vec<_>>(), [&format!("almanac/scouts/agents/reader/{session}")]);

    let again = saved.resume(&session);
    again.assert_code(1);
    again.assert_stderr("there is no active checkpoint of the session");
    again.assert_stderr("run the task anew, without --resume");
    true
}

#[test]
fn a_tour_that_is_killed_anywhere_goes_on_to_the_same_end() {
    let step = std::env::var("AGENTBUS_KILL_STEP").map_or(23, |step| step.parse().unwrap());
    let mut after = 1;
    while is_gone_on_with_after(after) {
        after += step;
    }
    assert!(after > 150, "the tour has {after} events");
}

/// Has the reply number `nth` of a recording of the tour wait, kills the tour there, and goes on with it as it was
/// recorded. Returns what the two processes told. What it costs is what it costs undisturbed, and the answer that waited.
fn held_and_resumed(recording: &str, nth: usize) -> (Vec<Value>, Vec<Value>, Saved) {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let project = saved.task.project();
    let original = fs::read(saved.task.path(recording)).unwrap();
    let mut waiting: Value = serde_json::from_slice(&original).unwrap();
    waiting["replies"][nth] = saved.hold();
    fs::write(saved.task.path(recording), waiting.to_string()).unwrap();
    let told = saved.killed_in_hold(&["--output", output.path().to_str().unwrap()]);

    fs::write(saved.task.path(recording), original).unwrap();
    let (run, after) = saved.resumed(&session_of(&told));
    run.assert_code(0);
    assert_one_run(&saved, &run);
    assert_eq!(Cost::told(&run), undisturbed().plus(HELD.0, HELD.1));
    assert_mended(output.path(), &project);
    (told, after, saved)
}

fn questions(told: &[Value]) -> Vec<String> {
    told.iter().filter(|e| is("decision.created")(e)).map(|e| e["details"]["question"].to_string()).collect()
}

fn invoked(told: &[Value]) -> Vec<&str> {
    let invoked = told.iter().filter(|event| is("actor.invoked")(event));
    invoked.map(|event| event["details"]["actor"].as_str().unwrap()).collect()
}

#[test]
fn what_was_decided_is_found_and_an_attempt_goes_on_where_the_model_was() {
    // The first question of the second attempt that gets an answer.
    let (told, after, _) = held_and_resumed("keeper.json", 7);
    let both: Vec<_> = questions(&told).into_iter().chain(questions(&after)).collect();
    assert_eq!(both.len(), 10, "as many as in one that is not killed: {both:?}");
    assert_eq!(questions(&after).len(), 1, "the correction of the gate alone: {:?}", questions(&after));
    assert!(invoked(&after).iter().all(|actor| *actor == "agents/almanac-keeper"), "{:?}", invoked(&after));
    let errored = after.iter().find(|event| is("plan.errored")(event)).unwrap();
    assert_eq!(errored["details"]["error"], "the process that led it was killed");
    assert_eq!(errored["details"]["error_kind"], "transient");
    let restored = after.iter().find(|event| is("checkpoint.restored")(event));
    assert!(restored.is_some(), "what the attempt had begun is undone");
}

#[test]
fn work_that_passed_and_was_given_back_is_kept() {
    // The first question behind the gate.
    let (_, after, _) = held_and_resumed("keeper.json", 10);
    let changed: Vec<_> = after.iter().filter(|event| is("decision.created")(event)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(!after.iter().any(|event| is("validation.failed")(event)), "the work was kept");
    assert!(!after.iter().any(is("sandbox.created")));
}

#[test]
fn a_run_is_killed_and_gone_on_with_as_often_as_it_takes() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let project = saved.task.project();
    let after = |events: usize| {
        let mut count = 0;
        move |_: &Value| {
            count += 1;
            count == events
        }
    };
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], after(40)).unwrap();
    let session = session_of(&told);
    let killed = |events| saved.killed(&["--resume", &session], after(events)).is_some();
    assert!([40, 60].into_iter().all(killed));
    let run = saved.resume(&session);
    run.assert_code(0);
    assert_one_run(&saved, &run);
    assert_mended(output.path(), &project);
    assert!(saved.active().is_empty());
    assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0, "nothing is kept");
}

#[test]
fn a_commit_that_was_killed_is_finished_and_what_was_applied_is_not_applied_again() {
    for kind in ["sandbox.committed", "plan.applied"] {
        let saved = Saved::of(Task::small(&[mend(), says("done")]));
        let told = saved.killed(&["--write-back"], is(kind)).unwrap();
        let run = saved.resume(&session_of(&told));
        if run.code == 0 {
            assert_one_run(&saved, &run);
            assert_eq!(Cost::told(&run), Cost::of(200, 20));
        } else {
            // The killed process had come to its end behind what it told.
            run.assert_stderr("there is no active checkpoint of the session");
        }
        assert!(saved.active().is_empty());
        assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0, "nothing is kept");
        assert_eq!(fs::read(saved.task.path("project/notes.txt")).unwrap(), b"mended\n");
    }
}

#[test]
fn a_plan_that_found_the_project_changed_works_on_it_as_it_is_now() {
    let saved = Saved::of(Task::small(&[]));
    let notes = saved.task.path("project/notes.txt");
    let script = format!("echo theirs > '{}'", notes.display());
    let meanwhile = calls(&[("run_command", json!({ "command": ["sh", "-c", script] }))]);
    let replies = json!({ "replies": [meanwhile, mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let refused = saved.run(&["--write-back"]);
    refused.assert_code(1);
    refused.assert_stderr("to go on: ");

    // Behind what was played before.
    let played = || says("never asked for");
    let replies = json!({ "replies": [played(), played(), played(), mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let (run, after) = saved.resumed(&session_of(&refused.values()));
    run.assert_code(0);
    assert_eq!(fs::read(notes).unwrap(), b"mended\n");
    assert!(after.iter().any(is("sandbox.rolled_back")), "{after:?}");
    assert_one_run(&saved, &run);
    assert_eq!(Cost::told(&run), Cost::of(500, 50), "five answers");
}

#[test]
fn what_the_journal_does_not_have_is_not_saved_and_nothing_is_done_on_it() {
    let saved = Saved::of(Task::small(&[]));
    let replies = json!({ "replies": [saved.hold(), mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let mut command = saved.task.command(&["--write-back"]);
    let mut child =
        command.args(saved.words()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let told =
        saved.told_until_held(&mut child, || fs::rename(saved.path("journal"), saved.path("away")).unwrap());
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot save how far the run has come: the journal does not have all"),
        "{stderr}"
    );
    assert_eq!(fs::read(saved.task.path("project/notes.txt")).unwrap(), b"broken\n");

    fs::rename(saved.path("away"), saved.path("journal")).unwrap();
    let replies = json!({ "replies": [mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let run = saved.resume(&session_of(&told));
    run.assert_code(0);
    assert_one_run(&saved, &run);
}

#[test]
fn a_run_that_failed_is_gone_on_with() {
    let saved = Saved::of(Task::small(&[says("I cannot")]));
    let words = ["--write-back", "--json", "--journal", "journal", "--checkpoints", "checkpoints"];
    let failed = ended(saved.task.command(&words).current_dir(saved.place.path()));
    failed.assert_code(1);
    failed.assert_stderr("to go on: agentbus run ");
    // From wherever somebody stands.
    failed.assert_stderr(&format!("--journal {}", saved.path("journal").display()));
    let session = session_of(&failed.values());
    assert!(failed.stderr.contains(&format!("--resume {session}")), "{}", failed.stderr);
    // The attempt is made again from its first question on.
    let replies = json!({ "replies": [mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let run = saved.resume(&session);
    run.assert_code(0);
    assert_eq!(fs::read(saved.task.path("project/notes.txt")).unwrap(), b"mended\n");
    assert_one_run(&saved, &run);
}

#[test]
fn what_is_saved_holds_no_secret() {
    let key = "sk-ant-api03-abcdefghijklmnop";
    let saved = Saved::of(Task::small(&[]));
    saved.task.edit("task.toml", "mend the notes", &format!("mend the notes by {key}"));
    let replies = json!({ "replies": [saved.hold()] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let told = saved.killed_in_hold(&[]);
    for (path, content) in tree(&saved.path("checkpoints")) {
        assert!(!String::from_utf8_lossy(&content).contains(key), "{}", path.display());
    }
    let replies = json!({ "replies": [mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let run = saved.resume(&session_of(&told));
    run.assert_code(0);
    assert!(!run.stdout.contains(key) && !run.stderr.contains(key));
}
