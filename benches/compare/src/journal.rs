//! The journal beside bare loops that do the same work on disk without a queue, redaction, lock and positions.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::DomainEvent;
use agentbus::event::{Hash, ToolCompleted};

use crate::bench::Bench;
use crate::report::Section;

mod append;
mod follow;
mod group;
mod long;
mod reading;

const GROUP: &str = "journal";

pub(crate) fn run(bench: &Bench) {
    append::fire_and_forget(bench);
    append::redacted(bench);
    group::run(bench);
    append::added_to_emit(bench);
    follow::run(bench);
    let long = long::Long::new();
    reading::run(bench, &long);
    append::does_not_grow(bench, &long);
}

fn section(title: &str, unit: crate::report::Unit) -> Section {
    Section::new(GROUP, title, unit)
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
    let program = std::env::current_exe().unwrap();
    tempfile::Builder::new().prefix("journal-").tempdir_in(program.parent().unwrap()).unwrap()
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
