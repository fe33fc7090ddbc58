//! Why a verb on checkpoints did not do what it was asked.

use std::collections::HashSet;
use std::fmt;

use super::folder::{FolderError, Indeterminate, NotApplied, NotRead, Remedy, UnsafeReason, UnsafeTarget};
use super::key_fault::KeyFault;
use super::model::{CheckpointStatus, MAX_REASON_BYTES, SCHEMA_VERSION};
use crate::journal::ReadError;

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// What was given to the verb.
    Given,
    /// A file of the folder, by its name.
    File(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("what was given"),
            Self::File(name) => fmt::Debug::fmt(name, f),
        }
    }
}

/// Why a text is no JSON that is taken. Never with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptFault {
    /// It is not UTF-8.
    #[error("it is no UTF-8")]
    Encoding,
    /// It is no JSON.
    #[error("it is no JSON at line {line}, column {column}")]
    Json {
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
    },
    /// A text in it stands for no Unicode: half of a surrogate pair.
    #[error("a text in it holds half a surrogate pair")]
    Text,
    /// Arrays and objects stand in each other too deep.
    #[error("it is nested more than {at_most} deep")]
    TooDeep {
        /// How deep they may.
        at_most: usize,
    },
}

/// Why something of the right form is not what the verb needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Nonconformity {
    /// It is of another version.
    #[error("it has schema_version {found}, this version reads {SCHEMA_VERSION}")]
    Version {
        /// The version it has.
        found: u64,
    },
    /// It was changed, or abandoned, before it was made.
    #[error("updated_at or abandoned_at is before created_at")]
    Times,
    /// It says why it was abandoned and is not, or is and does not say all of why.
    #[error("its status and its disposition contradict each other")]
    Disposition,
    /// What it says of why it was abandoned is nothing that could have been given: somebody wrote it by hand.
    #[error("its reason is not a text of 1 to {MAX_REASON_BYTES} bytes without control characters")]
    Reason,
    /// Its agent is not among those that are allowed.
    #[error("its agent is none of those that are allowed here")]
    Agent,
    /// Only an active one can be changed so.
    #[error("it is {}, and only an active one can be changed so", status.as_str())]
    NotActive {
        /// What it is.
        status: CheckpointStatus,
    },
    /// Only a malformed one is put in quarantine.
    #[error("it is a sound checkpoint, and only malformed ones are put in quarantine: resolve or abandon it")]
    Sound,
}

/// Why a verb on checkpoints did not do what it was asked. Never with what a checkpoint holds; keys are named, unless
/// they look like secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// There is none.
    #[error("there is no {what}")]
    NotFound {
        /// What there is not, and what to do.
        what: String,
    },
    /// It is no JSON.
    #[error("{subject} is corrupt: {fault}")]
    Corrupt {
        /// What is.
        subject: Subject,
        /// Why.
        fault: CorruptFault,
    },
    /// It is JSON, and no checkpoint.
    #[error("{subject} is no checkpoint: {}", listed(faults))]
    Invalid {
        /// What is not.
        subject: Subject,
        /// All that is wrong with it.
        faults: Vec<KeyFault>,
    },
    /// It is a checkpoint, and not one that the verb can take.
    #[error("{subject} cannot be used: {reason}")]
    NotConforming {
        /// What cannot.
        subject: Subject,
        /// Why.
        reason: Nonconformity,
    },
    /// It is nothing that is safe to touch.
    #[error(transparent)]
    UnsafeTarget(#[from] UnsafeTarget),
    /// It is too long.
    #[error("{subject} has more than {at_most} bytes")]
    TooLarge {
        /// What is.
        subject: Subject,
        /// How many bytes it may have.
        at_most: usize,
    },
    /// It holds what looks like a secret.
    #[error("{subject} holds what looks like a secret: take it out, and name where it is kept instead")]
    Secret {
        /// What does.
        subject: Subject,
    },
    /// It could not be changed, and is as it was.
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    /// It was changed, and it is not known whether that outlives a crash of the machine.
    #[error(transparent)]
    Indeterminate(#[from] Indeterminate),
    /// The journal could not be read.
    #[error("cannot read the journal")]
    Journal(#[source] ReadError),
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] NotRead),
}

impl CheckpointError {
    /// Its kind in a word, for machines: `not_found`, `corrupt`, `invalid`, `not_conforming`, `unsafe_target`,
    /// `too_large`, `secret`, `not_applied`, `indeterminate`, `journal`, `io`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Corrupt { .. } => "corrupt",
            Self::Invalid { .. } => "invalid",
            Self::NotConforming { .. } => "not_conforming",
            Self::UnsafeTarget(_) => "unsafe_target",
            Self::TooLarge { .. } => "too_large",
            Self::Secret { .. } => "secret",
            Self::NotApplied(_) => "not_applied",
            Self::Indeterminate(_) => "indeterminate",
            Self::Journal(_) => "journal",
            Self::Io(_) => "io",
        }
    }

    /// What is to be done with a file that this is said of.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "nothing: it is gone",
            Self::NotConforming { reason: Nonconformity::Version { .. }, .. } => {
                "read it by the version that wrote it, or put it in quarantine"
            }
            Self::NotConforming { reason: Nonconformity::Agent, .. } => {
                "allow its agent, or put it in quarantine"
            }
            Self::Corrupt { .. }
            | Self::Invalid { .. }
            | Self::NotConforming { .. }
            | Self::TooLarge { .. } => "mend it by hand, or put it in quarantine",
            Self::UnsafeTarget(UnsafeTarget { reason: UnsafeReason::NotACheckpoint, .. }) => {
                "give it another name by hand"
            }
            Self::UnsafeTarget(_) => "look at what it is, and move it elsewhere by hand",
            Self::Secret { .. } => "take the secret out by hand, and change it where it is used",
            Self::Journal(_) | Self::NotApplied(_) => "see to the cause, and try again",
            Self::Indeterminate(Indeterminate { remedy: Remedy::Again, .. }) => {
                "see to the cause, and do it again"
            }
            Self::Indeterminate(_) => "see to the cause; the next change in its folder makes sure of it",
            Self::Io(_) => "see to the cause: most often, who may read it",
        }
    }

    /// Whether the file that this is said of is malformed, so that it can be put in quarantine.
    pub(super) const fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Invalid { .. }
                | Self::NotConforming { .. }
                | Self::TooLarge { .. }
                | Self::Secret { .. }
        )
    }
}

fn listed(faults: &[KeyFault]) -> String {
    let mut told = HashSet::new();
    let lines = faults.iter().map(ToString::to_string);
    // Keys that differ in what is left out of them are told alike.
    lines.filter(|line| told.insert(line.clone())).collect::<Vec<_>>().join("; ")
}

impl From<FolderError> for CheckpointError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Missing { path } => {
                Self::NotFound { what: format!("{:?}: `list` tells what there is", path.display()) }
            }
            FolderError::TooLarge { path, at_most } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self::TooLarge { subject: Subject::File(name), at_most }
            }
            FolderError::Unsafe(error) => Self::UnsafeTarget(error),
            FolderError::NotApplied(error) => Self::NotApplied(error),
            FolderError::Indeterminate(error) => Self::Indeterminate(error),
            FolderError::NotRead(error) => Self::Io(error),
        }
    }
}
