//! [`SessionError`] and [`ImportError`].

use crate::event::{Hash, NameError, SessionId};

/// Why nothing was done. Nothing has changed then, and nothing was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no such session.
    #[error("no session {session}")]
    Unknown {
        /// The id asked for.
        session: SessionId,
    },
    /// The session is closed.
    #[error("cannot {asked} session {session}: it is closed")]
    Closed {
        /// The session.
        session: SessionId,
        /// What was asked of it.
        asked: &'static str,
    },
    /// The content is longer than the service takes.
    #[error("cannot append {actual} bytes to session {session}: a message has at most {max}")]
    TooLarge {
        /// The session.
        session: SessionId,
        /// How long the content is, in bytes.
        actual: usize,
        /// How long it may be.
        max: usize,
    },
    /// A name or an id cannot be one.
    #[error("cannot take that {what}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
}

/// Why an export was not taken. Nothing was kept then, and nothing was told; no error holds what was said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is not the JSON of an export.
    #[error("cannot read the export: it does not have the form of one at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is JSON of something else.
    #[error("cannot read the export: its format is not {expected}")]
    Format {
        /// The format of an export.
        expected: &'static str,
    },
    /// It was written in a version that this build does not know.
    #[error("cannot read the export: it has schema version {actual}, this build reads {expected}")]
    Version {
        /// The version that is read.
        expected: u32,
        /// The version that stands there.
        actual: u64,
    },
    /// Its content is not what its checksum was made of.
    #[error("cannot take the export: its content has checksum {actual}, it says {expected}")]
    Checksum {
        /// The checksum that stands there.
        expected: Hash,
        /// The checksum of the content.
        actual: Hash,
    },
    /// A message is not the one that must stand there.
    #[error("cannot take message {sequence} of the export: {fault}")]
    Message {
        /// The sequence that it must have.
        sequence: u64,
        /// What is wrong with it.
        fault: MessageFault,
    },
    /// There is a session of that id.
    #[error("cannot import session {session}: there is one already")]
    Exists {
        /// The id.
        session: SessionId,
    },
}

/// What is wrong with an imported message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageFault {
    /// Its number is another.
    #[error("it is numbered {actual}")]
    Sequence {
        /// Its number.
        actual: u64,
    },
    /// Its content is longer than the service takes.
    #[error("it has {actual} bytes, and may have {max}")]
    TooLarge {
        /// How long it is, in bytes.
        actual: usize,
        /// How long it may be.
        max: usize,
    },
    /// Another message has its id.
    #[error("another message has its id")]
    Duplicate,
}
