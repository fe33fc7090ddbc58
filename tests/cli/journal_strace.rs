//! Under `strace`: no answer leaves before the sync that covers it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;

use tempfile::TempDir;

use crate::journal_harness::{Dir, line, lines, needs, piped};

/// A call of the system, as `strace -f -y` tells it.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    /// The number of the file and, in angle brackets, its path.
    file: String,
    /// The positions in what was written.
    positions: Vec<u64>,
}

impl Call {
    /// Of `write(4</path>, "{\"pos\":1,..` or what else a call begins with.
    fn parse(text: &str) -> Option<Self> {
        let (name, arguments) = text.split_once('(')?;
        let (file, content) = arguments.split_once('>')?;
        let numbers = content.split("{\\\"pos\\\":").skip(1);
        let number = |text: &str| text.split(',').next().unwrap().parse().unwrap();
        Some(Self {
            name: name.to_owned(),
            file: format!("{file}>"),
            positions: numbers.map(number).collect(),
        })
    }

    fn is_of_a_segment(&self) -> bool {
        self.file.contains("/segments/")
    }
}

/// What holds at a moment of a log.
#[derive(Debug, Default)]
struct Seen {
    /// Written, by file.
    written: BTreeMap<String, BTreeSet<u64>>,
    /// Covered by a sync that succeeded.
    synced: BTreeSet<u64>,
    answered: Vec<u64>,
    syncs: usize,
}

impl Seen {
    /// Reads a log; fails at an answer that comes too early.
    fn read(log: &str) -> Result<Self, String> {
        let mut seen = Self::default();
        // By process, what was not finished: the call, and what was written of its file when it began.
        let mut pending: BTreeMap<&str, (Call, BTreeSet<u64>)> = BTreeMap::new();
        for told in log.lines() {
            let (process, text) = told.split_once(' ').ok_or(told)?;
            let text = text.trim_start();
            if text.starts_with("<... ") {
                if let Some((call, before)) = pending.remove(process) {
                    seen.end(&call, before, text);
                }
            } else if let Some(call) = Call::parse(text) {
                seen.begin(&call)?;
                let before = seen.written.get(&call.file).cloned().unwrap_or_default();
                if text.ends_with("<unfinished ...>") {
                    pending.insert(process, (call, before));
                } else {
                    seen.end(&call, before, text);
                }
            }
        }
        Ok(seen)
    }

    fn begin(&mut self, call: &Call) -> Result<(), String> {
        if call.name == "write" && call.file.starts_with("1<") {
            if let Some(early) = call.positions.iter().find(|position| !self.synced.contains(position)) {
                return Err(format!("position {early} was answered before it was synced"));
            }
            self.answered.extend(&call.positions);
        }
        Ok(())
    }

    fn end(&mut self, call: &Call, before: BTreeSet<u64>, text: &str) {
        let is_done = text.rsplit_once("= ").is_some_and(|(_, result)| !result.starts_with('-'));
        if !is_done || !call.is_of_a_segment() {
            return;
        }
        if call.name == "write" {
            self.written.entry(call.file.clone()).or_default().extend(&call.positions);
        } else {
            self.syncs += 1;
            self.synced.extend(before);
        }
    }
}

#[test]
fn no_answer_leaves_before_the_sync_that_covers_it() {
    if !needs("strace") {
        return;
    }
    let (dir, temp) = (Dir::new(), TempDir::new().unwrap());
    let log = temp.path().join("log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "2000000", "-e", "trace=write,fdatasync,fsync", "-o"]).arg(&log);
    let append = dir.command("append", &["--durability", "sync"]);
    strace.arg(append.get_program()).args(append.get_args());
    let (mut child, mut stdin, stdout) = piped(&mut strace);
    let mut answers = BufReader::new(stdout).lines();
    for session in 1..=5 {
        stdin.write_all(line(session).as_bytes()).unwrap();
        answers.next().unwrap().unwrap();
    }
    stdin.write_all(lines(6..=400).as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(answers.count(), 395);
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let seen = Seen::read(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(seen.answered, (1..=400).collect::<Vec<_>>());
    assert!((6..200).contains(&seen.syncs), "lines that wait are synced together: {} syncs", seen.syncs);
}

#[test]
fn a_log_with_an_answer_too_early_is_found_out() {
    let write = r#"7 write(4</j/segments/1.jsonl>, "{\"pos\":1,\"id\":\"A\"}\n", 20) = 20"#;
    let sync = "7 fdatasync(4</j/segments/1.jsonl>) = 0";
    let answer = r#"8 write(1<pipe:[1]>, "{\"pos\":1,\"id\":\"A\"}\n", 20) = 20"#;
    let begun = "7 fdatasync(4</j/segments/1.jsonl> <unfinished ...>";
    let done = "7 <... fdatasync resumed>) = 0";
    let failed = "7 <... fdatasync resumed>) = -1 EIO (Input/output error)";
    let holds = |log: &[&str]| Seen::read(&log.join("\n")).is_ok();
    assert!(holds(&[write, sync, answer]) && holds(&[write, begun, done, answer]));
    for early in [
        &[write, answer, sync][..],
        &[sync, write, answer],
        &[write, begun, answer, done],
        &[write, begun, failed, answer],
        &[begun, write, done, answer],
    ] {
        assert!(!holds(early), "{early:?}");
    }
}
