//! [`Verification`]: what verifying a journal found.

use std::fmt;

use crate::journal::line::LineFault;
use crate::journal::position::Position;

/// What verifying a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The segments there are.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The lines that are in their place and follow from the one before.
    pub lines: u64,
    /// Those of them that hold no event this version can read: they were written so.
    pub unreadable: u64,
    /// Lines that stand at the end of one segment and in the next again: a write was taken back, and a crash kept it
    /// from being cut away. The next writer cuts it.
    pub left_over: u64,
    /// The position of the first line.
    pub first: Option<Position>,
    /// The position of the last line.
    pub last: Option<Position>,
    /// How many times positions were skipped, as is legal.
    pub gaps: u64,
    /// How many positions were skipped.
    pub skipped: u64,
    /// The `journal.gap` lines: events did not fit into memory while the journal could not write.
    pub known_losses: u64,
    /// How many events those lines tell of.
    pub known_lost_events: u64,
    /// The segments before whose first line no chain is known, so that it was taken on trust: `journal.json` was lost.
    pub trusted: u64,
    /// The segments that `journal.json` does not list: a crash kept them from being listed, or removed.
    pub unlisted: u64,
    /// A write that was not finished, behind the last line. It is no damage.
    pub unfinished: Option<Unfinished>,
    /// How many places are damaged.
    pub damaged: u64,
    /// The first of them.
    pub first_damage: Option<Damage>,
}

impl Verification {
    /// Whether nothing is damaged.
    pub fn is_intact(&self) -> bool {
        self.first_damage.is_none()
    }
}

/// Bytes of a write that was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The file, relative to the journal's directory.
    pub file: String,
    /// Where they begin in the file, in bytes.
    pub at: u64,
    /// How many there are.
    pub bytes: u64,
}

/// A place where a journal is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The position that is damaged, or the first that is missing.
    pub position: Position,
    /// The file, relative to the journal's directory.
    pub file: String,
    /// Where the line begins in the file, in bytes.
    pub at: u64,
    /// What is wrong.
    pub fault: DamageFault,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position {} ({}, byte {}): {}", self.position, self.file, self.at, self.fault)
    }
}

/// What is wrong with a place of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageFault {
    /// The line cannot be taken apart, or goes back.
    #[error("{0}")]
    Line(LineFault),
    /// The line does not follow from the one before it.
    #[error("the line was changed, or lines before it were changed, removed, added or reordered")]
    Chain,
    /// The line follows from the one before it but for its position.
    #[error("the position was changed")]
    Position,
    /// The line is whole, but something else stands where its newline should.
    #[error("the line is whole but for its newline")]
    Newline,
    /// Lines are missing at the end of a segment.
    #[error("lines are missing at the end of the segment")]
    LinesMissing,
    /// The file of a segment is missing.
    #[error("the segment is missing")]
    SegmentMissing,
    /// There is a segment among others that `journal.json` does not list.
    #[error("the segment is not listed in journal.json")]
    SegmentUnlisted,
    /// The first line of a segment follows from the segment before, but not from what `journal.json` says.
    #[error("journal.json tells another chain for the segment than the segment before")]
    ListedChain,
}
