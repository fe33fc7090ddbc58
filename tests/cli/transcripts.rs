//! Runs in which the model, or the world it finds, is not as it should be.

use std::fs;

use agentbus::event::{
    ActorErrored, ActorEscalated, EscalationReason, PlanErrorKind, PlanErrored, PlanState, PlanStateChanged,
    ToolErrorKind, ToolErrored,
};
use serde_json::{Value, json};

use crate::harness::{Ended, Task, calls, expecting, mend, says};

/// Asserts that the run ended without being applied, its plan in that state, and left nothing.
#[track_caller]
fn assert_ended_in(state: PlanState, task: &Task, run: &Ended) {
    run.assert_code(1);
    let kinds = run.kinds();
    assert!(!kinds.contains(&"plan.applied".to_owned()), "{kinds:?}");
    let events = run.events();
    let last = events.iter().rev().find_map(|event| event.details::<PlanStateChanged>());
    assert_eq!(last.map(|changed| changed.to), Some(state));
    assert_eq!(kinds.contains(&"plan.errored".to_owned()), state == PlanState::Errored, "{kinds:?}");
    task.assert_nothing_left();
}

/// Asserts that the run failed and left nothing.
#[track_caller]
fn assert_not_applied(task: &Task, run: &Ended) {
    assert_ended_in(PlanState::Errored, task, run);
}

#[track_caller]
fn run_small(replies: &[Value]) -> (Task, Ended) {
    let task = Task::small(replies);
    let run = task.run(&["--json"]);
    assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"broken\n");
    (task, run)
}

#[track_caller]
fn actor_error(run: &Ended) -> String {
    let events = run.events();
    let errored = events.iter().find_map(|event| event.details::<ActorErrored>());
    errored.expect("the actor errored").error.to_string()
}

#[track_caller]
fn tool_errors(run: &Ended) -> Vec<ToolErrored> {
    run.events().iter().filter_map(|event| event.details::<ToolErrored>().cloned()).collect()
}

#[test]
fn with_any_replacement_broken_the_example_is_not_applied() {
    let task = Task::example();
    let (project, transcript) = (task.project(), fs::read_to_string(task.path("transcript.json")).unwrap());
    let replacements = transcript.matches("replace_in_file").count();
    assert!(replacements > 1, "{replacements}");
    for which in 0..replacements {
        for (key, broken) in
            [(r#"\"old\": \""#, r#"\"old\": \"no "#), (r#"\"new\": \""#, r#"\"new\": \"no "#)]
        {
            let (at, _) = transcript.match_indices("replace_in_file").nth(which).unwrap();
            let (before, call) = transcript.split_at(at);
            let text = format!("{before}{}", call.replacen(key, broken, 1));
            assert_ne!(text, transcript);
            fs::write(task.path("transcript.json"), text).unwrap();
            let run = task.run(&["--json"]);
            assert_not_applied(&task, &run);
            assert_eq!(task.project(), project);
        }
    }
}

#[test]
fn an_expectation_that_is_not_met_ends_the_run() {
    let looks = calls(&[("read_file", json!({ "path": "notes.txt" }))]);
    let (task, run) = run_small(&[looks, expecting("something else", says("fine"))]);
    assert_not_applied(&task, &run);
    assert!(actor_error(&run).contains("something else"), "{}", actor_error(&run));
    run.assert_stderr("something else");
}

#[test]
fn a_transcript_without_a_reply_left_ends_the_run() {
    let (task, run) = run_small(&[calls(&[("list_files", json!({}))])]);
    assert_not_applied(&task, &run);
    assert!(actor_error(&run).contains("no reply"), "{}", actor_error(&run));
}

#[test]
fn a_model_that_mends_nothing_ends_the_run() {
    let (task, run) = run_small(&[says("all is well")]);
    assert_not_applied(&task, &run);
    run.assert_stderr("mended");
}

#[test]
fn an_unknown_tool_is_refused_and_the_run_goes_on() {
    let unknown = calls(&[("launch_rocket", json!({ "where": "up" }))]);
    let (_, run) = run_small(&[unknown, expecting("no such tool", mend()), says("done")]);
    run.assert_code(0);
    let errors = tool_errors(&run);
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].error_kind, errors[0].attempts), (ToolErrorKind::Refused, 0));
}

#[test]
fn a_path_that_leaves_the_sandbox_is_refused_and_the_run_goes_on() {
    let task = Task::small(&[]);
    let outside = task.path("outside.txt");
    let paths = ["../outside.txt", "../../outside.txt", outside.to_str().unwrap()];
    let mut replies: Vec<_> = paths
        .iter()
        .map(|path| calls(&[("write_file", json!({ "path": path, "content": "out" }))]))
        .collect();
    replies.extend([mend(), says("done")]);
    fs::write(task.path("transcript.json"), json!({ "replies": replies }).to_string()).unwrap();

    let run = task.run(&["--json"]);
    run.assert_code(0);
    let errors = tool_errors(&run);
    assert_eq!(errors.len(), paths.len());
    assert!(errors.iter().all(|errored| errored.error_kind == ToolErrorKind::Refused), "{errors:?}");
    assert!(!outside.exists());
}

#[test]
fn what_changed_in_the_project_meanwhile_is_not_overwritten() {
    let task = Task::small(&[]);
    let notes = task.path("project/notes.txt");
    let script = format!("echo theirs > '{}'", notes.display());
    let meanwhile = calls(&[("run_command", json!({ "command": ["sh", "-c", script] }))]);
    let replies = [meanwhile, mend(), says("done")];
    fs::write(task.path("transcript.json"), json!({ "replies": replies }).to_string()).unwrap();

    let run = task.run(&["--json", "--write-back"]);
    assert_ended_in(PlanState::Constrained, &task, &run);
    run.assert_stderr("notes.txt");
    assert_eq!(fs::read(notes).unwrap(), b"theirs\n");
}

#[test]
fn a_budget_that_is_used_up_ends_the_run() {
    let task = Task::small(&[mend(), says("done")]);
    task.edit("task.toml", "plan_usd = \"1\"", "plan_usd = \"0.0001\"");
    let run = task.run(&["--json"]);
    assert_not_applied(&task, &run);
    let kinds = run.kinds();
    assert!(kinds.contains(&"budget.exceeded".to_owned()), "{kinds:?}");
    assert_escalated(&run, EscalationReason::Budget);
}

#[test]
fn a_limit_of_iterations_ends_the_run() {
    let task = Task::small(&[calls(&[("list_files", json!({}))]), mend(), says("done")]);
    task.edit("task.toml", "fixes = 1", "fixes = 1\niterations = 1");
    let run = task.run(&["--json"]);
    assert_not_applied(&task, &run);
    assert_escalated(&run, EscalationReason::MaxIterations);
}

#[track_caller]
fn assert_escalated(run: &Ended, reason: EscalationReason) {
    let events = run.events();
    let escalated = events.iter().find_map(|event| event.details::<ActorEscalated>());
    assert_eq!(escalated.expect("the actor escalated").reason, reason);
}

#[test]
fn what_a_model_says_reaches_no_terminal_raw() {
    let hostile = calls(&[("\u{1b}]0;owned\u{7}", json!({})), ("read_file", json!({ "path": "\u{1b}[2J" }))]);
    let task = Task::small(&[hostile, mend(), says("\u{9b}31mdone\u{202e}")]);
    for args in [&[][..], &["--json"], &["--bus", "logging"]] {
        let run = task.run(args);
        run.assert_code(0);
        let raw = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}'];
        assert!(!run.stdout.contains(raw) && !run.stderr.contains(raw), "{:?}\n{:?}", run.stdout, run.stderr);
    }
}

/// A recorded failure of the model.
fn unavailable() -> Value {
    json!({ "error": { "status": 503, "message": "overloaded" } })
}

#[test]
fn a_model_that_cannot_be_reached_is_asked_again_as_often_as_the_task_says() {
    let task = Task::small(&[unavailable(), mend(), says("done")]);
    let run = task.run(&["--json"]);
    run.assert_code(0);
    assert!(run.kinds().contains(&"plan.errored".to_owned()));

    let (task, run) = run_small(&[unavailable(), unavailable(), mend(), says("done")]);
    assert_not_applied(&task, &run);
    run.assert_stderr("status 503: overloaded");
    let errored = run
        .events()
        .iter()
        .filter_map(|event| event.details::<PlanErrored>().map(|e| e.error_kind))
        .collect::<Vec<_>>();
    assert_eq!(errored, [PlanErrorKind::Transient; 2]);
}

const RULE: &str =
    "[[invariant]]\nid = \"stays\"\ntext = \"It stays.\"\nunchanged = [\"**\"]\n\n[[validation]]";

#[test]
fn what_breaks_an_invariant_is_given_back_and_never_applied() {
    let task = Task::small(&[mend(), says("done"), says("it cannot"), says("be"), says("otherwise")]);
    task.edit("task.toml", "[[validation]]", RULE);
    let run = task.run(&["--json"]);
    assert_ended_in(PlanState::Cancelled, &task, &run);
    run.assert_stderr("invariant stays is violated: changed: notes.txt");
    assert_eq!(run.kinds().iter().filter(|kind| *kind == "invariant.violated").count(), 4);
    assert_eq!(run.kinds().iter().filter(|kind| *kind == "decision.corrected").count(), 3);
}

#[test]
fn what_was_kept_is_not_superseded_by_a_later_attempt() {
    let write = |content: &str| calls(&[("write_file", json!({ "path": "notes.txt", "content": content }))]);
    let stray = calls(&[("write_file", json!({ "path": "stray.txt", "content": "x" }))]);
    let back = calls(&[("delete_file", json!({ "path": "stray.txt" }))]);
    // It passes and breaks the rule; then it keeps to the rule and does not pass; then both.
    let task =
        Task::small(&[stray, mend(), says("1"), back, write("broken\n"), says("2"), mend(), says("3")]);
    task.edit("task.toml", "[[validation]]", &RULE.replace("**", "stray.txt"));
    let run = task.run(&["--json"]);
    run.assert_code(0);
    let kinds = run.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "decision.corrected").count(), 1);
    assert!(!kinds.contains(&"decision.superseded".to_owned()), "{kinds:?}");
}

#[test]
fn what_the_session_did_not_take_and_what_was_not_metered_is_told() {
    let mut long = says(&"x".repeat((1 << 20) + 1));
    long["response"].as_object_mut().unwrap().remove("usage");
    for args in [["--json"].as_slice(), &[]] {
        let run = Task::small(&[mend(), long.clone()]).run(args);
        run.assert_code(0);
        run.assert_stderr("agentbus: the session did not take 1 message, which the actor heard");
        run.assert_stderr(
            "agentbus: 1 answer did not say how many tokens it took, so that its estimate was paid",
        );
    }
    let (_, run) = run_small(&[mend(), says("done")]);
    assert!(!run.stderr.contains("did not"), "{}", run.stderr);
}
