//! SIGKILL at random moments: of one writer, of three at once, of consumers.
//!
//! What was answered is there, once, in order; the journal is intact; positions go on. `AGENTBUS_KILLS` says how many
//! processes are killed, 200 unless it is set.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::journal_harness::{Dir, agentbus, line, piped};

/// After so many kills a journal is left and a new one begun, so that checking it stays cheap.
const KILLS_A_JOURNAL: usize = 8;

/// How many lines of a writer wait for their answer at any time.
const UNANSWERED: usize = 16;

/// So many processes out of a hundred of those that are killed.
fn kills(percent: usize) -> usize {
    let all = std::env::var("AGENTBUS_KILLS").map_or(200, |kills| kills.parse().unwrap());
    (all * percent).div_ceil(100)
}

/// A generator of numbers (xorshift), not the same each time.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        let seed = RandomState::new().hash_one(0) | 1;
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Lets a moment pass that nothing tells.
    fn moment(&mut self, at_most: Duration) {
        let micros = u64::try_from(at_most.as_micros()).unwrap();
        std::thread::park_timeout(Duration::from_micros(self.below(micros)));
    }
}

/// A process that appends lines as fast as they are taken.
struct Writer {
    child: Child,
    /// Each answer as it comes: its position and id.
    answers: Receiver<(u64, String)>,
    reading: JoinHandle<()>,
    feeding: JoinHandle<()>,
}

impl Writer {
    /// Starts one, with sessions that begin with this name. However durable it is, it outlives a kill of its process.
    fn start(dir: &Dir, durability: &str, name: &str) -> Self {
        let (child, mut stdin, stdout) = piped(&mut dir.command("append", &["--durability", durability]));
        let name = name.to_owned();
        let (more, wanted) = channel();
        (0..UNANSWERED).for_each(|_| more.send(()).unwrap());
        let feeding = std::thread::spawn(move || {
            for number in (0..).take_while(|_| wanted.recv().is_ok()) {
                // Nobody reads it once the process is gone.
                drop(stdin.write_all(line(format!("{name}-{number}")).as_bytes()));
            }
        });
        let (sender, answers) = channel();
        let reading = std::thread::spawn(move || {
            read_answers(stdout, |answer| {
                drop(sender.send(answer));
                // One that is gone wants no more.
                more.send(()).unwrap_or_default();
            });
        });
        Self { child, answers, reading, feeding }
    }

    /// Waits for so many answers.
    fn answered(&self, count: u64) -> Vec<(u64, String)> {
        (0..count).map(|_| self.answers.recv().unwrap()).collect()
    }

    /// Kills it, and gives the answers that came until then.
    fn kill(mut self) -> Vec<(u64, String)> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.feeding.join().unwrap();
        self.reading.join().unwrap();
        self.answers.try_iter().collect()
    }
}

fn read_answers(stdout: ChildStdout, mut take: impl FnMut((u64, String))) {
    let mut stdout = BufReader::new(stdout);
    let mut answer = String::new();
    // An answer without its newline was never given.
    while stdout.read_line(&mut answer).unwrap() > 0 && answer.ends_with('\n') {
        let value: Value = serde_json::from_str(&answer).unwrap();
        take((value["pos"].as_u64().unwrap(), value["id"].as_str().unwrap().to_owned()));
        answer.clear();
    }
}

/// What was answered of a journal, and what must hold of it.
#[derive(Default)]
struct Answered(BTreeMap<u64, String>);

impl Answered {
    fn add(&mut self, answers: Vec<(u64, String)>) {
        assert!(answers.is_sorted_by(|a, b| a.0 < b.0), "answers are in order");
        for (position, id) in answers {
            assert_eq!(self.0.insert(position, id), None, "position {position} was answered twice");
        }
    }

    /// The last position.
    fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(position, _)| *position)
    }

    /// Everything that was answered is there, once, in order, and the journal is intact.
    fn assert_holds(&self, dir: &Dir) {
        dir.run("verify", &[]).assert_code(0);
        let read = dir.run("query", &["--json"]);
        read.assert_code(0);
        let values = read.values();
        let there: BTreeMap<_, _> = values
            .iter()
            .map(|value| (value["pos"].as_u64().unwrap(), value["id"].as_str().unwrap()))
            .collect();
        assert_eq!(there.len(), values.len(), "no position is there twice");
        assert!(read.positions().is_sorted());
        for (position, id) in &self.0 {
            assert_eq!(there.get(position), Some(&id.as_str()), "position {position} was answered");
        }
        let mut ids: Vec<_> = there.values().collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), there.len(), "no event is there twice");
    }
}

#[test]
fn what_a_writer_answered_outlives_its_kill() {
    let mut chance = Chance::new();
    let (mut dir, mut answered) = (Dir::new(), Answered::default());
    for round in 0..kills(40) {
        if round % KILLS_A_JOURNAL == 0 {
            (dir, answered) = (Dir::new(), Answered::default());
        }
        let writer = Writer::start(&dir, ["sync", "os"][round % 2], &round.to_string());
        // One in four while it opens the journal.
        let opens = chance.below(4) == 0;
        let mut answers = writer.answered(if opens { 0 } else { 1 + chance.below(60) });
        chance.moment(Duration::from_millis(if opens { 40 } else { 3 }));
        answers.extend(writer.kill());
        assert!(answers.first().is_none_or(|(position, _)| *position > answered.last()), "positions go on");
        answered.add(answers);
        if !dir.path().join("journal.json").exists() {
            // It was killed before it had made one; nothing can have been answered.
            assert!(answered.0.is_empty());
            continue;
        }
        answered.assert_holds(&dir);
    }
}

#[test]
fn what_three_writers_answered_outlives_their_kills() {
    let mut chance = Chance::new();
    for round in 0..kills(30).div_ceil(6) {
        let (dir, mut answered) = (Dir::new(), Answered::default());
        for half in 0..2 {
            let start = |durability| Writer::start(&dir, durability, &format!("{round}-{half}-{durability}"));
            let mut writers: Vec<_> = ["sync", "os", "interval"].map(start).into();
            while !writers.is_empty() {
                // All go on while one is killed after the other.
                let before: Vec<_> =
                    writers.iter().map(|writer| writer.answered(1 + chance.below(20))).collect();
                for answers in before {
                    answered.add(answers);
                }
                chance.moment(Duration::from_millis(3));
                let killed = usize::try_from(chance.below(writers.len() as u64)).unwrap();
                answered.add(writers.swap_remove(killed).kill());
            }
            answered.assert_holds(&dir);
        }
    }
}

/// Where the consumer's cursor is.
fn cursor(dir: &Dir) -> u64 {
    let told = dir.run("consumers", &["--json"]);
    told.assert_code(0);
    told.values()[0]["position"].as_u64().unwrap()
}

#[test]
fn a_consumer_that_is_killed_loses_nothing_and_is_held_by_nothing() {
    let mut chance = Chance::new();
    let dir = Dir::with_events(40);
    let poll = || {
        let polled = dir.run("poll", &["worker", "--json", "--max", "3"]);
        polled.assert_code(0);
        polled.positions()
    };
    poll();
    for round in 0..kills(30) {
        let before = cursor(&dir);
        if before > 30 {
            dir.append(&(0..20).map(|number| line(format!("{round}-{number}"))).collect::<String>());
        }
        let given = poll();
        assert_eq!(given, (before + 1..=before + 3).collect::<Vec<_>>(), "at least once, in order");
        let to = given[usize::try_from(chance.below(3)).unwrap()];
        let mut command = agentbus("ack");
        let (mut child, _, stdout) = piped(command.arg(dir.path()).arg("worker").arg(to.to_string()));
        chance.moment(Duration::from_millis(40));
        child.kill().unwrap();
        child.wait().unwrap();
        let is_answered = BufReader::new(stdout).lines().next().is_some();
        let after = cursor(&dir);
        assert!(after == to || after == before && !is_answered, "{before} to {to}, is at {after}");
    }
}
