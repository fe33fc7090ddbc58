//! Scouts of runs that are killed and gone on with.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

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

#[test]
fn what_is_known_of_a_scout_before_anything_else_was_saved_is_told_to_the_actor() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let mut waiting: Value =
        serde_json::from_slice(&fs::read(saved.task.path("reader.json")).unwrap()).unwrap();
    waiting["replies"][0] = saved.hold();
    // It may write, or it could not run a program.
    saved.task.edit("task.toml", "read_only = true", "read_only = false");
    fs::write(saved.task.path("reader.json"), waiting.to_string()).unwrap();
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
    let run = saved.resume(&session);
    run.assert_code(0);
    assert!(!invoked(&run.values()).contains(&"agents/reader"), "{}", run.stdout);
    let report = "agents/reader reports:\nNothing is lacking.";
    let is_told =
        |event: &Value| is("session.message_sent")(event) && event["details"]["bytes"] == report.len();
    assert!(run.values().iter().any(is_told), "{}", run.stdout);
}

#[test]
fn a_scout_is_known_to_be_back_before_anything_else_is_done() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let project = saved.task.project();
    // It writes, so that its sandbox goes with an event.
    saved.task.edit("task.toml", "read_only = true", "read_only = false");
    let replies = json!({ "replies": [mend(), says("Nothing is lacking.")] });
    fs::write(saved.task.path("reader.json"), replies.to_string()).unwrap();
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], is("sandbox.rolled_back"));
    let told = told.unwrap();
    assert_eq!(invoked(&told), ["agents/reader"]);
    assert!(told.iter().any(is("memory.set")), "its report is kept before its sandbox goes");
    let run = saved.resume(&session_of(&told));
    run.assert_code(0);
    assert!(!invoked(&run.values()).contains(&"agents/reader"), "{}", run.stdout);
    assert_mended(output.path(), &project);
    assert_one_run(&saved.recorded());
}

#[test]
fn a_scout_that_was_given_up_is_not_sent_again() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let told = saved.killed(&["--output", output.path().to_str().unwrap()], is("plan.cancelled")).unwrap();
    assert_eq!(invoked(&told), ["agents/reader", "agents/rewriter"]);
    let run = saved.resume(&session_of(&told));
    run.assert_code(0);
    assert!(invoked(&run.values()).iter().all(|actor| *actor == "agents/almanac-keeper"), "{}", run.stdout);
    assert_one_run(&saved.recorded());
}

#[test]
fn a_scout_spends_its_budget_once_however_often_it_is_sent() {
    let (saved, output) = (Saved::of(Task::tour()), TempDir::new().unwrap());
    let mut waiting: Value =
        serde_json::from_slice(&fs::read(saved.task.path("reader.json")).unwrap()).unwrap();
    waiting["replies"][0] = saved.hold();
    saved.task.edit("task.toml", "read_only = true", "read_only = false");
    fs::write(saved.task.path("reader.json"), waiting.to_string()).unwrap();
    let told = saved.killed_in_hold(&["--output", output.path().to_str().unwrap()]);
    let session = session_of(&told);
    saved.killed_in_hold(&["--resume", &session]);
    let runs = fs::read_dir(saved.path("checkpoints/runs")).unwrap();
    let [run] = runs.map(|run| run.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
    let kept: Value = serde_json::from_slice(&fs::read(run.join("budgets.json")).unwrap()).unwrap();
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    // Beside the account of the plan itself.
    let mut of_scout: Vec<_> = kept["accounts"].as_array().unwrap().iter().collect();
    of_scout.retain(|account| account["tier"] == "plan" && account["limit_usd"] != "0.3");
    let mut limits: Vec<_> = of_scout.iter().map(|account| number(&account["limit_usd"])).collect();
    limits.sort_by(f64::total_cmp);
    assert!(limits.len() == 2 && limits[0] < limits[1], "{kept}");
    let spent = number(&of_scout[0]["spent_usd"]);
    assert!((limits[1] - limits[0] - spent).abs() < 1e-9, "{kept}");
}
