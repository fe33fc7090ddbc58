//! `consumers`, `poll`, `ack`, `nack`, `gc`: at least once, in order, and nothing that is needed goes.

use std::fs;

use agentbus::journal::JournalReader;

use crate::journal_harness::Dir;

#[test]
fn a_consumer_is_given_the_same_until_it_acknowledges() {
    let dir = Dir::with_events(5);
    for _ in 0..2 {
        assert_eq!(dir.run("poll", &["indexer", "--json", "--max", "2"]).positions(), [1, 2]);
    }
    let acknowledged = dir.run("ack", &["indexer", "2", "--json"]);
    acknowledged.assert_code(0);
    assert_eq!(acknowledged.stdout, "{\"consumer\":\"indexer\",\"position\":2}\n");
    dir.run("ack", &["indexer", "2"]).assert_code(0);
    let shown = dir.run("poll", &["indexer"]);
    assert_eq!(shown.stdout.lines().filter(|line| line.contains("session.created")).count(), 3);
    dir.run("ack", &["indexer", "5"]).assert_code(0);
    let nothing = dir.run("poll", &["indexer", "--json"]);
    nothing.assert_code(0);
    assert_eq!(nothing.stdout, "");
}

#[test]
fn what_cannot_be_acknowledged_is_refused_and_changes_nothing() {
    let dir = Dir::with_events(3);
    dir.run("poll", &["indexer"]).assert_code(0);
    dir.run("ack", &["indexer", "2"]).assert_code(0);
    let before = dir.tree();
    for (verb, args, words) in [
        ("ack", &["indexer", "1"][..], "the cursor is at 2 already"),
        ("ack", &["indexer", "4"], "the journal ends at 3"),
        ("nack", &["indexer", "2", "--reason", "x"], "the next event to acknowledge is 3"),
        ("ack", &["indexr", "3"], "there is no consumer indexr"),
        ("nack", &["indexr", "3", "--reason", "x"], "there is no consumer indexr"),
    ] {
        let refused = dir.run(verb, args);
        refused.assert_code(1);
        refused.assert_stderr(words);
        assert_eq!(refused.stdout, "");
        assert!(dir.tree() == before, "{verb} {args:?}");
    }
}

#[test]
fn names_that_walk_out_hide_or_tell_a_secret_are_refused_and_make_no_file() {
    let dir = Dir::with_events(1);
    dir.run("poll", &["Indexer"]).assert_code(0);
    let before = dir.tree();
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let (long, many) = ("x".repeat(65), "x".repeat(300));
    for (name, code, words) in [
        ("..", 2, "has '.' at byte 0"),
        (".", 2, "has '.' at byte 0"),
        ("../x", 2, "has '.' at byte 0"),
        ("a/b", 2, "has '/' at byte 1"),
        ("a.tmp", 2, "has '.' at byte 1"),
        ("", 2, "must not be empty"),
        ("\n", 2, "has '\\n' at byte 0"),
        (&long, 2, "must have at most 64 bytes, has 65"),
        (&many, 2, "must have at most 64 bytes, has 300"),
        ("indexer", 1, "there is Indexer"),
        (&secret, 1, "must not be what looks like a secret"),
    ] {
        let refused = dir.run("poll", &["--", name]);
        refused.assert_code(code);
        refused.assert_stderr(words);
        assert_eq!(refused.stdout, "");
        assert!(!refused.stderr.contains(&secret[4..]), "{}", refused.stderr);
        assert!(dir.tree() == before, "{name:?}");
    }
    for verb in ["ack", "nack"] {
        let reason: &[&str] = if verb == "nack" { &["--reason", "x"] } else { &[] };
        let refused = dir.run(verb, &[&[secret.as_str(), "1"], reason].concat());
        refused.assert_code(1);
        assert!(!refused.stderr.contains(&secret[4..]), "{}", refused.stderr);
    }
}

#[test]
fn a_consumer_that_is_open_elsewhere_is_busy() {
    let dir = Dir::with_events(1);
    let _open = JournalReader::open(dir.path()).unwrap().consumer("indexer").unwrap();
    for (verb, args) in
        [("poll", &["indexer"][..]), ("ack", &["indexer", "1"]), ("nack", &["indexer", "1", "--reason", "x"])]
    {
        let refused = dir.run(verb, args);
        refused.assert_code(1);
        refused.assert_stderr("is open elsewhere");
    }
}

#[test]
fn an_event_that_fails_is_held_back_and_becomes_a_dead_letter_in_the_end() {
    let dir = Dir::with_events(2);
    dir.run("poll", &["indexer"]).assert_code(0);
    let failed =
        &dir.run("nack", &["indexer", "1", "--reason", "no token=hunter2hunter2", "--json"]).values()[0];
    assert_eq!((&failed["attempts"], &failed["dead"]), (&1.into(), &false.into()));
    let held = dir.run("poll", &["indexer", "--json"]);
    held.assert_stderr("1 failed 1 time");
    assert_eq!(held.stdout, "");
    let state = &dir.run("consumers", &["--json"]).values()[0];
    assert_eq!(state["retry"]["position"], 1);
    assert!(dir.run("consumers", &[]).stdout.contains("1 failed 1 time"));
    for _ in 2..5 {
        dir.run("nack", &["indexer", "1", "--reason", "again"]).assert_code(0);
    }
    let dead = dir.run("nack", &["indexer", "1", "--reason", "for good"]);
    assert!(dead.stdout.contains("it is in dead/indexer.jsonl"), "{}", dead.stdout);
    assert_eq!(dir.run("poll", &["indexer", "--json"]).positions(), [2]);
    let state = &dir.run("consumers", &["--json"]).values()[0];
    assert_eq!(
        (&state["position"], &state["dead_letters"], &state["lag"]),
        (&1.into(), &1.into(), &1.into())
    );
}

#[test]
fn a_cursor_that_is_damaged_is_told_and_holds_no_other_up() {
    let dir = Dir::with_events(2);
    for name in ["a", "b"] {
        dir.run("poll", &[name]).assert_code(0);
    }
    fs::write(dir.path().join("cursors/a.json"), "{\"format\":1,\"hunter2").unwrap();
    for args in [&["--json"][..], &[]] {
        let told = dir.run("consumers", args);
        told.assert_code(1);
        assert_eq!(told.stdout.lines().filter(|line| line.contains("cursors/a.json")).count(), 1);
        assert!(!told.stdout.contains("hunter2"));
    }
    let refused = dir.run("poll", &["a"]);
    refused.assert_code(1);
    refused.assert_stderr("begin anew with `poll --reset-to`");
    dir.run("ack", &["a", "1"]).assert_stderr("begin anew with `poll --reset-to`");
    dir.run("poll", &["b"]).assert_code(0);
}

#[test]
fn a_cursor_is_set_where_it_is_told_to_be_also_if_it_is_damaged() {
    let dir = Dir::with_events(3);
    dir.run("poll", &["a"]).assert_code(0);
    fs::write(dir.path().join("cursors/a.json"), "").unwrap();
    dir.run("poll", &["a"]).assert_code(1);
    let cases: [(&str, &[u64]); 3] = [("start", &[1, 2, 3]), ("1", &[2, 3]), ("end", &[])];
    for (place, expected) in cases {
        let polled = dir.run("poll", &["a", "--json", "--reset-to", place]);
        polled.assert_code(0);
        assert_eq!(polled.positions(), expected, "{place}");
        assert_eq!(dir.run("poll", &["a", "--json"]).positions(), expected, "{place}");
    }
    let ahead = dir.run("poll", &["a", "--reset-to", "4"]);
    ahead.assert_code(1);
    ahead.assert_stderr("the journal ends at 3");
}

#[test]
fn a_line_that_a_consumer_cannot_be_given_is_told() {
    let dir = Dir::with_events(3);
    dir.edit("\"session_id\":\"2\"", "\"session_id\":2x");
    let polled = dir.run("poll", &["indexer", "--json"]);
    polled.assert_code(1);
    polled.assert_stderr("cannot read position 2");
    assert_eq!(polled.positions(), [1, 3]);
}

#[test]
fn garbage_goes_only_when_nobody_needs_it() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 700);
    let segments = dir.segments();
    dir.run("poll", &["indexer"]).assert_code(0);
    let kept = &dir.run("gc", &["--older-than", "1d", "--json"]).values()[0];
    assert_eq!(kept["segments"].as_array().unwrap().len(), 0);
    assert_eq!(kept["kept_for"][0], serde_json::json!({"consumer": "indexer", "position": 0}));
    assert!(dir.run("gc", &["--older-than", "1d"]).stdout.contains("the rest is kept for indexer"));
    dir.run("ack", &["indexer", "9"]).assert_code(0);

    let young = &dir.run("gc", &["--older-than", "365000d", "--json"]).values()[0];
    assert_eq!(young["bytes"], 0);
    let would = dir.run("gc", &["--older-than", "1d", "--dry-run"]);
    assert!(would.stdout.contains("would remove segments/00000000000000000001.jsonl"), "{}", would.stdout);
    assert_eq!(dir.segments(), segments);
    let removed = &dir.run("gc", &["--older-than", "1d", "--json"]).values()[0];
    assert_eq!(removed["segments"].as_array().unwrap().len(), segments.len() - 1);
    assert_eq!(dir.segments(), segments[segments.len() - 1..]);
    assert_eq!(dir.run("tail", &["--json", "-n", "1"]).sessions(), ["9"]);
}
