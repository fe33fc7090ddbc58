//! Going back: a rollback, and to a checkpoint. What is to be told of it is kept before, so that it is told at the next
//! open if the process dies in the middle.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::apply::{Ending, Left, Own, Target, apply, recover, refuse, trace};
use super::checkpoint::{manifest_of, scan_tree};
use super::diff::{Change, changes};
use super::error::SandboxError;
use super::handle::{Claim, Shared, Status};
use super::saved::Stage;
use super::state::{SandboxOperation, SandboxState};
use crate::emitter::Changes;
use crate::event::{Brief, CheckpointId, CheckpointRestored, SandboxRolledBack};

/// A way back, as it is told at its end.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    RolledBack { reason: Brief, reverted: u64, to: Option<CheckpointId> },
    Restored { checkpoint: CheckpointId, restored: u64, removed: u64 },
}

impl Way {
    /// Where the sandbox is at its end.
    fn state(&self) -> SandboxState {
        match self {
            Self::RolledBack { .. } => SandboxState::RolledBack,
            Self::Restored { .. } => SandboxState::Active,
        }
    }

    fn has_restored(&self, asked: &CheckpointId) -> bool {
        matches!(self, Self::Restored { checkpoint, .. } if checkpoint == asked)
    }

    fn has_rolled_back(&self, asked: Option<&CheckpointId>) -> bool {
        matches!(self, Self::RolledBack { to, .. } if to.as_ref() == asked)
    }
}

/// A way back that is being gone.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct WayBack {
    pub(super) way: Way,
    /// Whether the tree was entirely as after, when this was kept.
    pub(super) is_finished: bool,
}

pub(super) fn restore(
    claim: &Claim,
    checkpoint: CheckpointId,
    stop: &CancellationToken,
) -> Result<(), SandboxError> {
    let target = manifest_of(&claim.sandbox, &checkpoint)?;
    let gone = see_to_tree(claim)?;
    let now = scan_tree(claim, stop)?;
    let back = changes(&now, &target);
    if back.is_empty() && gone.is_some_and(|way| way.has_restored(&checkpoint)) {
        return Ok(());
    }
    let restored = count(&back, |change| change.leaf_after().is_some());
    let removed = count(&back, |change| change.leaf_before().is_some() && change.leaf_after().is_none());
    go(claim, &back, &Way::Restored { checkpoint, restored, removed })
}

pub(super) fn roll_back(
    claim: &Claim,
    reason: Brief,
    to: Option<CheckpointId>,
    stop: &CancellationToken,
) -> Result<(), SandboxError> {
    let sandbox = &claim.sandbox;
    let checkpoint = to.as_ref().map(|id| manifest_of(sandbox, id)).transpose()?;
    let gone = see_to_tree(claim)?;
    let now = scan_tree(claim, stop)?;
    let back = changes(&now, checkpoint.as_ref().unwrap_or(&sandbox.shared.base));
    if back.is_empty() && gone.is_some_and(|way| way.has_rolled_back(to.as_ref())) {
        return Ok(());
    }
    claim.require_change(!back.is_empty())?;
    let reverted = count(&back, |change| change.leaf_before().or(change.leaf_after()).is_some());
    go(claim, &back, &Way::RolledBack { reason, reverted, to })
}

fn count(changes: &[Change<'_>], is_counted: impl Fn(&Change<'_>) -> bool) -> u64 {
    changes.iter().filter(|change| is_counted(change)).map(|_| 1).sum()
}

fn go(claim: &Claim, back: &[Change<'_>], way: &Way) -> Result<(), SandboxError> {
    let shared = &*claim.sandbox.shared;
    let path = shared.tree_path();
    let target = Target { root: &shared.tree, path: &path, disk: &shared.home.disk };
    let settle = |ending| settle(shared, way, ending);
    let own = Own { home: &shared.home.path, settle: &settle };
    // Of an earlier one it would say the wrong thing.
    trace::remove(target, own).map_err(SandboxError::io("change", &path))?;
    shared.home.save_way(&WayBack { way: way.clone(), is_finished: false })?;
    shared.rewrites.keep(back);
    if let Err(error) = claim.noted(apply(target, &shared.store, back, own)) {
        if !matches!(error, SandboxError::Unfinished { .. }) {
            shared.rewrites.keep_undone(back);
            // Left over, it is undone and forgotten at the next open.
            drop(shared.home.remove_way());
        }
        return Err(error);
    }
    claim.tell(|status, changes| {
        status.state = way.state();
        tell(shared, status, changes, way);
    });
    // Left over, it is told once more at the next open.
    drop(shared.home.remove_way());
    Ok(())
}

/// What comes last of a way back, in the sandbox itself; done again, it does nothing.
fn settle(shared: &Shared, way: &Way, ending: Ending) -> Result<(), SandboxError> {
    let is_finished = ending == Ending::Finished;
    shared.home.save_way(&WayBack { way: way.clone(), is_finished })?;
    match way {
        Way::Restored { .. } if is_finished => shared.home.mark_active(),
        Way::Restored { .. } => Ok(()),
        Way::RolledBack { .. } if is_finished => {
            shared.save_stage(Stage::RolledBack)?;
            // Left over, it makes a later process take it for one that was written in again, which harms nothing.
            drop(shared.home.unmark_active());
            Ok(())
        }
        Way::RolledBack { .. } => {
            shared.home.mark_active()?;
            let state = shared.status.change(|status, _silent| {
                // It was killed after that was kept; what is undone is the rollback of an active one.
                if status.state == SandboxState::RolledBack {
                    status.state = SandboxState::Active;
                }
                status.state
            });
            shared.save_stage(state.into())
        }
    }
}

/// Tells that a way back was gone.
pub(super) fn tell(shared: &Shared, status: &Status, changes: &mut Changes<'_>, way: &Way) {
    match way.clone() {
        Way::RolledBack { reason, reverted, to } => {
            changes.emit_in(&status.scope, || {
                let mut details = SandboxRolledBack::new(&shared.id, reason, reverted);
                details.to_checkpoint = to;
                details
            });
        }
        Way::Restored { checkpoint, restored, removed } => {
            let details = || CheckpointRestored::new(checkpoint, &shared.id, restored, removed);
            changes.emit_in(&status.scope, details);
        }
    }
}

/// Finishes or undoes what an earlier way back of this process left in the middle. Returns the way if it is gone now,
/// and told.
pub(super) fn see_to_tree(claim: &Claim) -> Result<Option<Way>, SandboxError> {
    let shared = &*claim.sandbox.shared;
    let is_pending = shared.status.read(|status| status.pending.is_some_and(SandboxOperation::is_way_back));
    let begun = is_pending.then(|| shared.home.load_way()).transpose()?.flatten();
    let way = recover_tree(shared, begun.as_ref(), &mut refuse)?;
    if is_pending {
        claim.tell(|status, changes| {
            status.pending = None;
            if let Some(way) = &way {
                status.state = way.state();
                tell(shared, status, changes, way);
            }
        });
        // Left over, it is told once more at the next open.
        drop(shared.home.remove_way());
    }
    Ok(way)
}

/// Finishes or undoes what was being changed in the tree itself: the way back that was `begun`, or litter of an earlier
/// one. Returns the way if it is gone and to be told.
pub(super) fn recover_tree(
    shared: &Shared,
    begun: Option<&WayBack>,
    heed: &mut dyn FnMut(Left) -> Result<(), SandboxError>,
) -> Result<Option<Way>, SandboxError> {
    let path = shared.tree_path();
    let target = Target { root: &shared.tree, path: &path, disk: &shared.home.disk };
    let found = Cell::new(None);
    let note = |ending| {
        found.set(Some(ending));
        begun.map_or(Ok(()), |begun| settle(shared, &begun.way, ending))
    };
    let own = Own { home: &shared.home.path, settle: &note };
    recover(target, Some(own), heed)?;
    let Some(WayBack { way, is_finished }) = begun else {
        return Ok(None);
    };
    if found.get().is_none()
        && let Some(ending) = trace::of(target, own)?
    {
        note(ending)?;
        // Left over, it is taken away before the next way back.
        drop(trace::remove(target, own));
    }
    let is_gone = found.get().map_or(*is_finished, |ending| ending == Ending::Finished);
    Ok(is_gone.then(|| way.clone()))
}
