//! [`Cursor`]: how far a consumer has come, on disk.
//!
//! `cursors/<name>.json`, written whole or not at all by whoever holds the consumer's lock:
//!
//! ```json
//! {"format":1,"consumer":"indexer","position":42,"updated":"2026-01-31T09:30:00Z",
//!  "retry":{"position":43,"attempts":2,"not_before":"2026-01-31T09:30:02Z","reason":"timed out"}}
//! ```
//!
//! `position` is the last one acknowledged, 0 if none was; `retry` is absent unless the event behind it failed.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ConsumerError;
use super::name::ConsumerName;
use crate::event::{Brief, Timestamp};
use crate::journal::position::Position;
use crate::journal::storage::{Storage, durably_replace, read_whole};

/// The format that this build writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// Many times what a cursor with the longest name and the longest reason has.
const MAX_BYTES: usize = 16 << 10;

/// How far a consumer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last position acknowledged; `None` if none was.
    pub(crate) position: Option<Position>,
    /// When it was last written.
    pub(crate) updated: Timestamp,
    /// Behind `position`.
    pub(crate) retry: Option<Retry>,
}

/// An event that failed and is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retry {
    /// The event's position.
    pub position: Position,
    /// How often it failed.
    pub attempts: u32,
    /// It is not given again before.
    pub not_before: Timestamp,
    /// Why it failed the last time, secrets masked.
    pub reason: Brief,
}

impl Retry {
    /// Whether the event is not to be given yet. A time further away than `longest`, which a clock that was set back
    /// leaves behind, holds nothing up.
    pub(crate) fn holds_back(&self, now: Timestamp, longest: Duration) -> bool {
        let wait = self.not_before.since(now);
        !wait.is_zero() && wait <= longest
    }
}

/// Why a cursor cannot be used. Never with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorFault {
    /// It is no cursor.
    #[error("it is damaged at line {line}, column {column}")]
    Damaged {
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
    },
    /// Its position is none, or it is longer than any cursor.
    #[error("what it says cannot be")]
    Impossible,
    /// It is that of another consumer.
    #[error("it is the cursor of another consumer")]
    OfAnother,
    /// It is of a later format.
    #[error("it has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
}

/// Why there is no cursor to go on from.
#[derive(Debug)]
pub(crate) enum Unusable {
    Fault(CursorFault),
    Unread(io::Error),
}

impl Unusable {
    /// As the error of that consumer.
    pub(crate) fn of(self, name: &ConsumerName) -> ConsumerError {
        let file = name.cursor_file();
        match self {
            Self::Fault(source) => ConsumerError::Corrupt { file, source },
            Self::Unread(source) => ConsumerError::File { file, source },
        }
    }
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct OnDisk<N> {
    format: u32,
    consumer: N,
    position: u64,
    updated: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
}

impl Cursor {
    /// One that stands at `position`, as of now.
    pub(crate) fn at(position: Option<Position>) -> Self {
        Self { position, updated: Timestamp::now(), retry: None }
    }

    /// Reads that of a consumer; `None` if it has none.
    pub(crate) fn read(storage: &dyn Storage, name: &ConsumerName) -> Result<Option<Self>, Unusable> {
        match read_whole(storage, &name.cursor_file(), MAX_BYTES) {
            Ok(bytes) => Self::parse(&bytes, name).map(Some).map_err(Unusable::Fault),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Unusable::Fault(CursorFault::Impossible))
            }
            Err(error) => Err(Unusable::Unread(error)),
        }
    }

    pub(crate) fn parse(bytes: &[u8], name: &ConsumerName) -> Result<Self, CursorFault> {
        /// Read first: what else a later format has is its own business.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let damaged =
            |error: &serde_json::Error| CursorFault::Damaged { line: error.line(), column: error.column() };
        let header: Header = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if header.format != FORMAT {
            return Err(CursorFault::Format { found: header.format });
        }
        let found: OnDisk<ConsumerName> = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if found.consumer != *name {
            return Err(CursorFault::OfAnother);
        }
        let position = Position::new(found.position);
        if position.is_none() && found.position != 0 {
            return Err(CursorFault::Impossible);
        }
        let retry = found.retry.filter(|retry| Some(retry.position) > position);
        Ok(Self { position, updated: found.updated, retry })
    }

    /// Writes it, whole or not at all. The caller holds the consumer's lock.
    pub(crate) fn write(&self, storage: &dyn Storage, name: &ConsumerName) -> io::Result<()> {
        let position = self.position.map_or(0, Position::get);
        let retry = self.retry.clone();
        let on_disk = OnDisk { format: FORMAT, consumer: name, position, updated: self.updated, retry };
        let mut text = serde_json::to_vec(&on_disk).map_err(io::Error::other)?;
        text.push(b'\n');
        durably_replace(storage, &name.cursor_file(), &text)
    }
}

#[cfg(test)]
mod tests;
