//! [`Health`]: whether a journal can write, and [`Problem`]: why it cannot.

use std::io;
use std::time::Duration;

use super::manifest::ManifestError;
use crate::event::Timestamp;

/// Whether a journal writes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It writes.
    Healthy,
    /// It cannot write and tries again, by itself, at least once a second. What is emitted meanwhile is kept in memory
    /// as far as the queue's bound allows; the rest is counted and becomes a `journal.gap` line.
    Failing {
        /// When it began.
        since: Timestamp,
        /// What went wrong last, in words, with the file and what the system says.
        reason: String,
    },
}

impl Health {
    /// Whether it writes.
    pub fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }
}

/// Why a batch could not be written now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot {act} {file}")]
    Io { act: &'static str, file: String, source: io::Error },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("another process has held the journal's lock for {} s", waited.as_secs())]
    Locked { waited: Duration },
    /// Not yet had for so long that it is worth telling.
    #[error("another process has the journal's lock")]
    Busy,
    #[error("the journal's directory is gone")]
    Vanished,
    #[error("another journal stands where this one was: {found}")]
    Replaced { found: crate::event::EventId },
    #[error("cannot read back what other processes wrote to {file} at byte {at}")]
    Foreign { file: String, at: u64 },
    #[error("all positions are used up")]
    Full,
    #[error(
        "{file} tells of the last position that there can be: put a copy of it back, reset it or remove it"
    )]
    UsedUpBy { file: String },
}

impl Problem {
    /// Says what was tried with which file.
    pub(super) fn io(act: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { act, file, source }
    }

    /// All of it in one text, with what caused it.
    pub(super) fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
