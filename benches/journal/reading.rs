//! Reading, seeking, opening and following.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use agentbus::Recorder;
use agentbus::journal::{Durability, Journal};

use super::{Table, event, runtime, scratch};

/// As many lines as the long journal has: more than 400 MB.
pub(super) const LINES: usize = 1_000_000;

pub(super) fn run(_table: &Table) {}

/// A journal of so many lines, made once.
pub(super) fn filled(lines: usize) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = scratch();
            fill(folder.path(), lines);
            folder
        })
        .path()
        .to_owned()
}

fn fill(folder: &Path, lines: usize) {
    let journal = Journal::builder(folder).durability(Durability::Os).open().unwrap();
    for number in 0..lines {
        journal.record(&std::sync::Arc::new(event(number)));
        journal.relieve();
    }
    runtime().block_on(journal.flush()).unwrap();
}
