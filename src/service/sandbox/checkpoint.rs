//! Checkpoints of a sandbox: making one, going back to one, forgetting old ones.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::SandboxService;
use super::apply::{Ending, Target, apply, recover};
use super::diff::{Change, changes};
use super::error::SandboxError;
use super::handle::{Claim, Sandbox, SandboxOperation, SandboxState, Shared};
use super::place::{open_file, parent_of};
use super::saved::Stage;
use super::tree::{Entry, Manifest, hash_file, scan};
use crate::event::{
    Brief, CheckpointCreated, CheckpointId, CheckpointRestored, Hash, SandboxId, SandboxRolledBack, Timestamp,
};

/// A state of a sandbox to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(super) facts: SandboxCheckpoint,
    pub(super) manifest: Manifest,
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
        Ok(sandbox.shared.status.read(|status| facts_of(&status.checkpoints)))
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
    keep(&sandbox, &facts, &manifest)?;
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

/// Keeps a checkpoint on disk: what it lists, then that there is one.
fn keep(sandbox: &Sandbox, facts: &SandboxCheckpoint, manifest: &Manifest) -> Result<(), SandboxError> {
    let shared = &sandbox.shared;
    shared.home.save_checkpoint(&facts.id, manifest)?;
    let (state, mut all) = shared.status.read(|status| (status.state, facts_of(&status.checkpoints)));
    all.push(facts.clone());
    shared.save(state.into(), all).inspect_err(|_failed| {
        // It is listed nowhere, so it is litter.
        drop(shared.home.remove_checkpoint(&facts.id));
    })
}

pub(super) fn facts_of(checkpoints: &[Checkpoint]) -> Vec<SandboxCheckpoint> {
    checkpoints.iter().map(|checkpoint| checkpoint.facts.clone()).collect()
}

fn restore(claim: Claim, checkpoint: CheckpointId, stop: &CancellationToken) -> Result<(), SandboxError> {
    let sandbox = claim.sandbox.clone();
    let target = manifest_of(&sandbox, &checkpoint)?;
    let now = scan_tree(&claim, stop)?;
    let back = changes(&now, &target);
    apply_to_tree(&sandbox, &back, &|ending| match ending {
        Ending::Finished => sandbox.shared.home.mark_active(),
        Ending::Undone => Ok(()),
    })?;
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
    apply_to_tree(&sandbox, &back, &|ending| match ending {
        Ending::Finished => sandbox.shared.save_stage(Stage::RolledBack),
        Ending::Undone => sandbox.shared.save_stage(sandbox.state().into()),
    })?;
    // Left over, it makes a later process take the sandbox for one that was written in again, which harms nothing.
    drop(sandbox.shared.home.unmark_active());
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
    let shared = &sandbox.shared;
    let (state, mut gone) = shared.status.read(|status| (status.state, facts_of(&status.checkpoints)));
    let kept = gone.split_off(gone.len().saturating_sub(keep));
    if !gone.is_empty() {
        shared.save(state.into(), kept)?;
    }
    let needed = claim.tell(|status, _silent| {
        status.checkpoints.drain(..gone.len());
        let manifests = status.checkpoints.iter().map(|checkpoint| &checkpoint.manifest);
        manifests.chain([&shared.base]).flat_map(Manifest::values).filter_map(hash_of).collect::<HashSet<_>>()
    });
    for checkpoint in &gone {
        shared.home.remove_checkpoint(&checkpoint.id)?;
    }
    shared.store.retain(&needed).map_err(SandboxError::io("prune", &sandbox.store_path()))?;
    claim.finish(|_status, _silent| ());
    Ok(gone.len())
}

pub(super) fn hash_of(entry: &Entry) -> Option<Hash> {
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

/// Stores what these changes bring, from the tree, and returns how many bytes that took; it outlives a crash of the
/// machine. A file that is not any more what the scan found is an error.
pub(super) fn store_contents(sandbox: &Sandbox, changes: &[Change<'_>]) -> Result<u64, SandboxError> {
    let shared = &sandbox.shared;
    let mut new_bytes = 0;
    for change in changes {
        let Some(Entry::File { hash, .. }) = change.to else {
            continue;
        };
        if !shared.store.contains(hash) {
            new_bytes +=
                store_file(shared, change.path, hash).map_err(SandboxError::io("store", change.path))?;
        }
    }
    shared.store.sync().map_err(SandboxError::io("store", &sandbox.store_path()))?;
    Ok(new_bytes)
}

fn store_file(shared: &Shared, path: &Path, hash: &Hash) -> io::Result<u64> {
    let (dir, name) = parent_of(&shared.tree, path)?;
    let put = shared.store.put(&mut open_file(&dir, &name)?)?;
    if put.hash != *hash {
        return Err(io::Error::other("it was changed by somebody else in the middle"));
    }
    shared.store.sync_content(hash)?;
    Ok(put.new_bytes)
}

fn apply_to_tree(
    sandbox: &Sandbox,
    changes: &[Change<'_>],
    settle: &dyn Fn(Ending) -> Result<(), SandboxError>,
) -> Result<(), SandboxError> {
    let shared = &sandbox.shared;
    let path = sandbox.tree();
    let target = Target { root: &shared.tree, path: &path, disk: &shared.home.disk };
    // What an earlier change left there.
    recover(target, &|_name, _ending| Ok(()))?;
    shared.rewrites.keep(changes);
    apply(target, &shared.store, &sandbox.id().to_string(), changes, settle)
}
