//! The commit of a sandbox to its project: all or nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::apply::{Ending, Own, Planned, Target, apply, recover, refuse, trace};
use super::checkpoint::{scan_tree, store_contents};
use super::conflict::outstanding;
use super::diff::{Change, SandboxDiff, changes, diff};
use super::error::SandboxError;
use super::handle::{Claim, Sandbox, Shared, Status};
use super::lock::{Use, lock_project};
use super::recover::resolve;
use super::saved::{Counts, Intent, Stage};
use super::state::{SandboxOperation, SandboxState};
use super::tree::Manifest;
use super::{SandboxService, worktree::Recorded};
use crate::emitter::Changes;
use crate::event::{SandboxCommitted, SandboxId, SandboxStrategy};
use crate::service::time::millis;

impl SandboxService {
    /// Writes what is different in the sandbox to its project: everything, or nothing.
    ///
    /// First every path is looked for that changed in the project meanwhile; if there is one, nothing is written.
    /// The same change on both sides is no conflict. A failure while writing puts back what was written. From the
    /// moment at which all of it is prepared, a crash does not undo it: it is finished by whoever looks next.
    ///
    /// In place there is nothing to write: the changes stay, and can no longer be rolled back.
    ///
    /// Where an earlier commit of the sandbox ended in the middle, that is finished or undone first, also if the project
    /// was moved since. If a repository was, its branch cannot be: [`SandboxService::close`] gives such a commit up.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed or if nothing was written, `Busy`, `Conflicts`,
    /// `ProjectInUse`, `ProjectMoved`, `Io`, `Git`, `NotUndone`, `Unfinished`, `Damaged`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn commit(&self, sandbox: &SandboxId) -> Result<SandboxDiff, SandboxError> {
        let service = self.clone();
        self.run(sandbox, SandboxOperation::Commit, move |claim, stop| commit(&service, &claim, stop)).await
    }
}

fn commit(
    service: &SandboxService,
    claim: &Claim,
    stop: &CancellationToken,
) -> Result<SandboxDiff, SandboxError> {
    let started = Instant::now();
    let shared = &*claim.sandbox.shared;
    let now = scan_tree(claim, stop)?;
    let wanted = changes(&shared.base, &now);
    claim.require_change(!wanted.is_empty())?;
    // Of what was gone before, it must not be told after the commit.
    shared.home.remove_way().map_err(SandboxError::io("change", &shared.home.path))?;
    let (diff, counts) = if shared.strategy == SandboxStrategy::InPlace {
        keep(claim, &wanted)?
    } else if service.works_in_place(&shared.project, Use::Alone) {
        return Err(SandboxError::ProjectInUse { project: shared.project.clone() });
    } else {
        write_to_project(claim, &now, &wanted, stop)?
    };
    // Nobody waits for a lock of the project by now.
    claim.tell(|status, changes| {
        status.pending = None;
        tell_committed(shared, status, changes, counts, started.elapsed());
    });
    forget(shared, &CancellationToken::new());
    Ok(diff)
}

/// Commits in place, where the changes stand already.
fn keep(claim: &Claim, wanted: &[Change<'_>]) -> Result<(SandboxDiff, Counts), SandboxError> {
    let shared = &*claim.sandbox.shared;
    let diff = diff_of(&claim.sandbox, wanted)?;
    let counts = Counts::from(&diff);
    shared.home.save_intent(&Intent { changes: Vec::new(), diff: counts, recorded: None })?;
    shared.save_stage(Stage::Committed).inspect_err(|_failed| {
        // Left over, it is forgotten at the next open.
        drop(shared.home.remove_intent());
    })?;
    Ok((diff, counts))
}

/// Writes it to the project. Returns what was different, and what is told of it.
fn write_to_project(
    claim: &Claim,
    now: &Manifest,
    wanted: &[Change<'_>],
    stop: &CancellationToken,
) -> Result<(SandboxDiff, Counts), SandboxError> {
    let sandbox = &claim.sandbox;
    let shared = &*sandbox.shared;
    let path = &shared.project;
    let locked = lock_project(shared.project(), Use::Alone, stop).map_err(SandboxError::io("lock", path))?;
    let _lock = locked.ok_or_else(|| SandboxError::ProjectInUse { project: path.clone() })?;
    // From where it must go on to its end, whoever waits for it.
    let never = CancellationToken::new();
    if let Some(finished) = end_earlier(claim, wanted, &never)? {
        return Ok(finished);
    }
    if !shared.project().is_in_its_place().map_err(SandboxError::io("find", path))? {
        return Err(SandboxError::ProjectMoved { project: path.clone() });
    }
    let target = Target { root: &shared.project_dir, path, disk: &shared.home.disk };
    recover(target, None, &mut refuse)?;
    let missing = outstanding(&shared.project_dir, wanted)
        .map_err(|(path, source)| SandboxError::Io {
            doing: "read",
            path: shared.project.join(path),
            source,
        })?
        .map_err(|conflicts| SandboxError::Conflicts { sandbox_id: sandbox.id().clone(), conflicts })?;
    let diff = diff_of(sandbox, wanted)?;
    let recorded = record(sandbox, now, stop)?;
    if stop.is_cancelled() {
        return Err(SandboxError::Cancelled { sandbox_id: sandbox.id().clone(), operation: claim.operation });
    }
    let changes = wanted.iter().map(Planned::of).collect();
    let intent = Intent { changes, diff: Counts::from(&diff), recorded };
    let settle = |ending| settle(shared, &intent, ending, &never);
    let own = Own { home: &shared.home.path, settle: &settle };
    // Of an earlier one it would say the wrong thing.
    trace::remove(target, own).map_err(SandboxError::io("change", &shared.project))?;
    let applied = shared.home.save_intent(&intent).and_then(|()| apply(target, &shared.store, &missing, own));
    if let Err(error) = claim.noted(applied) {
        if !matches!(error, SandboxError::Unfinished { .. }) {
            forget(shared, &never);
        }
        return Err(error);
    }
    Ok((diff, intent.diff))
}

/// Finishes or undoes an earlier commit of this sandbox that is in the middle, wherever the project is by now. Returns
/// what is different now, and what is to be told, if it is finished; until that is told, it is pending.
fn end_earlier(
    claim: &Claim,
    wanted: &[Change<'_>],
    stop: &CancellationToken,
) -> Result<Option<(SandboxDiff, Counts)>, SandboxError> {
    let shared = &*claim.sandbox.shared;
    let is_pending = shared.status.read(|status| status.pending == Some(claim.operation));
    let Some(intent) = is_pending.then(|| shared.home.load_intent()).transpose()?.flatten() else {
        return Ok(None);
    };
    // Before, since once it is finished nothing may fail any more.
    let diff = diff_of(&claim.sandbox, wanted)?;
    if resolve(shared, &intent, &mut refuse, stop)? == Ending::Finished {
        return Ok(Some((diff, intent.diff)));
    }
    claim.tell(|status, _silent| status.pending = None);
    forget(shared, stop);
    Ok(None)
}

/// Stores what these changes bring and says what they are.
fn diff_of(sandbox: &Sandbox, wanted: &[Change<'_>]) -> Result<SandboxDiff, SandboxError> {
    let store = &sandbox.shared.store;
    let _new_bytes = store_contents(sandbox, wanted)?;
    diff(wanted, store, |_path, hash| store.read(hash)).map_err(|(path, source)| SandboxError::Io {
        doing: "compare",
        path,
        source,
    })
}

/// Makes a commit of git, if the sandbox is a worktree.
fn record(
    sandbox: &Sandbox,
    now: &Manifest,
    stop: &CancellationToken,
) -> Result<Option<Recorded>, SandboxError> {
    let shared = &sandbox.shared;
    let Some(worktree) = &shared.worktree else {
        return Ok(None);
    };
    let tree: &Path = &sandbox.tree();
    Ok(Some(worktree.record(sandbox.id(), (&shared.base, now), (&shared.store, tree), stop)?))
}

/// What comes last of a commit, in the sandbox itself; done again, it does nothing.
pub(super) fn settle(
    shared: &Shared,
    intent: &Intent,
    ending: Ending,
    stop: &CancellationToken,
) -> Result<(), SandboxError> {
    let git = shared.worktree.as_ref().zip(intent.recorded.as_ref());
    shared.home.disk.step("settle", "").map_err(SandboxError::io("commit to", &shared.project))?;
    match (ending, git) {
        (Ending::Finished, Some((worktree, recorded))) => worktree.advance(recorded, stop)?,
        (Ending::Undone, Some((worktree, recorded))) => worktree.go_back(recorded, stop)?,
        (_, None) => {}
    }
    match (ending, shared.status.read(|status| status.state)) {
        (Ending::Finished, _) => shared.save_stage(Stage::Committed),
        // It was killed after that was kept; what is undone is the commit of an active one.
        (Ending::Undone, SandboxState::Committed) => shared.save_stage(Stage::Active),
        (Ending::Undone, state) => shared.save_stage(state.into()),
    }
}

/// Forgets the intent of a commit that is over.
pub(super) fn forget(shared: &Shared, stop: &CancellationToken) {
    // Left over, they are forgotten at the next open.
    if let Some(worktree) = &shared.worktree {
        drop(worktree.forget(stop));
    }
    let target = Target { root: &shared.project_dir, path: &shared.project, disk: &shared.home.disk };
    drop(trace::remove(target, Own { home: &shared.home.path, settle: &|_ending| Ok(()) }));
    drop(shared.home.remove_intent());
}

/// Keeps and tells that a sandbox is committed.
pub(super) fn tell_committed(
    shared: &Shared,
    status: &mut Status,
    changes: &mut Changes<'_>,
    diff: Counts,
    took: Duration,
) {
    status.state = SandboxState::Committed;
    changes.emit_in(&status.scope, || {
        SandboxCommitted::new(
            &shared.id,
            diff.added,
            diff.changed,
            diff.removed,
            diff.lines_added,
            diff.lines_removed,
            millis(took),
        )
    });
}
