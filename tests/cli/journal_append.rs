//! `append`: what is recorded, what is answered, what is refused, and how it ends.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use rustix::process::Signal;

use crate::interrupt::signal_to;
use crate::journal_harness::{Dir, fed, line, lines, piped};

#[test]
fn events_are_recorded_and_answered_in_their_order() {
    for durability in ["os", "interval", "sync"] {
        let dir = Dir::new();
        let appended = fed(&mut dir.command("append", &["--durability", durability]), lines(1..=500));
        appended.assert_code(0);
        assert_eq!(appended.positions(), (1..=500).collect::<Vec<_>>());
        let read = dir.run("query", &["--json"]);
        assert_eq!(read.sessions(), (1..=500).map(|session| session.to_string()).collect::<Vec<_>>());
        let ids = |values: Vec<serde_json::Value>| -> Vec<_> {
            values.iter().map(|value| value["id"].clone()).collect()
        };
        assert_eq!(ids(appended.values()), ids(read.values()));
    }
}

#[test]
fn positions_go_on_and_what_was_given_is_kept() {
    let dir = Dir::with_events(2);
    let whole = r#"{"id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","event_type":"lane.entered","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c","details":{"lane":7}}"#;
    let appended = dir.append(whole);
    assert_eq!(appended.stdout, "{\"pos\":3,\"id\":\"01J5Z3NDEKTSV4RRFFQ69G5FAV\"}\n");
    let stored = dir.stored();
    let stored = stored.lines().last().unwrap();
    assert!(stored.starts_with(&format!("{{\"pos\":3,{}", &whole[1..whole.len() - 1])), "{stored}");
}

#[test]
fn an_answer_comes_before_the_next_line_is_there() {
    let dir = Dir::new();
    let (mut child, mut stdin, stdout) = piped(&mut dir.command("append", &["--durability", "sync"]));
    let mut answers = BufReader::new(stdout).lines();
    for position in 1..=3 {
        stdin.write_all(line(position).as_bytes()).unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.starts_with(&format!("{{\"pos\":{position},")), "{answer}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_wrong_with_a_line_is_told_with_its_number_and_the_others_go_on() {
    let dir = Dir::new();
    let secret = "hunter2";
    let bad = [
        format!("{secret}\n"),
        format!("{{\"pos\":1,{}", &line(secret)[1..]),
        format!("{{\"chain\":\"\",{}", &line(secret)[1..]),
        format!("{{\"seq\":1,{}", &line(secret)[1..]),
        format!("{{\"origin\":\"\",{}", &line(secret)[1..]),
        format!("[\"{secret}\"]\n"),
        line(secret).replace("session.created", "plan.created"),
        line(secret).replace("false", "\"hunter2\""),
    ];
    let appended = dir.append(&format!("{}{}{}", line(1), bad.concat(), line(2)));
    appended.assert_code(1);
    assert_eq!(appended.positions(), [1, 2]);
    for number in 2..=9 {
        appended.assert_stderr(&format!("line {number}: "));
    }
    appended.assert_stderr("must not have pos: the journal sets that");
    appended.assert_stderr("must not have seq: a bus sets that");
    appended.assert_stderr("lacks details.");
    let endless = dir.append(r#"{"event_type":"x.y","details":{"x":1e400}}"#);
    endless.assert_stderr("line 1: its details is not what it should be\n");
    appended.assert_stderr("not recorded: 8 lines");
    assert!(!appended.stderr.contains(secret), "{}", appended.stderr);
    assert_eq!(dir.run("query", &["--json"]).sessions(), ["1", "2"]);
}

#[test]
fn kinds_that_only_the_journal_writes_are_refused_and_tell_of_no_loss() {
    let dir = Dir::with_events(1);
    let gap = r#"{"event_type":"journal.gap","details":{"events":18446744073709551615}}"#;
    let refused = r#"{"event_type":"journal.refused","details":{}}"#;
    let appended = dir.append(&format!("{gap}\n{refused}\n{}", line(2)));
    appended.assert_code(1);
    for number in 1..=2 {
        appended
            .assert_stderr(&format!("line {number}: cannot append an event of a kind that only the journal"));
    }
    assert_eq!(appended.positions().len(), 1);
    let verified = &dir.run("verify", &["--json"]).values()[0];
    assert_eq!((&verified["lost_events"], &verified["lines"]), (&0.into(), &4.into()));
}

#[test]
fn empty_lines_are_passed_and_lines_may_end_like_those_of_windows_or_not_at_all() {
    let dir = Dir::new();
    let text = format!("\n{}\r\n \t\n{}", line(1).trim_end(), line(2).trim_end());
    let appended = dir.append(&text);
    appended.assert_code(0);
    assert_eq!(appended.positions(), [1, 2]);
    let bad = dir.append("\n\nno");
    bad.assert_code(1);
    bad.assert_stderr("line 3: ");
}

#[test]
fn a_line_too_long_is_refused_and_not_kept_in_memory() {
    let dir = Dir::new();
    let mut command = dir.command("append", &[]);
    let (mut child, mut stdin, stdout) = piped(command.stderr(Stdio::piped()));
    let part = vec![b' '; 1 << 20];
    for _ in 0..100 {
        stdin.write_all(&part).unwrap();
    }
    stdin.write_all(format!("\n{}", line(1)).as_bytes()).unwrap();
    let mut answers = BufReader::new(stdout).lines();
    assert!(answers.next().unwrap().unwrap().starts_with("{\"pos\":1,"));
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 80_000, "it held {peak} kB");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("line 1: it is longer than 1048576 bytes"), "{stderr}");
}

#[test]
fn when_nobody_reads_the_answers_it_reads_no_further_and_records_what_it_took() {
    let dir = Dir::new();
    let mut command = dir.command("append", &[]);
    let (mut child, mut stdin, stdout) = piped(command.stderr(Stdio::piped()));
    stdin.write_all(lines(1..=3).as_bytes()).unwrap();
    let mut answers = BufReader::new(stdout);
    answers.read_line(&mut String::new()).unwrap();
    drop(answers);
    // Stdin stays open.
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("stdin was not read to its end"), "{stderr}");
    let read = dir.run("query", &["--json"]);
    read.assert_code(0);
    assert!(!read.positions().is_empty());
}

#[test]
fn answers_that_cannot_be_printed_are_told_and_fail_it() {
    let dir = Dir::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut child = dir.command("append", &[]);
    let mut child = child.stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line(1).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot print answers any more"), "{stderr}");
    assert_eq!(dir.run("query", &["--json"]).sessions(), ["1"]);
}

#[test]
fn at_a_signal_what_was_read_is_recorded_and_answered() {
    for signal in [Signal::INT, Signal::TERM] {
        let dir = Dir::new();
        let mut command = dir.command("append", &["--durability", "sync"]);
        let (mut child, mut stdin, stdout) = piped(command.stderr(Stdio::piped()));
        // The last one has begun only.
        stdin.write_all(format!("{}{{\"event", lines(1..=30)).as_bytes()).unwrap();
        let mut answers = BufReader::new(stdout);
        answers.read_line(&mut String::new()).unwrap();
        signal_to(&child, signal);
        let answered = 1 + answers.lines().map(Result::unwrap).count();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("stdin was not read to its end"), "{stderr}");
        // So few bytes are written to a pipe, and read from it, as one.
        assert_eq!(answered, 30);
        assert_eq!(dir.run("query", &["--json"]).positions(), (1..=30).collect::<Vec<_>>());
    }
}

#[test]
fn secrets_are_masked() {
    let dir = Dir::new();
    dir.append(&line(1).replace("\"details\"", "\"attributes\":{\"password\":\"hunter2\"},\"details\""))
        .assert_code(0);
    assert!(dir.stored().contains("\"password\":\"[redacted:") && !dir.stored().contains("hunter2"));
}

#[test]
fn a_directory_that_holds_other_things_does_not_become_a_journal() {
    let dir = Dir::new();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let before = dir.tree();
    let refused = dir.append(&line(1));
    refused.assert_code(2);
    refused.assert_stderr("choose a directory that is new or empty");
    assert_eq!(dir.tree(), before);
}

#[test]
fn a_file_called_lock_makes_no_journal() {
    for (lock, other) in [("", Some("notes.txt")), ("of somebody else", None)] {
        let dir = Dir::new();
        fs::write(dir.path().join("lock"), lock).unwrap();
        if let Some(other) = other {
            fs::write(dir.path().join(other), "mine").unwrap();
        }
        let before = dir.tree();
        dir.append(&line(1)).assert_code(2);
        assert_eq!(dir.tree(), before);
    }
    // As another process leaves it that has only begun.
    let dir = Dir::new();
    fs::write(dir.path().join("lock"), "").unwrap();
    dir.append(&line(1)).assert_code(0);
}

#[test]
fn a_directory_is_made_with_its_parents() {
    let dir = Dir::new();
    let below = dir.path().join("a/b");
    let mut command = crate::journal_harness::agentbus("append");
    fed(command.arg(&below), line(1)).assert_code(0);
    assert!(below.join("journal.json").exists());
}
