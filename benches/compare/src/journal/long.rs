//! A journal of many lines, made once and made longer.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::Recorder;
use agentbus::journal::{Durability, Journal};

use super::{bytes_in, event, scratch};
use crate::bench::Bench;

pub(super) struct Long {
    folder: tempfile::TempDir,
    lines: Cell<usize>,
}

impl Long {
    pub(super) fn new() -> Self {
        Self { folder: scratch(), lines: Cell::new(0) }
    }

    /// Makes it as long as that, unless it is longer.
    pub(super) fn grow(&self, bench: &Bench, lines: usize) -> &Path {
        let journal = Journal::builder(self.path()).durability(Durability::Os).open().unwrap();
        for number in self.lines.get()..lines {
            journal.record(&Arc::new(event(number)));
            journal.relieve();
        }
        bench.runtime.block_on(journal.flush()).unwrap();
        self.lines.set(lines.max(self.lines.get()));
        self.path()
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.get()
    }

    pub(super) fn segments(&self) -> Vec<PathBuf> {
        super::segments(self.path())
    }

    pub(super) fn bytes(&self) -> u64 {
        bytes_in(&self.path().join("segments"))
    }

    /// What it holds, in words.
    pub(super) fn size(&self) -> String {
        let lines = self.lines.get() as f64;
        let lines =
            if lines < 1e6 { format!("{:.0} k", lines / 1e3) } else { format!("{:.1} M", lines / 1e6) };
        format!("{lines} lines, {:.2} GB", self.bytes() as f64 / 1e9)
    }
}
