//! What cannot be run is refused before anything happens, with the place of the fault, and with status 2.

use std::fs;
use std::process::Command;

use crate::harness::{Task, ended, says};

/// Runs a small task whose file was changed; asserts status 2, and what stderr says.
#[track_caller]
fn assert_refused(from: &str, to: &str, place: &str, expected: &str) {
    let task = Task::small(&[says("done")]);
    task.edit("task.toml", from, to);
    let run = task.run(&["--json"]);
    run.assert_code(2);
    run.assert_stderr(place);
    run.assert_stderr(expected);
    assert_eq!(run.stdout, "");
    task.assert_nothing_left();
}

#[test]
fn bad_toml_is_refused_with_its_place() {
    assert_refused("plan_usd = \"1\"", "plan_usd = \"1", "task.toml:17:", "task.toml");
}

#[test]
fn an_unknown_key_is_refused_with_those_expected() {
    assert_refused(
        "plan_usd",
        "plan_eur",
        "task.toml:17:1: ",
        "unknown field `plan_eur`, expected one of `plan_usd`",
    );
}

#[test]
fn a_task_without_a_goal_is_refused() {
    assert_refused("goal = \"mend the notes\"", "", "task.toml:1:1: ", "missing field `goal`");
    assert_refused("\"mend the notes\"", "\" \"", "task.toml:2:8: ", "the goal is empty");
}

#[test]
fn bad_money_is_refused() {
    assert_refused("\"1\"", "1.5", "task.toml:17:12: ", "a decimal in a string");
    assert_refused("\"1\"", "\"-1\"", "task.toml:17:12: ", "expected 0 or more");
    assert_refused("\"1\"", "\"0.0000001\"", "task.toml:17:12: ", "at most 6 decimal places");
}

#[test]
fn a_missing_transcript_is_refused() {
    assert_refused(
        "\"transcript.json\"",
        "\"nowhere.json\"",
        "task.toml:11:14: ",
        "there is no file \"nowhere.json\"",
    );
}

#[test]
fn paths_that_leave_the_task_are_refused() {
    assert_refused(
        "\"transcript.json\"",
        "\"/etc/passwd\"",
        "task.toml:11:14: ",
        "leaves the folder of the task",
    );
    assert_refused("\"project\"", "\"../project\"", "task.toml:6:8: ", "leaves the folder of the task");
}

#[test]
fn a_transcript_that_is_none_is_refused_with_its_place() {
    let task = Task::small(&[says("done")]);
    fs::write(task.path("transcript.json"), "{\n  \"replies\": [}\n}").unwrap();
    let run = task.run(&["--json"]);
    run.assert_code(2);
    run.assert_stderr("transcript.json");
    run.assert_stderr("line 2 column 15");
    assert_eq!(run.stdout, "");
    task.assert_nothing_left();
}

#[test]
fn a_folder_that_is_no_task_is_refused() {
    let task = Task::small(&[]);
    fs::remove_file(task.path("task.toml")).unwrap();
    let run = task.run(&[]);
    run.assert_code(2);
    run.assert_stderr("task.toml");
}

#[test]
fn a_project_of_ones_own_must_be_a_folder() {
    let task = Task::small(&[says("done")]);
    for project in ["nowhere", "task.toml"] {
        let run = task.run(&["--project", task.path(project).to_str().unwrap()]);
        run.assert_code(2);
        run.assert_stderr(project);
    }
    task.assert_nothing_left();
}

#[test]
fn an_output_folder_must_be_empty() {
    let task = Task::small(&[says("done")]);
    let project = task.project();
    let run = task.run(&["--output", task.path("project").to_str().unwrap()]);
    run.assert_code(2);
    run.assert_stderr("is not empty");
    assert_eq!(task.project(), project);
}

#[test]
fn what_the_command_line_does_not_know_is_refused() {
    let task = Task::small(&[says("done")]);
    for args in [&["--bus", "carrier-pigeon"][..], &["--jsonl"], &["--write-back", "--output", "x"]] {
        let run = task.run(args);
        run.assert_code(2);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_choice_of_logs_that_cannot_be_read_is_refused() {
    let task = Task::small(&[says("done")]);
    let run = ended(task.command(&[]).env("RUST_LOG", "agentbus=loudly"));
    run.assert_code(2);
    run.assert_stderr("RUST_LOG");
}

#[test]
fn without_arguments_it_says_how_it_is_used() {
    let run = ended(&mut Command::new(env!("CARGO_BIN_EXE_agentbus")));
    run.assert_code(2);
    run.assert_stderr("Usage: agentbus");
    let help = ended(Command::new(env!("CARGO_BIN_EXE_agentbus")).args(["run", "--help"]));
    help.assert_code(0);
    assert!(help.stdout.contains("--write-back"), "{}", help.stdout);
}

#[test]
fn a_secret_in_the_wrong_place_is_not_said_back() {
    for args in
        [&["query", "x", "--filter", "sk-ant-api03-abcdefghijklmnop"][..], &["sk-ant-api03-abcdefghijklmnop"]]
    {
        let refused = ended(crate::journal_harness::agentbus(args[0]).args(&args[1..]));
        refused.assert_code(2);
        assert!(refused.stderr.contains("[redacted"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("abcdefghijklmnop"), "{}", refused.stderr);
    }
}
