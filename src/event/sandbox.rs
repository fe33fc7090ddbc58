//! What is told about sandboxes and their checkpoints.

use super::wire::{details, wire_enum};
use super::{Brief, CheckpointId, SandboxId};

wire_enum! {
    /// How a sandbox keeps a plan's writes from the project.
    SandboxStrategy {
        /// It is a copy of the project.
        Copy = "copy",
        /// It is a git worktree on a branch of its own.
        GitWorktree = "git_worktree",
        /// It is the project; checkpoints alone undo.
        InPlace = "in_place",
    }
}

details! {
    /// A sandbox was made.
    SandboxCreated {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// How it works.
        strategy: SandboxStrategy,
        /// How many files it holds.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// The changes in a sandbox were committed to the project.
    SandboxCommitted {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// How many files were added.
        files_added: u64,
        /// How many files were changed.
        files_changed: u64,
        /// How many files were removed.
        files_removed: u64,
        /// How many lines were added.
        lines_added: u64,
        /// How many lines were removed.
        lines_removed: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// The changes in a sandbox were undone.
    SandboxRolledBack {
        /// The sandbox.
        sandbox_id: SandboxId,
        /// Why.
        reason: Brief,
        /// How many files were put back.
        files_reverted: u64,
        @optional
        /// The checkpoint it went back to; none for the beginning.
        to_checkpoint: CheckpointId,
    }

    /// A checkpoint of a sandbox was made.
    CheckpointCreated {
        /// The checkpoint.
        checkpoint_id: CheckpointId,
        /// The sandbox.
        sandbox_id: SandboxId,
        /// Why.
        reason: Brief,
        /// How many changed files it holds.
        files: u64,
        /// How many bytes had to be stored for it.
        new_bytes: u64,
    }

    /// A sandbox was put back to a checkpoint.
    CheckpointRestored {
        /// The checkpoint.
        checkpoint_id: CheckpointId,
        /// The sandbox.
        sandbox_id: SandboxId,
        /// How many files were put back.
        files_restored: u64,
        /// How many files were removed.
        files_removed: u64,
    }
}
