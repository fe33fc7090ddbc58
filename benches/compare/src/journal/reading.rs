//! Reading, seeking and opening a long journal.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use agentbus::journal::{Entry, Journal, JournalReader, Position, ReadFrom};
use agentbus::{DomainEvent, Filter};

use super::long::Long;
use super::section;
use crate::bench::Bench;
use crate::measure::{Figure, compare, in_turns};
use crate::report::Unit;

/// As many lines as there are to read in a full run: some 1 GB.
const LINES: usize = 2_200_000;

/// As many segments as are decoded whole, if there are more.
const SEGMENTS: usize = 10;

pub(super) fn run(bench: &Bench, long: &Long) {
    long.grow(bench, bench.pick(200_000, LINES));
    skip(bench, long);
    decode(bench, long);
    open(bench, long);
    seek(bench, long);
}

/// Reading all lines for events of a kind that none of them is, beside counting newlines.
fn skip(bench: &Bench, long: &Long) {
    let reader = JournalReader::open(long.path()).unwrap();
    let bytes = long.bytes() as f64;
    let ours = || {
        let begun = Instant::now();
        assert!(reader.read(ReadFrom::Start, "session.created".parse().unwrap()).unwrap().next().is_none());
        bytes / begun.elapsed().as_secs_f64() / 1e9
    };
    let bare = || {
        let begun = Instant::now();
        let count = |path: &PathBuf| memchr::memchr_iter(b'\n', &fs::read(path).unwrap()).count();
        assert!(long.segments().iter().map(count).sum::<usize>() >= long.lines());
        bytes / begun.elapsed().as_secs_f64() / 1e9
    };
    let (ours, bare) = compare(bench.rounds(), ours, bare);
    let section = section(&format!("skip the lines of {}", long.size()), Unit::GigabytesPerSecond);
    let section = section.line("agentbus, of another kind", ours).line("memchr counts them", bare);
    bench.report.add_with_ratio("journal_skip", section, 1);
}

/// Reading events, beside splitting lines and `serde_json`.
fn decode(bench: &Bench, long: &Long) {
    let all = long.segments();
    let (some, rest) = all.split_at(SEGMENTS.min(all.len() - 1));
    let bytes: u64 = some.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let next: u64 = rest[0].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let reader = JournalReader::open(long.path()).unwrap();
    let ours = || {
        let begun = Instant::now();
        let entries = reader.read(ReadFrom::Start, Filter::all()).unwrap().take(next as usize - 1);
        let last = entries.last().unwrap().unwrap();
        assert!(matches!(last, Entry::Event(recorded) if recorded.position.get() == next - 1));
        bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
    };
    let bare = || {
        let begun = Instant::now();
        for path in some {
            let text = fs::read(path).unwrap();
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                drop(Arc::new(serde_json::from_slice::<DomainEvent>(line).unwrap()));
            }
        }
        bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
    };
    let (ours, bare) = compare(bench.rounds(), ours, bare);
    let section = section("decode events", Unit::GigabytesPerSecond);
    let section = section.line("agentbus", ours).line("split lines, serde_json", bare);
    bench.report.add_with_ratio("journal_decode", section, 1);
}

fn open(bench: &Bench, long: &Long) {
    let open = || {
        let begun = Instant::now();
        let journal = Journal::open(long.path()).unwrap();
        let took = begun.elapsed().as_secs_f64() * 1e3;
        drop(journal);
        took
    };
    let opened = Figure::of((0..9).map(|_| open()).collect());
    bench.report.key("journal_open_ms", opened.median);
    let section = section(&format!("open {} to write", long.size()), Unit::Millis);
    bench.report.add(section.line("agentbus", opened));
}

/// The first event behind a position in the middle, beside the first of all.
fn seek(bench: &Bench, long: &Long) {
    let reader = JournalReader::open(long.path()).unwrap();
    let first_behind = |from: ReadFrom| {
        let begun = Instant::now();
        assert!(matches!(reader.read(from, Filter::all()).unwrap().next(), Some(Ok(Entry::Event(_)))));
        begun.elapsed().as_secs_f64() * 1e6
    };
    let middle = ReadFrom::After(Position::new(long.lines() as u64 / 2 + 4_711).unwrap());
    let sides: [ReadFrom; 2] = [middle, ReadFrom::Start];
    let mut given = in_turns(9, &mut sides.map(|from| Box::new(move || first_behind(from)) as _)).into_iter();
    let mut next = || Figure::of(given.next().unwrap());
    let section = section(&format!("the first event read of {}", long.size()), Unit::Micros);
    bench
        .report
        .add(section.line("agentbus, from the middle", next()).line("agentbus, from the start", next()));
}
