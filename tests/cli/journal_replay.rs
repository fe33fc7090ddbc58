//! `replay`: what is shown of what is told again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::Signal;

use crate::interrupt::signal_to;
use crate::journal_harness::{Dir, piped};

#[test]
fn the_events_are_told_in_their_order() {
    let dir = Dir::with_events(600);
    let replayed = dir.run("replay", &["--json"]);
    replayed.assert_code(0);
    assert_eq!(replayed.sessions(), (1..=600).map(|session| session.to_string()).collect::<Vec<_>>());
    // As events: without position and chain.
    assert!(!replayed.stdout.contains("\"pos\"") && !replayed.stdout.contains("\"chain\""));
    let shown = dir.run("replay", &[]);
    assert_eq!(shown.stdout.lines().filter(|line| line.contains("session.created")).count(), 600);
    shown.assert_stderr("replayed 600 events");
}

#[test]
fn it_begins_behind_a_position_and_takes_what_matches() {
    let dir = Dir::with_events(9);
    let replayed = dir.run("replay", &["--json", "--after", "4", "--filter", "session=2,5,9"]);
    assert_eq!(replayed.sessions(), ["5", "9"]);
}

#[test]
fn a_logging_bus_logs_and_shows_json_if_asked() {
    let dir = Dir::with_events(3);
    let logged = dir.run("replay", &["--bus", "logging"]);
    logged.assert_code(0);
    assert_eq!(logged.stdout, "");
    assert_eq!(logged.stderr.lines().filter(|line| line.contains("agentbus::session")).count(), 3);
    let printed = dir.run("replay", &["--bus", "logging", "--json"]);
    assert_eq!(printed.sessions(), ["1", "2", "3"]);
}

#[test]
fn many_times_the_pace_is_soon_over() {
    let dir = Dir::with_seconds(&[0, 86_400, 172_800], 10 << 20);
    let replayed = dir.run("replay", &["--json", "--pace", "x100000000"]);
    assert_eq!(replayed.sessions(), ["0", "86400", "172800"]);
}

#[test]
fn a_pause_is_ended_by_a_signal_or_by_a_reader_that_goes() {
    let dir = Dir::with_seconds(&[0, 86_400], 10 << 20);
    let mut command = dir.command("replay", &["--pace", "original"]);
    let (mut child, _stdin, stdout) = piped(command.stderr(Stdio::piped()));
    let mut shown = BufReader::new(stdout);
    shown.read_line(&mut String::new()).unwrap();
    signal_to(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("ended by a signal"), "{stderr}");

    let dir = Dir::with_events(5_000);
    let (mut child, _stdin, stdout) = piped(&mut dir.command("replay", &[]));
    let mut shown = BufReader::new(stdout);
    shown.read_line(&mut String::new()).unwrap();
    drop(shown);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn lines_that_cannot_be_read_are_counted() {
    let dir = Dir::with_events(3);
    dir.edit("\"session_id\":\"2\"", "\"session_id\":2x");
    let replayed = dir.run("replay", &["--json"]);
    replayed.assert_code(1);
    replayed.assert_stderr("cannot read 1 line");
    assert_eq!(replayed.sessions(), ["1", "3"]);
}
