//! [`SignError`]: why a journal was not signed.

use std::io;
use std::time::Duration;

use crate::audit::proof::heads::HeadError;
use crate::event::EventId;
use crate::journal::{ManifestError, Position, ReadError};

/// Why a journal was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The newest head could not be read, is not believed, or is signed with another key: a journal has one key.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// There are fewer heads than this signer has seen.
    #[error("heads are missing: there was one of number {known}; put copies of those that are missing back")]
    HeadsMissing {
        /// The number of the newest head seen.
        known: u64,
        /// That of the newest one there is.
        found: Option<u64>,
    },
    /// Another journal stands where the one was that was signed.
    #[error("the journal is {found}, the one that was signed is {signed}")]
    OtherJournal {
        /// The id of the one that was signed.
        signed: EventId,
        /// The id of the one that is there.
        found: EventId,
    },
    /// What stands behind the newest head does not follow from it: it was changed, removed or reordered.
    #[error(
        "the lines behind position {behind} do not follow from what was signed: see what `verify --key` says"
    )]
    Broken {
        /// The last position that follows; 0 if none does.
        behind: u64,
    },
    /// `journal.json` does not tell from what the first line follows.
    #[error("journal.json does not tell the chain before position {first}: put a copy of it back")]
    Unanchored {
        /// The first position of the oldest segment.
        first: Position,
    },
    /// The folder of the heads is a link: what is written there would stand elsewhere.
    #[error("heads is a link: put the folder that it leads to in its place, with the heads, and sign then")]
    Link,
    /// Another signer has had the lock of the heads since.
    #[error("another signer holds heads/lock")]
    Busy,
    /// A head could not be written.
    #[error("cannot write {file}")]
    Write {
        /// The file, relative to the journal's directory.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The last head was not signed before the deadline.
    #[error("cannot sign the last head within {deadline:?}")]
    Late {
        /// How long it might have taken.
        deadline: Duration,
    },
    /// The signer was stopped.
    #[error("the signer was stopped")]
    Stopped,
}

impl From<ManifestError> for SignError {
    fn from(error: ManifestError) -> Self {
        Self::Read(error.into())
    }
}
