//! [`Found`]: what verifying a journal by its heads found.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::audit::proof::head::Head;
use crate::journal::{Position, Verification};

/// How many changes are named; the rest is counted.
pub const MAX_CHANGES: usize = 1_000;

/// What verifying a journal by its heads found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// What the chain alone tells.
    pub journal: Verification,
    /// The heads that are believed.
    pub heads: u64,
    /// The newest of them.
    pub newest: Option<Head>,
    /// How old that is; zero if it is dated later than now.
    pub age: Option<Duration>,
    /// Whether that is more than was asked for.
    pub is_late: bool,
    /// The lines that a head proves to be as they were.
    pub covered: u64,
    /// The lines behind the newest head: no head covers them yet.
    pub uncovered: u64,
    /// What of the lines that heads cover is there no more.
    pub retired: Retired,
    /// What is not as it was, in the order of the journal, at most [`MAX_CHANGES`].
    pub changes: Vec<Change>,
    /// How many more there are.
    pub more_changes: u64,
}

impl Found {
    /// Whether there is a head, none is older than was asked for, and nothing is changed.
    pub fn is_proven(&self) -> bool {
        self.newest.is_some() && !self.is_late && self.changes.is_empty()
    }

    pub(super) fn push(&mut self, change: Change) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(change);
        } else {
            self.more_changes += 1;
        }
    }
}

/// Lines that retention removed after they were signed, and what of their heads can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// The heads all of whose lines are gone: they were checked by their signatures, and by the heads around them.
    pub heads: u64,
    /// The last position that they cover.
    pub through: Option<Position>,
    /// The head of whose lines only some are left: these were checked by the chain.
    pub partly: Option<u64>,
    /// Positions whose lines were removed before any head covered them: the last and how many there may have been at most.
    pub unsigned: Option<(Position, u64)>,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The positions among which it did, if that is known.
    pub positions: Option<RangeInclusive<Position>>,
    /// The heads that it is about, or that tell of it.
    pub heads: Option<RangeInclusive<u64>>,
    /// The file, relative to the journal's directory, and the place in it in bytes, where that is known.
    pub place: Option<(String, u64)>,
}

impl Change {
    pub(super) fn of(kind: ChangeKind) -> Self {
        Self { kind, positions: None, heads: None, place: None }
    }

    pub(super) fn at(mut self, first: Position, last: Position) -> Self {
        self.positions = Some(first..=last.max(first));
        self
    }

    pub(super) fn by(mut self, number: u64) -> Self {
        self.heads = Some(number..=number);
        self
    }

    pub(super) fn in_file(mut self, file: impl Into<String>, at: u64) -> Self {
        self.place = Some((file.into(), at));
        self
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(positions) = &self.positions {
            match (positions.start(), positions.end()) {
                (first, last) if first == last => write!(f, "position {first}")?,
                (first, last) => write!(f, "positions {first} to {last}")?,
            }
            if let Some((file, at)) = &self.place {
                write!(f, " ({file}, byte {at})")?;
            }
            f.write_str(": ")?;
        } else if let Some((file, _)) = &self.place {
            write!(f, "{file}: ")?;
        }
        write!(f, "{}", self.kind)?;
        match self.heads.as_ref().map(|heads| (heads.start(), heads.end())) {
            Some((first, last)) if first == last => write!(f, " (head {first})"),
            Some((first, last)) => write!(f, " (heads {first} to {last})"),
            None => Ok(()),
        }
    }
}

/// What happened to a journal or its heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A line was changed.
    #[error("the line was changed")]
    LineChanged,
    /// Lines were removed.
    #[error("lines were removed")]
    LinesRemoved,
    /// A line was added.
    #[error("a line was added")]
    LineAdded,
    /// Lines stand in another order.
    #[error("lines were swapped or moved")]
    LinesReordered,
    /// Lines were changed or reordered, and the hashes behind made anew.
    #[error("lines were changed or reordered, and the hashes behind them made anew")]
    LinesRewritten,
    /// The line was taken on trust, since what stood before it is gone and `journal.json` does not tell the chain.
    #[error("the line cannot be proven: journal.json does not tell the chain before it")]
    LineUnproven,
    /// There is a segment that does not belong there.
    #[error("a segment was added")]
    SegmentAdded,
    /// `journal.json` is missing, or tells another id or chain than the heads.
    #[error("journal.json was changed or removed")]
    ManifestChanged,
    /// There is no head.
    #[error("there is no head: nothing is proven")]
    NoHead,
    /// A head is missing.
    #[error("the head is missing")]
    HeadMissing,
    /// What is in its place is no head.
    #[error("the head was changed: it is none any more")]
    HeadChanged,
    /// Its signature does not fit.
    #[error("the head was changed or forged: its signature does not fit")]
    HeadForged,
    /// It is signed with another key.
    #[error("the head is signed with another key")]
    HeadOtherKey,
    /// It is one of another journal.
    #[error("the head is one of another journal")]
    HeadOtherJournal,
    /// It is signed, and does not go on from the head before it.
    #[error("the head does not go on from the one before: one of them was replaced")]
    HeadUnlinked,
    /// It is signed, and not the one of that number that was kept elsewhere.
    #[error("the head is another than the one of that number that was kept elsewhere")]
    HeadReplaced,
    /// The head that was kept elsewhere is there no more.
    #[error("the journal was cut: the head that was kept elsewhere is not there")]
    Cut,
}
