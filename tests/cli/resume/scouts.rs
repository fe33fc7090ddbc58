//! Scouts of runs that are killed and gone on with.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::cost::accounts;
use super::saved::{Saved, assert_one_run, is, session_of};
use super::{assert_mended, held_and_resumed, invoked};
use crate::harness::{Task, ended, mend, says};
use crate::journal_harness::agentbus;

#[test]
fn a_scout_that_came_back_is_not_sent_again_and_what_it_said_is_told() {
    let (told, after, saved) = held_and_resumed("rewriter.json", 0);
    assert_eq!(invoked(&told), ["agents/reader", "agents/rewriter"]);
    let keeper = "agents/almanac-keeper";
    assert!(invoked(&after).iter().all(|actor| ["agents/rewriter", keeper].contains(actor)), "{after:?}");
    assert_eq!(invoked(&after)[0], "agents/rewriter", "it did not come back");
    let memories = saved.memories();
    assert!(
        memories.values().all(|summary| summary.starts_with("The index lacks 02-february")),
        "{memories:?}"
    );
    assert_eq!(memories.len(), 1);
    let cancelled = after.iter().find(|event| is("plan.cancelled")(event)).unwrap();
    assert_eq!(cancelled["details"]["reason"], "the process that led it was killed");
}

/// A tour whose reader waits in a program.
pub(super) fn with_a_reader_that_waits() -> Saved {
    let saved = Saved::of(Task::tour());
    let reader = fs::read(saved.task.path("reader.json")).unwrap();
    let mut waiting: Value = serde_json::from_slice(&reader).unwrap();
    waiting["replies"][0] = saved.hold();
    // It may write, or it could not run a program.
    saved.task.edit("task.toml", "read_only = true", "read_only = false");
    fs::write(saved.task.path("reader.json"), waiting.to_string()).unwrap();
    saved
}

/// A tour whose reader answers so, after it wrote something: then its sandbox goes with an event.
fn with_a_reader_that(replies: &[Value]) -> Saved {
    let saved = Saved::of(Task::tour());
    saved.task.edit("task.toml", "read_only = true", "read_only = false");
    fs::write(saved.task.path("reader.json"), json!({ "replies": replies }).to_string()).unwrap();
    saved
}

#[test]
fn what_is_known_of_a_scout_before_anything_else_was_saved_is_told_to_the_actor() {
    let (saved, output) = (with_a_reader_that_waits(), TempDir::new().unwrap());
    let told = saved.killed_in_hold(&["--output", output.path().to_str().unwrap()]);
    let session = session_of(&told);
    // As if it had come back just before it was killed.
    let key = format!("almanac/scouts/agents/reader/{session}");
    let mut set = agentbus("memory");
    set.arg("set").arg(saved.path("checkpoints")).args([
        &key,
        "Nothing is lacking.",
        "--author",
        "agents/reader",
    ]);
    ended(&mut set).assert_code(0);
    let (run, after) = saved.resumed(&session);
    run.assert_code(0);
    assert!(!invoked(&after).contains(&"agents/reader"), "{after:?}");
    let report = "agents/reader reports:\nNothing is lacking.";
    let is_told =
        |event: &Value| is("session.message_sent")(event) && event["details"]["bytes"] == report.len();
    assert!(after.iter().any(is_told), "{after:?}");
}

#[test]
fn a_scout_is_known_to_be_back_before_that_is_told_or_anything_else_done() {
    for last in ["actor.completed", "sandbox.rolled_back"] {
        let output = TempDir::new().unwrap();
        let saved = with_a_reader_that(&[mend(), says("Nothing is lacking.")]);
        let project = saved.task.project();
        let told = saved.killed(&["--output", output.path().to_str().unwrap()], is(last)).unwrap();
        assert_eq!(invoked(&told), ["agents/reader"]);
        assert!(told.iter().any(is("memory.set")), "its report is kept before");
        let (run, after) = saved.resumed(&session_of(&told));
        run.assert_code(0);
        assert!(!invoked(&after).contains(&"agents/reader"), "{after:?}");
        assert_mended(output.path(), &project);
        assert_one_run(&saved, &run);
    }
}

#[test]
fn a_scout_that_was_given_up_is_not_sent_again() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], is("plan.cancelled")).unwrap();
    assert_eq!(invoked(&told), ["agents/reader", "agents/rewriter"]);
    let (run, after) = saved.resumed(&session_of(&told));
    run.assert_code(0);
    assert!(invoked(&after).iter().all(|actor| *actor == "agents/almanac-keeper"), "{after:?}");
    assert_one_run(&saved, &run);
}

#[test]
fn a_scout_that_failed_is_not_sent_again() {
    let output = TempDir::new().unwrap();
    let saved = with_a_reader_that(&[says("")]);
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], is("plan.errored")).unwrap();
    assert_eq!(invoked(&told), ["agents/reader"]);
    let (run, after) = saved.resumed(&session_of(&told));
    run.assert_code(0);
    assert!(!invoked(&after).contains(&"agents/reader"), "{after:?}");
    assert!(saved.memories().is_empty());
}

#[test]
fn a_scout_spends_its_budget_once_however_often_it_is_sent() {
    let (saved, output) = (with_a_reader_that_waits(), TempDir::new().unwrap());
    let told = saved.killed_in_hold(&["--output", output.path().to_str().unwrap()]);
    let session = session_of(&told);
    saved.killed_in_hold(&["--resume", &session]);
    let runs = fs::read_dir(saved.path("checkpoints/runs")).unwrap();
    let [run] = runs.map(|run| run.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
    let kept: Value = serde_json::from_slice(&fs::read(run.join("budgets.json")).unwrap()).unwrap();
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    // Beside the account of the plan itself.
    let mut of_scout: Vec<_> = accounts(&kept).iter().collect();
    of_scout.retain(|account| account["tier"] == "plan" && account["limit_usd"] != "0.3");
    let mut limits: Vec<_> = of_scout.iter().map(|account| number(&account["limit_usd"])).collect();
    limits.sort_by(f64::total_cmp);
    assert!(limits.len() == 2 && limits[0] < limits[1], "{kept}");
    let spent = number(&of_scout[0]["spent_usd"]);
    assert!((limits[1] - limits[0] - spent).abs() < 1e-9, "{kept}");
}
