//! Why a consumer could not do what it was asked.

use std::io;

use super::cursor::CursorFault;
use super::name::{ConsumerName, ConsumerNameError};
use crate::filter::FilterError;
use crate::journal::position::Position;
use crate::journal::record::ReadError;

/// Why a consumer could not be opened, read or reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] ConsumerNameError),
    /// The filter cannot be decided by one event.
    #[error("a consumer cannot have that filter")]
    Filter(#[source] FilterError),
    /// Somebody has it open, in this process or another.
    #[error("consumer {name} is open elsewhere: close it there first")]
    Busy {
        /// Its name.
        name: ConsumerName,
    },
    /// Another one is there whose name differs by case alone.
    #[error("a new consumer cannot be {name}: there is {other}, and on some disks both have the same files")]
    Alike {
        /// The name.
        name: ConsumerName,
        /// The other one's.
        other: ConsumerName,
    },
    /// There is a cursor, and it cannot be used.
    #[error("{file} is no cursor to go on from: put a copy of it back, or open the consumer with `reset_to`")]
    Corrupt {
        /// The file, relative to the journal's directory.
        file: String,
        /// What is wrong with it.
        #[source]
        source: CursorFault,
    },
    /// It was to begin anew behind a position that there is not yet.
    #[error("cannot begin behind position {asked}: {}", end(*last))]
    Ahead {
        /// The last position there is.
        last: Option<Position>,
        /// Where it was to begin.
        asked: Position,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of the consumer cannot be used.
    #[error("cannot use {file}")]
    File {
        /// The file, relative to the journal's directory.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Why a position was not acknowledged. The cursor is where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// It is before the cursor: a cursor only goes forward.
    #[error("cannot acknowledge position {asked}: the cursor is at {cursor} already")]
    Backward {
        /// Where the cursor is.
        cursor: Position,
        /// What was to be acknowledged.
        asked: Position,
    },
    /// There is no such position yet.
    #[error("cannot acknowledge position {asked}: {}", end(*last))]
    Ahead {
        /// The last position there is.
        last: Option<Position>,
        /// What was to be acknowledged.
        asked: Position,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cursor could not be written. Acknowledge again: until then the events are given again after a restart.
    #[error(transparent)]
    Write(#[from] ConsumerWriteError),
}

/// Why a failure was not noted. Nothing has changed then, but for `Write`, after which a dead letter may be there;
/// the same call again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NackError {
    /// It is not the next event to acknowledge: acknowledge those before it first.
    #[error("cannot note a failure of position {asked}: {}", what_is_next(*next))]
    NotNext {
        /// The next event to acknowledge; `None` if there is none.
        next: Option<Position>,
        /// The position that was to have failed.
        asked: Position,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cursor or the dead letter could not be written.
    #[error(transparent)]
    Write(#[from] ConsumerWriteError),
}

/// A file of a consumer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {file}")]
#[non_exhaustive]
pub struct ConsumerWriteError {
    /// The file, relative to the journal's directory.
    pub file: String,
    /// What the system says.
    pub source: io::Error,
}

fn end(last: Option<Position>) -> String {
    last.map_or_else(|| "the journal has no lines".to_owned(), |last| format!("the journal ends at {last}"))
}

fn what_is_next(next: Option<Position>) -> String {
    next.map_or_else(
        || "there is no event to acknowledge".to_owned(),
        |next| format!("the next event to acknowledge is {next}"),
    )
}
