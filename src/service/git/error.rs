//! [`GitError`]: why a command of git failed.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a command of git failed. Its texts begin with what the command was for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no git on this machine.
    #[error("cannot {purpose}: there is no program git on the PATH: install git")]
    Missing {
        /// What the command was for.
        purpose: &'static str,
    },
    /// The git of this machine cannot do all that is asked of it.
    #[error("cannot {purpose}: {found:?} is too old: install git 2.31 or newer")]
    TooOld {
        /// What the command was for.
        purpose: &'static str,
        /// What it says it is.
        found: String,
    },
    /// The folder belongs to no repository.
    #[error(
        "cannot {purpose}: the folder is not in a git repository: name one that is, or run git init there"
    )]
    NotARepository {
        /// What the command was for.
        purpose: &'static str,
    },
    /// Git refused it.
    #[error("cannot {purpose}: git ended with {status} and said {said:?}")]
    Failed {
        /// What the command was for.
        purpose: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said, cut; it may name paths, never contents.
        said: String,
    },
    /// It wrote more than it may.
    #[error("cannot {purpose}: git wrote more than {at_most} bytes")]
    TooMuch {
        /// What the command was for.
        purpose: &'static str,
        /// How much it may write, in bytes.
        at_most: u64,
    },
    /// It took longer than it may, and was killed.
    #[error("cannot {purpose}: git did not end within {within:?}")]
    TimedOut {
        /// What the command was for.
        purpose: &'static str,
        /// How long it may take.
        within: Duration,
    },
    /// Nobody waits for it any more; it was killed.
    #[error("cannot {purpose}: it was cancelled")]
    Cancelled {
        /// What the command was for.
        purpose: &'static str,
    },
    /// Git could not be run, or what it wrote could not be used.
    #[error("cannot {purpose} by git")]
    Io {
        /// What the command was for.
        purpose: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl GitError {
    pub(in crate::service) fn io(purpose: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { purpose, source }
    }

    pub(super) fn start(purpose: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { purpose },
            _ => Self::Io { purpose, source },
        }
    }
}
