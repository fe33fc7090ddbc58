//! `query`, `tail`, `kinds`: what is shown, byte for byte or as a timeline, and that nothing is touched.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use agentbus::event::SessionCreated;
use agentbus::journal::Journal;
use agentbus::{DomainEvent, EventType, Redactor};
use rustix::process::Signal;

use crate::harness::ended;
use crate::interrupt::signal_to;
use crate::journal_harness::{Dir, agentbus, line, lines, piped};

#[test]
fn json_is_what_is_stored_byte_for_byte() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 500);
    assert!(dir.segments().len() > 3);
    // As another writer might have written it.
    let spaced = dir.stored();
    assert_eq!(dir.run("query", &["--json"]).stdout, spaced);
    assert_eq!(dir.run("tail", &["--json", "-n", "100"]).stdout, spaced);
    let last: Vec<_> = spaced.lines().skip(6).collect();
    assert_eq!(dir.run("tail", &["--json", "-n", "3"]).stdout.lines().collect::<Vec<_>>(), last);
    assert_eq!(dir.run("tail", &["--json", "-n", "0"]).stdout, "");
    let polled = dir.run("poll", &["indexer", "--json", "--max", "4"]);
    assert_eq!(polled.stdout.lines().collect::<Vec<_>>(), spaced.lines().take(4).collect::<Vec<_>>());
}

#[test]
fn what_was_recorded_without_a_redactor_is_shown_without_secrets() {
    let (dir, secret) = (Dir::with_events(2), format!("ghp_{}", "a1B2".repeat(9)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::builder(dir.path()).redactor(Redactor::none()).open().unwrap();
        let event = DomainEvent::new(SessionCreated::new(false)).with_attribute("password", "open sesame");
        journal.append(event.with_actor_name(secret.as_str())).await.unwrap();
        journal.close(Duration::from_secs(10)).await.unwrap();
    });
    let stored = dir.stored();
    assert!(stored.contains(&secret) && stored.contains("open sesame"));
    for args in [&["query", "--json"][..], &["tail", "--json"], &["poll", "indexer", "--json"], &["query"]] {
        let shown = dir.run(args[0], &args[1..]);
        shown.assert_code(0);
        assert!(!shown.stdout.contains(&secret) && !shown.stdout.contains("sesame"), "{}", shown.stdout);
        if args.contains(&"--json") {
            let lines: Vec<_> = shown.stdout.lines().collect();
            assert_eq!(lines[..2], stored.lines().take(2).collect::<Vec<_>>());
            let [masked, stored] = [lines[2], stored.lines().nth(2).unwrap()]
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            assert_eq!(
                [&masked["pos"], &masked["chain"], &masked["id"]],
                [&stored["pos"], &stored["chain"], &stored["id"]]
            );
            shown.assert_stderr("1 line not as stored");
        }
    }
}

#[test]
fn a_query_asks_by_filter_time_and_number() {
    let dir = Dir::with_seconds(&[100, 200, 300, 250, 400], 10 << 20);
    let sessions = |args: &[&str]| dir.run("query", &[&["--json"], args].concat()).sessions();
    assert_eq!(sessions(&["--filter", "session=200,400"]), ["200", "400"]);
    assert_eq!(sessions(&["--filter", "plan.*"]), [] as [&str; 0]);
    assert_eq!(sessions(&["--since", "1970-01-01T00:04:10Z"]), ["300", "250", "400"]);
    assert_eq!(sessions(&["--until", "1970-01-01T00:04:10Z"]), ["100", "200"]);
    assert_eq!(
        sessions(&["--since", "1970-01-01T00:03:20Z", "--until", "1970-01-01T00:05:00Z"]),
        ["200", "250"]
    );
    assert_eq!(sessions(&["--limit", "2"]), ["100", "200"]);
    assert_eq!(sessions(&["--limit", "1", "--since", "1970-01-01T00:04:10Z"]), ["300"]);
    assert_eq!(sessions(&["--since", "2h"]), [] as [&str; 0]);
    assert_eq!(sessions(&["--until", "2h"]).len(), 5);
    assert_eq!(Dir::with_events(1).run("query", &["--json", "--since", "15m"]).positions(), [1]);
}

#[test]
fn a_tail_shows_the_last_that_match() {
    let dir = Dir::with_events(20);
    assert_eq!(dir.run("tail", &["--json"]).positions(), (11..=20).collect::<Vec<_>>());
    let few = dir.run("tail", &["--json", "-n", "2", "--filter", "session=3,5,7"]);
    assert_eq!(few.sessions(), ["5", "7"]);
}

#[test]
fn people_see_positions_days_and_nothing_that_acts_on_a_terminal() {
    let dir = Dir::with_seconds(&[0, 1, 86_400], 10 << 20);
    dir.append(&line("x").replace("\"details\"", "\"actor_name\":\"a\u{202e}b\",\"details\"")).assert_code(0);
    for (verb, args) in [("query", &[][..]), ("tail", &[])] {
        let shown = dir.run(verb, args);
        shown.assert_code(0);
        let lines: Vec<_> = shown.stdout.lines().map(str::trim).collect();
        assert_eq!(lines[0], "1970-01-01");
        assert!(lines[1].starts_with("1 00:00:00.000 session.created"), "{lines:?}");
        assert!(lines[2].starts_with("2 00:00:01.000 session.created"), "{lines:?}");
        assert_eq!(lines[3], "1970-01-02");
        assert!(lines[4].starts_with("3 00:00:00.000"), "{lines:?}");
        assert!(lines[6].contains("a\\u{202e}b") && !shown.stdout.contains('\u{202e}'), "{lines:?}");
    }
}

/// A tail that follows, its answers, and itself.
fn following(dir: &Dir, args: &[&str]) -> (BufReader<ChildStdout>, Child) {
    let (child, _stdin, stdout) = piped(&mut dir.command("tail", &[&["-f"], args].concat()));
    (BufReader::new(stdout), child)
}

#[test]
fn a_tail_follows_what_other_processes_write() {
    let dir = Dir::with_events(3);
    let (mut shown, mut child) = following(&dir, &["--json", "-n", "2"]);
    let mut told = String::new();
    let mut next = |shown: &mut BufReader<ChildStdout>| shown.read_line(&mut told).unwrap();
    (0..2).for_each(|_| assert!(next(&mut shown) > 0));
    for session in 4..=6 {
        dir.append(&line(session)).assert_code(0);
        assert!(next(&mut shown) > 0);
    }
    signal_to(&child, Signal::INT);
    let mut rest = String::new();
    shown.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let stored: String = dir.stored().split_inclusive('\n').skip(1).collect();
    assert_eq!(told + &rest, stored);
}

#[test]
fn a_tail_follows_what_matches_and_ends_at_sigterm() {
    let dir = Dir::with_events(3);
    let (mut shown, mut child) = following(&dir, &["--json", "-n", "1", "--filter", "session=2,7"]);
    let mut told = String::new();
    shown.read_line(&mut told).unwrap();
    dir.append(&lines([6, 7, 8])).assert_code(0);
    shown.read_line(&mut told).unwrap();
    signal_to(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let expected: Vec<_> = dir.stored().lines().map(str::to_owned).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), [&expected[1], &expected[4]]);
}

#[test]
fn what_reads_ends_in_peace_when_nobody_reads_it() {
    let dir = Dir::with_events(2_000);
    for (verb, args) in [("query", &["--json"][..]), ("query", &[]), ("tail", &["--json", "-n", "2000"])] {
        let mut command = dir.command(verb, args);
        let (mut child, _stdin, stdout) = piped(command.stderr(Stdio::piped()));
        let mut shown = BufReader::new(stdout);
        shown.read_line(&mut String::new()).unwrap();
        drop(shown);
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{verb}");
    }
    // Nothing comes that could be printed.
    let (shown, mut child) = following(&dir, &["-n", "1"]);
    drop(shown);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_line_that_cannot_be_read_is_told_without_its_content_and_passed() {
    let dir = Dir::with_events(5);
    dir.edit("\"session_id\":\"3\"", "\"session_id\":3hunter2");
    for (verb, args) in [("query", &["--json"][..]), ("query", &[]), ("tail", &["--json"])] {
        let read = dir.run(verb, args);
        read.assert_code(1);
        read.assert_stderr("cannot read position 3");
        assert!(!read.stderr.contains("hunter2"), "{}", read.stderr);
        assert_eq!(read.stdout.lines().filter(|line| line.contains("session.created")).count(), 4);
    }
}

#[test]
fn lines_that_are_gone_from_between_others_are_told() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6], 500);
    let segments = dir.segments();
    fs::remove_file(&segments[segments.len() - 2]).unwrap();
    for (verb, args) in [
        ("query", &[][..]),
        ("query", &["--json"]),
        ("stats", &[]),
        ("stats", &["--json"]),
        ("replay", &[]),
        ("replay", &["--json"]),
        ("poll", &["indexer"]),
    ] {
        let read = dir.run(verb, args);
        read.assert_code(1);
        let told = format!("{}{}", read.stdout, read.stderr);
        let is_told =
            told.contains("are gone: removed by retention, or lost") || told.contains("\"removed\":");
        assert!(is_told, "{verb} {args:?}: {told}");
    }
}

#[test]
fn what_retention_removed_from_the_start_is_not_missed() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6], 500);
    dir.run("gc", &["--older-than", "1d"]).assert_code(0);
    for (verb, args) in [("query", &[][..]), ("tail", &[]), ("stats", &[]), ("replay", &[])] {
        dir.run(verb, args).assert_code(0);
    }
}

#[test]
fn verbs_that_read_touch_nothing() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6], 700);
    // As a copy of a journal may be: without what writers and consumers need.
    for name in ["lock", "cursors", "dead", "quarantine", "heads"] {
        let path = dir.path().join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let names = || -> Vec<_> {
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (dir.tree(), names());
    let verbs: [(&str, &[&str]); 7] = [
        ("query", &[]),
        ("tail", &[]),
        ("stats", &[]),
        ("verify", &[]),
        ("replay", &[]),
        ("consumers", &[]),
        ("gc", &["--older-than", "1s", "--dry-run"]),
    ];
    for (verb, args) in verbs {
        dir.run(verb, args).assert_code(0);
        assert!((dir.tree(), names()) == before, "{verb}");
        dir.run(verb, &[args, &["--json"]].concat()).assert_code(0);
        assert!((dir.tree(), names()) == before, "{verb} --json");
    }
    let (shown, mut child) = following(&dir, &["-n", "1"]);
    assert_eq!(shown.lines().take(2).count(), 2);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!((dir.tree(), names()) == before, "tail -f");
}

#[test]
fn the_kinds_are_listed() {
    let kinds = ended(agentbus("kinds").arg("--json"));
    kinds.assert_code(0);
    let names: Vec<_> =
        kinds.values().iter().map(|kind| kind["event_type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, EventType::ALL.map(|kind| kind.as_str().to_owned()));
    let shown = ended(&mut agentbus("kinds"));
    let errored = shown.stdout.lines().find(|line| line.starts_with("tool.errored")).unwrap();
    assert_eq!(
        errored.split_whitespace().collect::<Vec<_>>(),
        ["tool.errored", "tool", "error", "critical", "security"]
    );
}
