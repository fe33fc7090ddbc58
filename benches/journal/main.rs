//! The journal beside bare loops that do the same work on disk without a queue, redaction, lock and positions.
//!
//! `cargo bench --bench journal`. Everything is measured in turns within one run, medians are taken, and the ratio is
//! what counts: the machine may be shared. Above 1 the journal is the faster one.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::needless_for_each,
    clippy::unused_self,
    clippy::unwrap_used,
    reason = "a bench fails by a panic, and its numbers are small"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentbus::event::{Hash, ToolCompleted};
use agentbus::journal::{Durability, Journal};
use agentbus::{DomainEvent, EventBus, ReactiveEventBus, Recorder};

mod group;
mod reading;

/// How often each side is measured.
const ROUNDS: usize = 7;

/// As many lines as the journal writes at once.
const BATCH: usize = 4_096;

fn main() {
    let table = Table;
    table.head();
    fire_and_forget(&table);
    group::run(&table);
    added_to_emit(&table);
    append_does_not_grow(&table);
    reading::run(&table);
}

/// What is printed: a line for each measurement.
struct Table;

impl Table {
    fn head(&self) {
        self.line("work", "ours", "bare", "ratio");
    }

    #[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
    fn line(&self, work: &str, ours: &str, bare: &str, ratio: &str) {
        println!("{work:<52} {ours:>14} {bare:>14} {ratio:>8}");
    }

    /// Two rates: things a second, ours and theirs.
    fn rates(&self, work: &str, ours: f64, bare: f64) {
        let rate = |rate: f64| format!("{:.0} k/s", rate / 1e3);
        self.line(work, &rate(ours), &rate(bare), &format!("{:.2}", ours / bare));
    }
}

/// A typical event: a tool call with short names.
fn event(number: usize) -> DomainEvent {
    let output = Hash::of(number.to_le_bytes());
    let call = format!("01ARZ3NDEKTSV4RRFFQ69G{:04}", number % 10_000);
    DomainEvent::new(ToolCompleted::new("read_file", call.as_str(), 1, 12, 4_096, output, false))
        .with_plan_id("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .with_actor_name("planner")
}

fn events(count: usize) -> Vec<Arc<DomainEvent>> {
    (0..count).map(|number| Arc::new(event(number))).collect()
}

/// A directory on the disk that is built on: that of temporary files may be memory.
fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("journal-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Both in turns, medians of what they give.
fn compare(mut ours: impl FnMut() -> f64, mut bare: impl FnMut() -> f64) -> (f64, f64) {
    let (one, other): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (ours(), bare())).unzip();
    (median(one), median(other))
}

/// The lines of some events, encoded and chained by hand.
struct BareLines {
    bytes: Vec<u8>,
    chain: Hash,
}

impl BareLines {
    fn new() -> Self {
        Self { bytes: Vec::new(), chain: Hash::of("") }
    }

    fn push(&mut self, event: &DomainEvent) {
        let start = self.bytes.len();
        serde_json::to_writer(&mut self.bytes, event).unwrap();
        let leaf = Hash::of(&self.bytes[start..]);
        let mut both = [0; 64];
        both[..32].copy_from_slice(self.chain.as_bytes());
        both[32..].copy_from_slice(leaf.as_bytes());
        self.chain = Hash::of(both);
        self.bytes.pop();
        writeln!(self.bytes, ",\"chain\":\"{}\"}}", self.chain).unwrap();
    }
}

fn fire_and_forget(table: &Table) {
    const EVENTS: usize = 100_000;
    let events = events(EVENTS);
    let runtime = runtime();
    for (name, durability) in [("sync", Durability::Sync), ("os", Durability::Os)] {
        let ours = || {
            let folder = scratch();
            let journal = Journal::builder(folder.path()).durability(durability).open().unwrap();
            runtime.block_on(journal.append(event(0))).unwrap();
            let begun = Instant::now();
            for event in &events {
                journal.record(event);
                journal.relieve();
            }
            runtime.block_on(journal.flush()).unwrap();
            EVENTS as f64 / begun.elapsed().as_secs_f64()
        };
        let bare = || {
            let folder = scratch();
            let mut file =
                File::options().create(true).append(true).open(folder.path().join("bare")).unwrap();
            let begun = Instant::now();
            let mut lines = BareLines::new();
            for batch in events.chunks(BATCH) {
                lines.bytes.clear();
                batch.iter().for_each(|event| lines.push(event));
                file.write_all(&lines.bytes).unwrap();
                if durability == Durability::Sync {
                    file.sync_data().unwrap();
                }
            }
            EVENTS as f64 / begun.elapsed().as_secs_f64()
        };
        let (ours, bare) = compare(ours, bare);
        table.rates(&format!("fire and forget, {name}"), ours, bare);
    }
}

/// Emissions in bursts that fit into the queue, with and without a journal.
fn added_to_emit(table: &Table) {
    const BURST: usize = 2_000;
    const BURSTS: usize = 50;
    let runtime = runtime();
    let folder = scratch();
    let journal = Journal::open(folder.path()).unwrap();
    let with = ReactiveEventBus::builder().journal(journal).build();
    let without = ReactiveEventBus::new();
    let _heard = without.stream(agentbus::Filter::all());
    let _also = with.stream(agentbus::Filter::all());
    let run = |bus: &ReactiveEventBus| {
        let mut took = Duration::ZERO;
        for _ in 0..BURSTS {
            let burst: Vec<_> = (0..BURST).map(event).collect();
            let begun = Instant::now();
            for event in burst {
                black_box(bus.emit(event));
            }
            took += begun.elapsed();
            runtime.block_on(bus.flush()).unwrap();
        }
        took.as_nanos() as f64 / (BURST * BURSTS) as f64
    };
    let (with, without) = compare(|| run(&with), || run(&without));
    let added = format!("+{:.0} ns", with - without);
    table.line(
        "emit with a journal, without one",
        &format!("{with:.0} ns"),
        &format!("{without:.0} ns"),
        &added,
    );
}

/// What an append costs to an empty journal and to one of many lines.
fn append_does_not_grow(table: &Table) {
    let runtime = runtime();
    let long = reading::filled(reading::LINES);
    let cost = |folder: &Path| {
        let journal = Journal::builder(folder).durability(Durability::Os).open().unwrap();
        let begun = Instant::now();
        for number in 0..2_000 {
            runtime.block_on(journal.append(event(number))).unwrap();
        }
        2_000.0 / begun.elapsed().as_secs_f64()
    };
    let (at_many, at_none) = compare(|| cost(&long), || cost(scratch().path()));
    table.rates(&format!("append to {} lines, to none", reading::LINES), at_many, at_none);
}

/// How many bytes the files of a folder have.
fn bytes_in(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// The segments of a journal, in order.
fn segments(journal: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(journal.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
