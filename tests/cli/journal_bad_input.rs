//! What the verbs of the journal refuse before anything happens: status 2, and what is wrong.

use std::fs;
use std::path::Path;

use crate::harness::{Ended, Task, ended, says};
use crate::journal_harness::{Dir, agentbus, line};

/// The verbs that need a journal, with what else they need.
const VERBS: [(&str, &[&str]); 11] = [
    ("tail", &[]),
    ("tail", &["-f"]),
    ("query", &[]),
    ("stats", &[]),
    ("verify", &[]),
    ("replay", &[]),
    ("consumers", &[]),
    ("poll", &["indexer"]),
    ("ack", &["indexer", "1"]),
    ("nack", &["indexer", "1", "--reason", "no"]),
    ("gc", &["--older-than", "1d"]),
];

fn run_on(verb: &str, directory: &Path, args: &[&str]) -> Ended {
    ended(agentbus(verb).arg(directory).args(args))
}

#[test]
fn a_directory_that_is_not_there_is_none_or_holds_no_journal_is_refused() {
    let dir = Dir::new();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (missing, below) = (dir.path().join("nowhere"), file.join("below"));
    let before = dir.tree();
    for (verb, args) in VERBS {
        let no_journal = "there is no journal in";
        let cases = [
            (dir.path(), no_journal),
            (&file, "is no directory"),
            (&below, "is no directory"),
            (&missing, "there is no directory"),
        ];
        for (directory, words) in cases {
            let refused = run_on(verb, directory, args);
            refused.assert_code(2);
            refused.assert_stderr(words);
            assert_eq!(refused.stdout, "", "{verb}");
        }
    }
    run_on("append", &file, &[]).assert_code(2);
    assert_eq!(dir.tree(), before);
}

#[track_caller]
fn assert_refused(verb: &str, args: &[&str], words: &str) {
    let dir = Dir::with_events(1);
    let before = dir.tree();
    let refused = dir.run(verb, args);
    refused.assert_code(2);
    refused.assert_stderr(words);
    assert_eq!(refused.stdout, "");
    assert_eq!(dir.tree(), before);
}

#[test]
fn a_bad_filter_is_refused_with_the_place_of_its_fault() {
    for verb in ["query", "tail", "replay"] {
        assert_refused(verb, &["--filter", "plan.* color=red"], "unknown key \"color\" at byte 7");
    }
}

#[test]
fn bad_times_spans_and_numbers_are_refused() {
    for option in ["--since", "--until"] {
        assert_refused("query", &[option, "yesterday"], "must be an RFC 3339 time");
        assert_refused("query", &[option, "99999999d"], "between the years 1677 and 2262");
        assert_refused("query", &[option, "9999-01-01T00:00:00Z"], "between the years 1677 and 2262");
    }
    assert_refused("query", &["--limit", "0"], "--limit");
    assert_refused("gc", &["--older-than", "7w"], "such as 90s, 15m, 2h or 7d");
    assert_refused("gc", &[], "--older-than");
    assert_refused("tail", &["-n", "-1"], "-1");
    assert_refused("tail", &["-n", "100001"], "100001");
    for pace in ["x0", "x-1", "xNaN", "xinf", "fast"] {
        assert_refused("replay", &["--pace", pace], "must be immediate, original, or x");
    }
    assert_refused("append", &["--durability", "hope"], "hope");
}

#[test]
fn bad_names_and_positions_are_refused() {
    assert_refused("poll", &["../indexer"], "has '.' at byte 0");
    assert_refused("poll", &[""], "must not be empty");
    assert_refused("poll", &[&"x".repeat(65)], "at most 64 bytes");
    assert_refused("poll", &["indexer", "--max", "0"], "--max");
    for position in ["0", "01", "+1", "9007199254740992", "one"] {
        assert_refused("ack", &["indexer", position], "must be a whole number from 1 to");
    }
    assert_refused("nack", &["indexer", "1"], "--reason");
    assert_refused("poll", &["indexer", "--reset-to", "0"], "must be a position, start or end");
}

#[test]
fn a_run_without_the_reactive_bus_has_no_journal() {
    let (task, dir) = (Task::small(&[says("done")]), Dir::new());
    for bus in ["logging", "none"] {
        let refused = task.run(&["--bus", bus, "--journal", dir.path().to_str().unwrap()]);
        refused.assert_code(2);
        refused.assert_stderr("with the reactive bus only");
    }
    fs::write(dir.path().join("mine"), line(1)).unwrap();
    task.run(&["--journal", dir.path().to_str().unwrap()]).assert_code(2);
    task.assert_nothing_left();
}
