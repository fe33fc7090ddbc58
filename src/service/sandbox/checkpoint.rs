//! Checkpoints of a sandbox: making one, going back to one, forgetting old ones.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::SandboxService;
use super::diff::{Change, changes};
use super::error::SandboxError;
use super::going_back::{restore, roll_back, see_to_tree};
use super::handle::{Claim, Sandbox, Shared};
use super::place::{open_file, parent_of};
use super::state::SandboxOperation;
use super::tree::{Entry, Manifest, hash_file, scan};
use crate::event::{Brief, CheckpointCreated, CheckpointId, Hash, SandboxId, Timestamp};

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
    /// [`SandboxError`]: `Unknown`, `State` once committed, `Busy`, `Io`, `Cancelled`; `Unfinished`, `NotUndone` and
    /// `Damaged` if what a killed way back left in the tree cannot be seen to.
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
    /// [`SandboxError`]: `Unknown`, `UnknownCheckpoint`, `State` once committed, `Busy`, `Io`, `NotUndone`,
    /// `Unfinished`, `Damaged`, `Cancelled`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn restore(&self, sandbox: &SandboxId, checkpoint: &CheckpointId) -> Result<(), SandboxError> {
        let checkpoint = checkpoint.clone();
        self.run(sandbox, SandboxOperation::Restore, move |claim, stop| restore(&claim, checkpoint, stop))
            .await
    }

    /// Undoes everything that was written in the sandbox.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed or if nothing was written, `Busy`, `Io`, `NotUndone`,
    /// `Unfinished`, `Damaged`, `Cancelled`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn rollback(&self, sandbox: &SandboxId, reason: impl Into<Brief>) -> Result<(), SandboxError> {
        let reason = reason.into();
        self.run(sandbox, SandboxOperation::RollBack, move |claim, stop| {
            roll_back(&claim, reason, None, stop)
        })
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
        let work = move |claim: Claim, stop: &_| roll_back(&claim, reason, Some(checkpoint), stop);
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

pub(super) fn manifest_of(sandbox: &Sandbox, checkpoint: &CheckpointId) -> Result<Manifest, SandboxError> {
    let found = sandbox.shared.status.read(|status| {
        let found = status.checkpoints.iter().find(|c| c.facts.id == *checkpoint);
        found.map(|checkpoint| checkpoint.manifest.clone())
    });
    found.ok_or_else(|| SandboxError::UnknownCheckpoint {
        sandbox_id: sandbox.id().clone(),
        checkpoint_id: checkpoint.clone(),
    })
}

/// What stands in the tree now: what an earlier change of it left in the middle is finished or undone first.
pub(super) fn scan_tree(claim: &Claim, stop: &CancellationToken) -> Result<Manifest, SandboxError> {
    let shared = &claim.sandbox.shared;
    shared.require_tree()?;
    see_to_tree(claim)?;
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
