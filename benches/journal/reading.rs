//! Reading, seeking, opening and following.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use agentbus::journal::{Durability, Entry, Journal, JournalReader, Position, ReadFrom};
use agentbus::{DomainEvent, Filter, Recorder};
use tokio_stream::StreamExt;

use super::{Table, bytes_in, compare, event, median, runtime, scratch, segments};

/// As many lines as the long journal has: some 1 GB.
pub(super) const LINES: usize = 2_200_000;

/// As many as are read whole, in the first segments.
const SEGMENTS: usize = 10;

pub(super) fn run(table: &Table) {
    let folder = filled(LINES);
    let gigabytes = bytes_in(&folder.join("segments")) as f64 / 1e9;
    table.line("the journal that is read", &format!("{LINES} lines"), &format!("{gigabytes:.2} GB"), "");
    skip(table, &folder);
    decode(table, &folder);
    open(table, &folder);
    seek(table, &folder);
    let of_this_process = latencies(|journal, _| journal.reader().clone());
    print(table, "follower behind an append, same process", of_this_process);
    let of_another = latencies(|_, folder| JournalReader::open(folder).unwrap());
    print(table, "follower behind an append, by the files", of_another);
}

/// A journal of so many lines, made once.
pub(super) fn filled(lines: usize) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = || {
        let folder = scratch();
        fill(folder.path(), lines);
        folder
    };
    FOLDER.get_or_init(made).path().to_owned()
}

fn fill(folder: &Path, lines: usize) {
    let journal = Journal::builder(folder).durability(Durability::Os).open().unwrap();
    for number in 0..lines {
        journal.record(&Arc::new(event(number)));
        journal.relieve();
    }
    runtime().block_on(journal.flush()).unwrap();
}

/// Reading all lines for events of a kind that none of them is, beside counting newlines.
fn skip(table: &Table, folder: &Path) {
    let reader = JournalReader::open(folder).unwrap();
    let bytes = bytes_in(&folder.join("segments")) as f64;
    let ours = || {
        let begun = Instant::now();
        assert!(reader.read(ReadFrom::Start, "session.created".parse().unwrap()).unwrap().next().is_none());
        bytes / begun.elapsed().as_secs_f64() / 1e9
    };
    let bare = || {
        let begun = Instant::now();
        let count = |path: &PathBuf| memchr::memchr_iter(b'\n', &fs::read(path).unwrap()).count();
        assert!(segments(folder).iter().map(count).sum::<usize>() >= LINES);
        bytes / begun.elapsed().as_secs_f64() / 1e9
    };
    let (ours, bare) = compare(ours, bare);
    table.line(
        "skip lines, beside counting them with memchr",
        &speed(ours),
        &speed(bare),
        &ratio(ours / bare),
    );
}

/// Reading events, beside splitting lines and `serde_json`.
fn decode(table: &Table, folder: &Path) {
    let some: Vec<_> = segments(folder).into_iter().take(SEGMENTS).collect();
    let bytes: u64 = some.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let next: u64 = segments(folder)[SEGMENTS].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let reader = JournalReader::open(folder).unwrap();
    let ours = || {
        let begun = Instant::now();
        let entries = reader.read(ReadFrom::Start, Filter::all()).unwrap().take(next as usize - 1);
        let last = entries.last().unwrap().unwrap();
        assert!(matches!(last, Entry::Event(recorded) if recorded.position.get() == next - 1));
        bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
    };
    let bare = || {
        let begun = Instant::now();
        for path in &some {
            let text = fs::read(path).unwrap();
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                drop(Arc::new(serde_json::from_slice::<DomainEvent>(line).unwrap()));
            }
        }
        bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
    };
    let (ours, bare) = compare(ours, bare);
    table.line("decode events, beside serde_json", &speed(ours), &speed(bare), &ratio(ours / bare));
}

fn open(table: &Table, folder: &Path) {
    let took = (0..9).map(|_| {
        let begun = Instant::now();
        let journal = Journal::open(folder).unwrap();
        let took = begun.elapsed().as_secs_f64() * 1e3;
        drop(journal);
        took
    });
    table.line("open it to write", &format!("{:.1} ms", median(took.collect())), "", "");
}

/// The first event behind a position in the middle, beside the first of all.
fn seek(table: &Table, folder: &Path) {
    let reader = JournalReader::open(folder).unwrap();
    let first_behind = |from: ReadFrom| {
        let begun = Instant::now();
        assert!(matches!(reader.read(from, Filter::all()).unwrap().next(), Some(Ok(Entry::Event(_)))));
        begun.elapsed().as_secs_f64() * 1e6
    };
    let middle = ReadFrom::After(Position::new(LINES as u64 / 2 + 4_711).unwrap());
    let (middle, start) = compare(|| first_behind(middle), || first_behind(ReadFrom::Start));
    let us = |us: f64| format!("{us:.0} us");
    table.line("seek the middle, the start", &us(middle), &us(start), &ratio(middle / start));
}

/// How long after the call of `append` a follower at the tail has the event.
fn latencies(reader: impl Fn(&Journal, &Path) -> JournalReader) -> Vec<Duration> {
    const EVENTS: usize = 2_000;
    let folder = scratch();
    let journal = Journal::builder(folder.path()).durability(Durability::Os).open().unwrap();
    let reader = reader(&journal, folder.path());
    runtime().block_on(async {
        let mut follow = reader.follow(ReadFrom::End, Filter::all()).unwrap();
        let mut took = Vec::with_capacity(EVENTS);
        for number in 0..EVENTS {
            let begun = Instant::now();
            let append = journal.append(event(number));
            let (appended, followed) = tokio::join!(append, follow.next());
            took.push(begun.elapsed());
            appended.unwrap();
            assert!(matches!(followed, Some(Ok(Entry::Event(_)))));
        }
        took
    })
}

fn print(table: &Table, work: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| format!("{} us", took[took.len() * share / 100].as_micros());
    table.line(work, &format!("p50 {}", at(50)), &format!("p99 {}", at(99)), "");
}

fn speed(gigabytes: f64) -> String {
    format!("{gigabytes:.2} GB/s")
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}
