//! [`SandboxState`] and [`SandboxOperation`]: where a sandbox is in its life, and what can be done to it then.

use std::fmt;

/// Where a sandbox is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxState {
    /// It was made; nothing was written in it yet.
    Created,
    /// Something was written in it.
    Active,
    /// What was written in it is in the project.
    Committed,
    /// What was written in it was undone.
    RolledBack,
    /// It is gone.
    Closed,
}

impl fmt::Display for SandboxState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Active => "active",
            Self::Committed => "committed",
            Self::RolledBack => "rolled back",
            Self::Closed => "closed",
        })
    }
}

/// What can be done to a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxOperation {
    /// Its making.
    Create,
    /// A write in it, or a command that may write.
    Write,
    /// The comparison with what it was made from.
    Diff,
    /// A checkpoint of it.
    Checkpoint,
    /// Going back to a checkpoint.
    Restore,
    /// The removal of old checkpoints.
    Prune,
    /// The commit to the project.
    Commit,
    /// The undoing of what was written.
    RollBack,
    /// Its end.
    Close,
}

impl fmt::Display for SandboxOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Write => "write in",
            Self::Diff => "diff",
            Self::Checkpoint => "checkpoint",
            Self::Restore => "restore",
            Self::Prune => "prune",
            Self::Commit => "commit",
            Self::RollBack => "roll back",
            Self::Close => "close",
        })
    }
}

impl SandboxOperation {
    /// What can be done instead in that state; none if the operation is allowed.
    pub(super) fn refusal(self, state: SandboxState) -> Option<&'static str> {
        match (state, self) {
            (SandboxState::Closed, _) => Some("create another"),
            (SandboxState::Committed, Self::Close | Self::Prune) => None,
            (SandboxState::Committed, _) => Some("close it and create another"),
            (SandboxState::Active, Self::Close) => Some("commit it or roll it back first"),
            _ => None,
        }
    }

    /// Whether that does this one again, which ended in the middle: going back in one way takes up another.
    pub(super) fn is_again(self, operation: Self) -> bool {
        self == operation || self.is_way_back() && operation.is_way_back()
    }

    pub(super) fn is_way_back(self) -> bool {
        matches!(self, Self::RollBack | Self::Restore)
    }

    /// What can be done instead while that operation is in the middle.
    pub(super) fn way_out(self) -> &'static str {
        match self {
            Self::Close => "its removal is in the middle: close it again",
            Self::Commit => {
                "its commit is in the middle: commit it again, by which that is finished or undone first"
            }
            _ => "a way back is in the middle: go it again, by which that is finished or undone first",
        }
    }
}
