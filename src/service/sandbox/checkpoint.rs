//! Checkpoints of a sandbox: making one, going back to one, forgetting old ones.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::SandboxService;
use super::apply::{ApplyError, apply};
use super::diff::{Change, changes};
use super::error::SandboxError;
use super::handle::{Claim, Sandbox, SandboxOperation, SandboxState};
use super::place::{open_file, parent_of};
use super::tree::{Entry, Manifest, hash_file, scan};
use crate::event::{
    Brief, CheckpointCreated, CheckpointId, CheckpointRestored, Hash, SandboxId, SandboxRolledBack, Timestamp,
};

/// A state of a sandbox to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxCheckpoint {
    /// Its id.
    pub id: CheckpointId,
    /// Why it was made.
    pub reason: Brief,
    /// When it was made.
    pub created: Timestamp,
    /// How many files were different then from what the sandbox was made from.
    pub files: u64,
    /// How many bytes had to be stored for it.
    pub new_bytes: u64,
}

/// A checkpoint with everything that stood in the tree.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    facts: SandboxCheckpoint,
    manifest: Manifest,
}

impl SandboxService {
    /// Makes a checkpoint. Contents that are stored already cost nothing again.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed, `Busy`, `Io`.
    ///
    /// # Cancel safety
    /// Dropped, it makes no checkpoint, or has made it.
    pub async fn checkpoint(
        &self,
        sandbox: &SandboxId,
        reason: impl Into<Brief>,
    ) -> Result<SandboxCheckpoint, SandboxError> {
        let reason = reason.into();
        self.run(sandbox, SandboxOperation::Checkpoint, move |claim, stop| make(claim, reason, stop)).await
    }

    /// Puts the sandbox back to a checkpoint; it is active afterwards.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `UnknownCheckpoint`, `State` once committed, `Busy`, `Io`, `NotUndone`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn restore(&self, sandbox: &SandboxId, checkpoint: &CheckpointId) -> Result<(), SandboxError> {
        let checkpoint = checkpoint.clone();
        self.run(sandbox, SandboxOperation::Restore, move |claim, stop| restore(claim, checkpoint, stop))
            .await
    }

    /// Undoes everything that was written in the sandbox.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed or if nothing was written, `Busy`, `Io`, `NotUndone`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn rollback(&self, sandbox: &SandboxId, reason: impl Into<Brief>) -> Result<(), SandboxError> {
        let reason = reason.into();
        self.run(sandbox, SandboxOperation::RollBack, move |claim, stop| roll_back(claim, reason, None, stop))
            .await
    }

    /// Undoes what was written in the sandbox since a checkpoint.
    ///
    /// # Errors
    /// Those of [`SandboxService::rollback`], and `UnknownCheckpoint`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn rollback_to(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        reason: impl Into<Brief>,
    ) -> Result<(), SandboxError> {
        let (checkpoint, reason) = (checkpoint.clone(), reason.into());
        let work = move |claim, stop: &_| roll_back(claim, reason, Some(checkpoint), stop);
        self.run(sandbox, SandboxOperation::RollBack, work).await
    }

    /// The checkpoints of a sandbox, oldest first.
    ///
    /// # Errors
    /// [`SandboxError::Unknown`].
    pub fn list_checkpoints(&self, sandbox: &SandboxId) -> Result<Vec<SandboxCheckpoint>, SandboxError> {
        let sandbox = self.get(sandbox)?;
        Ok(sandbox.shared.status.read(|status| status.checkpoints.iter().map(|c| c.facts.clone()).collect()))
    }

    /// Forgets all but the newest `keep` checkpoints and removes the contents that only they had. Returns how many
    /// it forgot.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `Busy`, `Io`.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end.
    pub async fn prune(&self, sandbox: &SandboxId, keep: usize) -> Result<usize, SandboxError> {
        self.run(sandbox, SandboxOperation::Prune, move |claim, _stop| prune(claim, keep)).await
    }
}

fn make(claim: Claim, reason: Brief, stop: &CancellationToken) -> Result<SandboxCheckpoint, SandboxError> {
    let sandbox = claim.sandbox.clone();
    let manifest = scan_tree(&claim, stop)?;
    let different = changes(&sandbox.shared.base, &manifest);
    let files = different.iter().filter(|c| c.leaf_before().or(c.leaf_after()).is_some()).map(|_| 1).sum();
    let new_bytes = store_contents(&sandbox, &different)?;
    let id = CheckpointId::generate();
    let facts = SandboxCheckpoint { id, reason, created: Timestamp::now(), files, new_bytes };
    claim.finish(|status, changes| {
        status.checkpoints.push(Checkpoint { facts: facts.clone(), manifest });
        changes.emit_in(&status.scope, || {
            CheckpointCreated::new(
                &facts.id,
                sandbox.id(),
                facts.reason.clone(),
                facts.files,
                facts.new_bytes,
            )
        });
    });
    Ok(facts)
}

fn restore(claim: Claim, checkpoint: CheckpointId, stop: &CancellationToken) -> Result<(), SandboxError> {
    let sandbox = claim.sandbox.clone();
    let target = manifest_of(&sandbox, &checkpoint)?;
    let now = scan_tree(&claim, stop)?;
    let back = changes(&now, &target);
    apply_to_tree(&sandbox, &back)?;
    let restored = back.iter().filter(|change| change.leaf_after().is_some()).map(|_| 1).sum();
    let removed = back.iter().filter(|c| c.leaf_before().is_some() && c.leaf_after().is_none());
    let removed = removed.map(|_| 1).sum();
    claim.finish(|status, changes| {
        status.state = SandboxState::Active;
        let details = || CheckpointRestored::new(checkpoint, sandbox.id(), restored, removed);
        changes.emit_in(&status.scope, details);
    });
    Ok(())
}

fn roll_back(
    claim: Claim,
    reason: Brief,
    to: Option<CheckpointId>,
    stop: &CancellationToken,
) -> Result<(), SandboxError> {
    let sandbox = claim.sandbox.clone();
    let checkpoint = to.as_ref().map(|id| manifest_of(&sandbox, id)).transpose()?;
    let now = scan_tree(&claim, stop)?;
    let back = changes(&now, checkpoint.as_ref().unwrap_or(&sandbox.shared.base));
    claim.require_change(!back.is_empty())?;
    apply_to_tree(&sandbox, &back)?;
    let reverted = back.iter().filter(|c| c.leaf_before().or(c.leaf_after()).is_some()).map(|_| 1).sum();
    claim.finish(|status, changes| {
        status.state = SandboxState::RolledBack;
        changes.emit_in(&status.scope, || {
            let mut details = SandboxRolledBack::new(sandbox.id(), reason, reverted);
            details.to_checkpoint = to;
            details
        });
    });
    Ok(())
}

fn prune(claim: Claim, keep: usize) -> Result<usize, SandboxError> {
    let sandbox = claim.sandbox.clone();
    let (forgotten, needed) = claim.sandbox.shared.status.change(|status, _silent| {
        let forgotten = status.checkpoints.len().saturating_sub(keep);
        status.checkpoints.drain(..forgotten);
        let manifests = status.checkpoints.iter().map(|checkpoint| &checkpoint.manifest);
        let needed: HashSet<Hash> = manifests.flat_map(Manifest::values).filter_map(hash_of).collect();
        (forgotten, needed)
    });
    let needed = needed.into_iter().chain(sandbox.shared.base.values().filter_map(hash_of)).collect();
    sandbox.shared.store.retain(&needed).map_err(SandboxError::io("prune", &sandbox.store_path()))?;
    claim.finish(|_status, _silent| ());
    Ok(forgotten)
}

fn hash_of(entry: &Entry) -> Option<Hash> {
    match entry {
        Entry::File { hash, .. } => Some(*hash),
        Entry::Link { .. } | Entry::Directory { .. } => None,
    }
}

fn manifest_of(sandbox: &Sandbox, checkpoint: &CheckpointId) -> Result<Manifest, SandboxError> {
    let found = sandbox.shared.status.read(|status| {
        let found = status.checkpoints.iter().find(|c| c.facts.id == *checkpoint);
        found.map(|checkpoint| checkpoint.manifest.clone())
    });
    found.ok_or_else(|| SandboxError::UnknownCheckpoint {
        sandbox_id: sandbox.id().clone(),
        checkpoint_id: checkpoint.clone(),
    })
}

/// What stands in the tree now.
pub(super) fn scan_tree(claim: &Claim, stop: &CancellationToken) -> Result<Manifest, SandboxError> {
    let shared = &claim.sandbox.shared;
    scan(&shared.tree, &shared.base, stop, hash_file).map_err(claim.walk_error())
}

/// Stores what these changes bring, from the tree, and returns how many bytes that took. A file that is not any more
/// what the scan found is an error.
pub(super) fn store_contents(sandbox: &Sandbox, changes: &[Change<'_>]) -> Result<u64, SandboxError> {
    let shared = &sandbox.shared;
    let mut new_bytes = 0;
    for change in changes {
        let Some(Entry::File { hash, .. }) = change.to else {
            continue;
        };
        if !shared.store.contains(hash) {
            let put = parent_of(&shared.tree, change.path)
                .and_then(|(dir, name)| open_file(&dir, &name))
                .and_then(|mut file| shared.store.put(&mut file))
                .and_then(|put| {
                    if put.hash != *hash {
                        return Err(io::Error::other("it was changed by somebody else in the middle"));
                    }
                    Ok(put.new_bytes)
                });
            new_bytes += put.map_err(SandboxError::io("store", change.path))?;
        }
    }
    Ok(new_bytes)
}

fn apply_to_tree(sandbox: &Sandbox, changes: &[Change<'_>]) -> Result<(), SandboxError> {
    let shared = &sandbox.shared;
    apply(&shared.tree, &shared.store, changes).map_err(|error| not_applied(error, &sandbox.tree()))
}

/// What a failed change of the tree at `root` means to the caller.
pub(super) fn not_applied(error: ApplyError, root: &Path) -> SandboxError {
    let ApplyError { path, source, not_undone, kept_in } = error;
    if not_undone.is_empty() {
        return SandboxError::Io { doing: "change", path: root.join(path), source };
    }
    SandboxError::NotUndone { paths: not_undone, kept_in: root.join(kept_in), source }
}
