//! Why the index of a journal cannot be used, and why a question has no answer.

use std::io;
use std::path::PathBuf;

use crate::journal::{Position, ReadError};

/// Why the index of a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of the index could not be made, named, locked or removed.
    #[error("cannot work in {}", folder.display())]
    Files {
        /// The folder of the index.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of the index is a link, or no folder: what is written there would stand elsewhere.
    #[error("{} is no folder of its own: move it away, the index is made anew then", folder.display())]
    NoFolder {
        /// The folder of the index.
        folder: PathBuf,
    },
    /// There is no index, and none can be made where nothing can be written.
    #[error(
        "there is no index in {}, and none can be made there: whoever may write there makes it by `audit DIR rebuild`",
        folder.display()
    )]
    NoIndex {
        /// The folder of the index.
        folder: PathBuf,
    },
    /// Part of the database stands in its log, which cannot be read without writing beside it.
    #[error(
        "{} was not closed and cannot be written: ask as somebody who may write there, or ask a copy of the journal",
        file.display()
    )]
    Unclosed {
        /// The file.
        file: PathBuf,
    },
    /// Somebody else writes the index, and did not get on with it for five seconds, or makes it anew.
    #[error("the index in {} is being written by somebody else; try again later", folder.display())]
    Busy {
        /// The folder of the index.
        folder: PathBuf,
    },
    /// The database is damaged, or none of ours.
    #[error("{} is damaged, or no index of a journal: `audit DIR rebuild` makes it anew", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What SQLite says; none if it reads but is not what it should be.
        source: Option<rusqlite::Error>,
    },
    /// The database is of another version of this library.
    #[error(
        "{} has format {found}, this version reads format {expected}: `audit DIR rebuild` makes it anew",
        file.display()
    )]
    Format {
        /// The file.
        file: PathBuf,
        /// The format it has.
        found: i64,
        /// The format that is read.
        expected: i64,
    },
    /// The index is that of another journal.
    #[error("{} is the index of another journal: `audit DIR rebuild` makes it anew", file.display())]
    OtherJournal {
        /// The file.
        file: PathBuf,
    },
    /// The journal has another line than the one that was indexed.
    #[error(
        "the line at position {position} is not the one that was indexed: `verify DIR` tells whether the journal is \
         as it was written, `audit DIR rebuild` makes the index anew"
    )]
    Diverged {
        /// The position of the last line that was indexed.
        position: Position,
    },
    /// The database cannot be written.
    #[error(
        "{} cannot be written: what is indexed can be asked all the same (`--no-index`), or a copy of the journal",
        file.display()
    )]
    ReadOnly {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite could not do what it was asked.
    #[error("cannot use {}", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The thread that reads the journal could not be started.
    #[error("cannot start a thread to read the journal")]
    Start(#[source] io::Error),
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditQueryError {
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] AuditError),
    /// It would have to look at too much.
    #[error(
        "the query looks at too many events: add a time range, or an id (of a plan, a session, a correlation)"
    )]
    TooBroad,
    /// What is under an id, and excluded, is more than is looked at.
    #[error("more than {limit} events are under an id that is excluded: add a time range and exclude less")]
    UnderTooMuch {
        /// How many are looked at.
        limit: usize,
    },
    /// The token is that of another query.
    #[error("the page token belongs to another query: ask the one it came from, or begin anew without it")]
    OtherQuery,
}
