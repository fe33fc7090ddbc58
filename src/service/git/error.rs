//! [`GitError`]: why a command of git failed.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a command of git failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::service) enum GitError {
    #[error("cannot {purpose}: there is no program git on the PATH: install git")]
    Missing { purpose: &'static str },
    #[error("cannot {purpose}: {found:?} is too old: install git 2.31 or newer")]
    TooOld { purpose: &'static str, found: String },
    #[error(
        "cannot {purpose}: the folder is not in a git repository: name one that is, or run git init there"
    )]
    NotARepository { purpose: &'static str },
    /// What git said, cut; it may name paths, never contents.
    #[error("cannot {purpose}: git ended with {status} and said {said:?}")]
    Failed { purpose: &'static str, status: ExitStatus, said: String },
    #[error("cannot {purpose}: git wrote more than {at_most} bytes")]
    TooMuch { purpose: &'static str, at_most: u64 },
    #[error("cannot {purpose}: git did not end within {within:?}")]
    TimedOut { purpose: &'static str, within: Duration },
    /// Nobody waits for it any more.
    #[error("cannot {purpose}: it was cancelled")]
    Cancelled { purpose: &'static str },
    /// Git could not be run, or what it wrote could not be used.
    #[error("cannot {purpose} by git")]
    Io { purpose: &'static str, source: io::Error },
}

impl GitError {
    pub(super) fn io(purpose: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { purpose, source }
    }

    pub(super) fn start(purpose: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { purpose },
            _ => Self::Io { purpose, source },
        }
    }
}
