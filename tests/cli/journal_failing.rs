//! `append` while the journal cannot write: nothing is lost in silence, and nothing is given twice.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::ended;
use crate::interrupt::signal_to;
use crate::journal_harness::{Dir, agentbus, line, lines, piped};

/// An `append` to a journal with one event, whose directory can go and come back.
struct Append {
    dir: Dir,
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Append {
    fn start(durability: &str) -> Self {
        let dir = Dir::new();
        let mut command = agentbus("append");
        command.arg(dir.path().join("journal")).args(["--durability", durability]).stderr(Stdio::piped());
        let (mut child, stdin, stdout) = piped(&mut command);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let answers = BufReader::new(stdout).lines();
        let mut append = Self { dir, child, stdin: Some(stdin), answers, stderr };
        append.give(&line(1));
        assert_eq!(append.answer(), 1);
        append
    }

    fn give(&mut self, lines: &str) {
        self.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    fn answer(&mut self) -> u64 {
        let answer: Value = serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap();
        answer["pos"].as_u64().unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn vanish(&self) {
        fs::rename(self.journal(), self.dir.path().join("away")).unwrap();
    }

    fn reappear(&self) {
        fs::rename(self.dir.path().join("away"), self.journal()).unwrap();
    }

    /// Reads stderr until it says that it waits.
    fn waits_for(&mut self, reason: &str) {
        let mut said = String::new();
        while !said.contains("waiting, as the journal cannot write: ") {
            said.clear();
            assert!(self.stderr.read_line(&mut said).unwrap() > 0, "it does not say that it waits");
        }
        assert!(said.contains(reason), "{said}");
    }

    /// The positions answered from here on, what stderr says, and the exit status.
    fn end(mut self) -> (Vec<u64>, String, Option<i32>, Dir) {
        let position = |answer: String| serde_json::from_str::<Value>(&answer).unwrap()["pos"].as_u64();
        let answers = self.answers;
        let answered = std::thread::spawn(move || {
            answers.map(|answer| position(answer.unwrap()).unwrap()).collect::<Vec<_>>()
        });
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let answered = answered.join().unwrap();
        (answered, stderr, self.child.wait().unwrap().code(), self.dir)
    }
}

/// The sessions that are recorded, in order.
fn recorded(dir: &Dir) -> Vec<String> {
    ended(agentbus("query").arg(dir.path().join("journal")).arg("--json")).sessions()
}

fn names(sessions: impl IntoIterator<Item = usize>) -> Vec<String> {
    sessions.into_iter().map(|session| session.to_string()).collect()
}

#[test]
fn lines_wait_until_the_journal_writes_again_and_are_answered_then() {
    for durability in ["os", "interval", "sync"] {
        let mut append = Append::start(durability);
        append.vanish();
        append.give(&line(2));
        append.waits_for("directory is gone");
        // More than are read meanwhile.
        let mut stdin = append.stdin.take().unwrap();
        let feeding = std::thread::spawn(move || stdin.write_all(lines(3..=12_000).as_bytes()).unwrap());
        append.reappear();
        let (answered, stderr, code, dir) = append.end();
        feeding.join().unwrap();
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(answered, (2..=12_000).collect::<Vec<_>>(), "{durability}");
        assert!(!stderr.contains("line 2"), "{stderr}");
        assert_eq!(recorded(&dir), names(1..=12_000), "{durability}");
    }
}

#[test]
fn a_line_that_another_process_holds_up_is_answered_when_it_is_recorded() {
    let mut append = Append::start("sync");
    let lock = File::options().write(true).open(append.journal().join("lock")).unwrap();
    lock.lock().unwrap();
    append.give(&line(2));
    append.waits_for("has held the journal's lock");
    append.give(&line(3));
    append.stdin = None;
    lock.unlock().unwrap();
    let (answered, stderr, code, dir) = append.end();
    assert_eq!((answered, code), (vec![2, 3], Some(0)), "{stderr}");
    assert_eq!(recorded(&dir), names(1..=3));
}

#[test]
fn what_is_left_at_the_end_is_told_as_unknown_or_as_not_recorded() {
    let mut append = Append::start("sync");
    append.vanish();
    append.give(&line(2));
    append.waits_for("directory is gone");
    append.give(&lines(3..=5));
    append.stdin = None;
    let (answered, stderr, code, _dir) = append.end();
    assert_eq!((answered.len(), code), (0, Some(1)));
    assert!(stderr.contains("line 2: cannot tell whether it is recorded"), "{stderr}");
    assert!(stderr.contains("not known whether recorded: 1 line\n"), "{stderr}");
    assert!(stderr.contains("line 5: the journal cannot write: the journal's directory is gone"), "{stderr}");
    assert!(stderr.contains("not recorded: 3 lines\n"), "{stderr}");
}

#[test]
fn a_signal_ends_the_waiting_however_much_there_is_to_read() {
    let mut append = Append::start("sync");
    append.vanish();
    append.give(&line(2));
    append.waits_for("directory is gone");
    let mut stdin = append.stdin.take().unwrap();
    // It ends before all is taken.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(lines(3..=30_000).as_bytes())));
    signal_to(&append.child, Signal::INT);
    let (answered, stderr, code, dir) = append.end();
    feeding.join().unwrap();
    assert_eq!((answered.len(), code), (0, Some(1)));
    assert!(stderr.contains("not known whether recorded: 1 line\n"), "{stderr}");
    assert!(stderr.contains("stdin was not read to its end"), "{stderr}");
    let told = stderr.lines().filter(|line| line.starts_with("agentbus: line ")).count();
    let sum = stderr.lines().find_map(|line| line.strip_prefix("agentbus: not recorded: "));
    let sum = sum.map_or(0, |sum| sum.trim_end_matches(" lines").trim_end_matches(" line").parse().unwrap());
    assert_eq!(told, 1 + sum);
    fs::rename(dir.path().join("away"), dir.path().join("journal")).unwrap();
    assert_eq!(recorded(&dir), names([1]));
}
