//! What a reader gets: [`Entry`], and where to begin: [`ReadFrom`].

use std::fmt;
use std::io;
use std::sync::Arc;

use super::line::LineFault;
use super::position::Position;
use crate::event::DomainEvent;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the first line there is.
    Start,
    /// Behind that position.
    After(Position),
    /// Behind the last line there is at the call.
    End,
}

impl From<Option<Position>> for ReadFrom {
    fn from(last: Option<Position>) -> Self {
        last.map_or(Self::Start, Self::After)
    }
}

/// An event as it is recorded, and where.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// Its place.
    pub position: Position,
    /// The event: as it was told, its secrets masked.
    pub event: Arc<DomainEvent>,
}

/// What stands in a journal: most entries are events.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// An event.
    Event(Recorded),
    /// A line that cannot be read. Reading goes on behind it.
    Unreadable(Unreadable),
    /// Lines up to and including this position, behind those read before, are gone: retention removed them before they
    /// were read, or their segment was lost. A reader cannot tell which;
    /// [`verify`](super::JournalReader::verify) finds a segment that is missing between others.
    Removed {
        /// The last position that is gone.
        through: Position,
    },
}

impl Entry {
    /// The event, if it is one.
    pub fn into_event(self) -> Option<Recorded> {
        match self {
            Self::Event(recorded) => Some(recorded),
            _ => None,
        }
    }
}

/// A line that cannot be read: where it stands and why, never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The position of the last readable line before it; `None` at the start.
    pub after: Option<Position>,
    /// The file, relative to the journal's directory.
    pub file: String,
    /// Where it begins in the file, in bytes.
    pub at: u64,
    /// Why.
    pub fault: LineFault,
}

impl Unreadable {
    /// The position that it should have had: the one behind the last readable line.
    pub fn expected(&self) -> Position {
        self.after.map_or(Position::FIRST, |after| after.next().unwrap_or(Position::MAX))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position {} ({}, byte {}): {}", self.expected(), self.file, self.at, self.fault)
    }
}

/// Why a journal could not be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no journal in the directory.
    #[error("there is no journal in {directory}")]
    NotAJournal {
        /// The directory, as it was given.
        directory: String,
    },
    /// `journal.json` cannot be read.
    #[error(transparent)]
    Manifest(#[from] super::manifest::ManifestError),
    /// The thread that sees what other processes write could not be started.
    #[error("cannot watch the journal")]
    Watch {
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {file}")]
    Read {
        /// The file, relative to the journal's directory.
        file: String,
        /// What the system says.
        source: io::Error,
    },
}
