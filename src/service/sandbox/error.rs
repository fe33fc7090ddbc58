//! [`SandboxError`]: why an operation on a sandbox was refused or failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::state::{SandboxOperation, SandboxState};
use super::tree::WalkError;
use crate::event::{CheckpointId, SandboxId, SandboxStrategy};
use crate::service::git::GitError;

/// How many conflicts the text of an error names.
const NAMED_CONFLICTS: usize = 5;

/// Why an operation on a sandbox was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The project is not one that the strategy can work with.
    #[error("cannot make a sandbox of strategy {strategy} of {}: {reason}", project.display())]
    Unsupported {
        /// The strategy asked for.
        strategy: SandboxStrategy,
        /// The project.
        project: PathBuf,
        /// Why, and what can be done instead.
        reason: &'static str,
    },
    /// Somebody else works in place in the project, in a folder of it or in one that holds it, or has been copying or
    /// changing it for too long.
    #[error(
        "cannot use the project {}: another sandbox works in it or changes it: wait for its end or close it",
        project.display()
    )]
    ProjectInUse {
        /// The project.
        project: PathBuf,
    },
    /// The folder of which the sandbox was made does not stand in its place any more. Nothing was written.
    ///
    /// To give the sandbox up, roll it back and [close](crate::service::sandbox::SandboxService::close) it; one that
    /// could not be opened, [discard](crate::service::sandbox::SandboxService::discard).
    #[error(
        "cannot use the project {}: its folder was moved, or another one stands there: put it back, or give the \
         sandbox up",
        project.display()
    )]
    ProjectMoved {
        /// Where it stood.
        project: PathBuf,
    },
    /// A change of the project was killed or failed in the middle, and could not be finished or undone; or it was, and
    /// that could not be kept. It is tried again by whoever next makes a sandbox of the project, commits to it, or opens
    /// the sandboxes.
    #[error(
        "cannot finish or undo a change of {}: what it takes is in {}: see to the cause and open it again",
        project.display(), staging.display()
    )]
    Unfinished {
        /// The project, or the tree of a sandbox.
        project: PathBuf,
        /// The folder with the log of the change, what it brings and what it replaced.
        staging: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that says what a sandbox is, or how far a change came, cannot be read. Nothing was changed because of it.
    #[error(
        "cannot read {}: {reason}; if what is beside it is not needed any more, remove its folder",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Git could not do its part.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no such sandbox, or it was closed.
    #[error("there is no open sandbox {sandbox_id}")]
    Unknown {
        /// The sandbox asked for.
        sandbox_id: SandboxId,
    },
    /// The sandbox has no such checkpoint.
    #[error("sandbox {sandbox_id} has no checkpoint {checkpoint_id}")]
    UnknownCheckpoint {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// The checkpoint asked for.
        checkpoint_id: CheckpointId,
    },
    /// The state of the sandbox does not allow it.
    #[error("cannot {operation} sandbox {sandbox_id} while it is {state}: {way_out}")]
    State {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// The state it is in.
        state: SandboxState,
        /// What was asked for.
        operation: SandboxOperation,
        /// What can be done instead.
        way_out: &'static str,
    },
    /// Something else is being done to the sandbox.
    #[error(
        "cannot {operation} sandbox {sandbox_id} while something else ({running}) runs in it: wait for its end"
    )]
    Busy {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// What was asked for.
        operation: SandboxOperation,
        /// What is being done.
        running: SandboxOperation,
    },
    /// The project changed meanwhile where the sandbox did. Nothing was written.
    #[error("cannot commit sandbox {sandbox_id}: {} changed in the project meanwhile: {}",
        Count(conflicts.len()), Named(conflicts))]
    Conflicts {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// Every path where both changed.
        conflicts: Vec<Conflict>,
    },
    /// A file or folder could not be read or written. What had been changed was put back.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// An operation failed in the middle and could not be undone completely.
    #[error("cannot undo the failed change of {}: the originals are kept in {}", list(paths), kept_in.display())]
    NotUndone {
        /// What could not be put back.
        paths: Vec<PathBuf>,
        /// The folder that holds what was there before.
        kept_in: PathBuf,
        /// Why the operation failed.
        source: io::Error,
    },
    /// Nobody waits for the operation any more; nothing was changed.
    #[error("the {operation} of sandbox {sandbox_id} was cancelled")]
    Cancelled {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// What was asked for.
        operation: SandboxOperation,
    },
}

impl SandboxError {
    /// An error of reading or writing `path`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// What a failed walk means to `operation`.
    pub(super) fn walk(
        sandbox_id: &SandboxId,
        operation: SandboxOperation,
    ) -> impl FnOnce(WalkError) -> Self {
        let sandbox_id = sandbox_id.clone();
        move |error| match error {
            WalkError::Stopped => Self::Cancelled { sandbox_id, operation },
            WalkError::Io { path, source } => Self::Io { doing: "read", path, source },
        }
    }
}

/// A path that was changed both in a sandbox and, meanwhile, in the project.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The path, relative to the project.
    pub path: PathBuf,
    /// What happened to it in the project.
    pub kind: ConflictKind,
}

/// What happened in the project to a path that a sandbox changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictKind {
    /// Something was put there.
    Added,
    /// It is not what it was.
    Changed,
    /// It is gone.
    Removed,
    /// A folder on the way to it is gone or no folder any more.
    Unreachable,
    /// It is a folder that holds something new, so that it cannot be replaced.
    NotEmpty,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Unreachable => "unreachable",
            Self::NotEmpty => "not empty",
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.kind)
    }
}

struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { "path" } else { "paths" })
    }
}

struct Named<'a>(&'a [Conflict]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, conflict) in self.0.iter().take(NAMED_CONFLICTS).enumerate() {
            let separator = if nth == 0 { "" } else { ", " };
            write!(f, "{separator}{conflict}")?;
        }
        match self.0.len().checked_sub(NAMED_CONFLICTS) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
