//! Why a memory was not kept, or not read.

use std::fmt;
use std::path::PathBuf;

use super::model::{FORMAT, MAX_FILE_BYTES, MAX_MEMORIES, MAX_SUMMARY_BYTES};
use crate::checkpoint::folder::{FolderError, Indeterminate, NotApplied, NotRead, UnsafeTarget};
use crate::event::NameError;

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryPart {
    /// The key.
    Key,
    /// The summary.
    Summary,
    /// Who sets it.
    Author,
    /// What is looked for.
    Search,
    /// A file of the folder, by its name.
    File(String),
}

impl fmt::Display for MemoryPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the key"),
            Self::Summary => f.write_str("the summary"),
            Self::Author => f.write_str("the author"),
            Self::Search => f.write_str("what is looked for"),
            Self::File(name) => fmt::Debug::fmt(name, f),
        }
    }
}

/// Why something cannot be part of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPart {
    /// It is no name.
    #[error(transparent)]
    Name(NameError),
    /// It is blank, or holds control characters.
    #[error(
        "must be a text of 1 to {MAX_SUMMARY_BYTES} bytes without control characters but line breaks and tabs"
    )]
    Text,
}

/// Why a file is no memory. Never with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryFault {
    /// It is not UTF-8.
    #[error("it is no UTF-8")]
    Encoding,
    /// It is no JSON, or not that of a memory.
    #[error("it is not the JSON of a memory at line {line}, column {column}")]
    Json {
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
    },
    /// It is of another format.
    #[error("it has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
    /// Its name is not that of its key: it was copied or renamed, or the key was changed.
    #[error("its name is not that of the key in it")]
    OfAnother,
    /// It has no revision or too many, or a summary that cannot be one.
    #[error("what it says cannot be")]
    Impossible,
    /// It is longer than any memory.
    #[error("it has more than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// It is called as the memory of no key is.
    #[error("its name is that of no memory")]
    Name,
}

/// Why a memory was not kept, not read, or not deleted. Never with what it holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// No memory has that key.
    #[error("there is no memory of that key; `list` tells what there is")]
    NotFound,
    /// There is no such folder.
    #[error("there is no folder {path:?}; `set` makes one")]
    NoFolder {
        /// Where none is.
        path: PathBuf,
    },
    /// A file is damaged. It is left as it is: nothing is set, deleted or read there.
    #[error("{file:?} is no memory: {fault}; mend it by hand, or move it elsewhere and set its key anew")]
    Corrupt {
        /// The name of the file.
        file: String,
        /// What is wrong with it.
        fault: MemoryFault,
    },
    /// What was given cannot be kept.
    #[error("{part} cannot be used: {reason}")]
    Invalid {
        /// What cannot.
        part: MemoryPart,
        /// Why.
        reason: InvalidPart,
    },
    /// What was given is too long.
    #[error("{part} has too many bytes, at most {at_most} are kept: say less, and name where the rest is")]
    TooLarge {
        /// What is.
        part: MemoryPart,
        /// How many bytes it has, as far as they were read.
        actual: usize,
        /// How many it may have.
        at_most: usize,
    },
    /// The folder is full.
    #[error("there are {MAX_MEMORIES} memories already: delete some")]
    TooMany,
    /// It holds what looks like a secret.
    #[error(
        "{part} holds what looks like a secret, by itself or by the key: take it out, and name where it is kept instead"
    )]
    Secret {
        /// What does.
        part: MemoryPart,
    },
    /// It is nothing that is safe to touch.
    #[error(transparent)]
    UnsafeTarget(#[from] UnsafeTarget),
    /// It could not be changed, and is as it was.
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    /// It was changed, and it is not known whether that outlives a crash of the machine.
    #[error(transparent)]
    Indeterminate(#[from] Indeterminate),
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] NotRead),
}

impl MemoryError {
    /// Its kind in a word, for machines: `not_found`, `corrupt`, `invalid`, `too_large`, `too_many`, `secret`,
    /// `unsafe_target`, `not_applied`, `indeterminate`, `io`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoFolder { .. } => "not_found",
            Self::Corrupt { .. } => "corrupt",
            Self::Invalid { .. } => "invalid",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany => "too_many",
            Self::Secret { .. } => "secret",
            Self::UnsafeTarget(_) => "unsafe_target",
            Self::NotApplied(_) => "not_applied",
            Self::Indeterminate(_) => "indeterminate",
            Self::Io(_) => "io",
        }
    }
}

impl From<FolderError> for MemoryError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Missing { .. } => Self::NotFound,
            FolderError::TooLarge { path, .. } => {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self::Corrupt { file, fault: MemoryFault::TooLarge }
            }
            FolderError::Unsafe(error) => Self::UnsafeTarget(error),
            FolderError::NotApplied(error) => Self::NotApplied(error),
            FolderError::Indeterminate(error) => Self::Indeterminate(error),
            FolderError::NotRead(error) => Self::Io(error),
        }
    }
}
