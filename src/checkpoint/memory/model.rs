//! What a memory is, and how much of it there may be.

use serde::{Deserialize, Serialize};

use crate::event::{Text, Timestamp};

/// The longest key, in bytes: that of every name from outside.
pub const MAX_KEY_BYTES: usize = crate::event::MAX_NAME_BYTES;

/// The longest summary, in bytes.
pub const MAX_SUMMARY_BYTES: usize = 8 << 10;

/// How many revisions of a memory are kept, the one that counts included.
pub const MAX_REVISIONS: usize = 32;

/// How long the summaries of all revisions that are kept are together, in bytes.
pub const MAX_HISTORY_BYTES: usize = 64 << 10;

/// How many memories a folder may hold.
pub const MAX_MEMORIES: usize = 4_096;

/// How many dropped revisions are counted: what JSON holds everywhere.
pub(super) const MAX_DROPPED: u64 = 1 << 53;

/// The longest file: JSON may need six bytes for one.
pub(super) const MAX_FILE_BYTES: usize = 512 << 10;

/// The format that this build writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A memory as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Memory {
    /// What it is found by.
    pub key: Text,
    /// What is to be known.
    pub summary: String,
    /// Who set it.
    pub author: Text,
    /// When it was set.
    pub at: Timestamp,
    /// How often it was set, this time included.
    pub revision: u64,
    /// When it was set first.
    pub created_at: Timestamp,
}

/// A memory as it was set once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryRevision {
    /// How often it had been set, that time included.
    pub revision: u64,
    /// What was to be known.
    pub summary: String,
    /// Who set it.
    pub author: Text,
    /// When.
    pub at: Timestamp,
}

/// What a memory was, and is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryHistory {
    /// What it is found by.
    pub key: Text,
    /// When it was set first.
    pub created_at: Timestamp,
    /// The revisions that are kept, the newest first, which is the one that counts.
    pub revisions: Vec<MemoryRevision>,
    /// How many were dropped, the oldest.
    pub dropped: u64,
}

/// A memory as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) format: u32,
    pub(super) key: Text,
    pub(super) created_at: Timestamp,
    /// How many revisions there were before those that are kept.
    pub(super) dropped: u64,
    /// Never empty, the newest last.
    pub(super) revisions: Vec<Set>,
}

/// What was set once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    pub(super) at: Timestamp,
    pub(super) author: Text,
    pub(super) summary: String,
}

impl Kept {
    /// A memory that was set once.
    pub(super) fn new(key: Text, set: Set) -> Self {
        Self { format: FORMAT, key, created_at: set.at, dropped: 0, revisions: vec![set] }
    }

    /// Sets it once more; what there is no room for any more is dropped.
    pub(super) fn set(&mut self, set: Set) {
        self.revisions.push(set);
        let mut bytes: usize = self.revisions.iter().map(|set| set.summary.len()).sum();
        let mut gone = 0;
        for oldest in &self.revisions {
            if self.revisions.len() - gone <= MAX_REVISIONS && bytes <= MAX_HISTORY_BYTES {
                break;
            }
            bytes -= oldest.summary.len();
            gone += 1;
        }
        self.revisions.drain(..gone);
        self.dropped = self.dropped.saturating_add(gone as u64).min(MAX_DROPPED);
    }

    /// How often it was set.
    pub(super) fn revision(&self) -> u64 {
        self.dropped.saturating_add(self.revisions.len() as u64)
    }

    /// The line that stands in its file.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line =
            serde_json::to_vec(self).expect("its names were checked, and the rest has a JSON form");
        line.push(b'\n');
        line
    }

    pub(super) fn memory(self) -> Memory {
        let revision = self.revision();
        let Self { key, created_at, mut revisions, .. } = self;
        let Set { at, author, summary } = revisions.pop().expect("it was set at least once");
        Memory { key, summary, author, at, revision, created_at }
    }

    pub(super) fn history(self) -> MemoryHistory {
        let Self { key, created_at, dropped, revisions, .. } = self;
        let numbered = revisions.into_iter().zip(dropped.saturating_add(1)..);
        let revisions = numbered.map(|(Set { at, author, summary }, revision)| MemoryRevision {
            revision,
            summary,
            author,
            at,
        });
        let mut revisions: Vec<_> = revisions.collect();
        revisions.reverse();
        MemoryHistory { key, created_at, revisions, dropped }
    }
}
