//! Opening what earlier processes left.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::apply::{Ending, Left, Own, Planned, Target, recover, trace};
use super::checkpoint::Checkpoint;
use super::commit::{forget, settle, tell_committed};
use super::conflict::has_all;
use super::error::SandboxError;
use super::going_back::{self, Way, recover_tree};
use super::handle::{Sandbox, Shared, Status};
use super::homes::{Found, lock_homes};
use super::lock::{Lock, Project, Use, try_lock_project};
use super::place::{is_absent, open_dir, open_root, stands_at};
use super::remove::{Spot, dismantle_in};
use super::rewrites::Rewrites;
use super::saved::{Counts, Home, Intent, Saved, Stage};
use super::state::SandboxState;
use super::store::Store;
use super::{STORE, SandboxService, TREE};
use crate::emitter::Outbox;
use crate::event::{SandboxId, SandboxStrategy, Scope};

/// What [`SandboxService::open`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// The sandboxes that are open again.
    pub reopened: Vec<SandboxId>,
    /// Those whose commit was killed and is finished now: they are committed.
    pub finished: Vec<SandboxId>,
    /// Those whose commit was killed and is undone now: the project is as it was before.
    pub undone: Vec<SandboxId>,
    /// Those that were not whole yet, or half removed: nothing is left of them.
    pub removed: Vec<SandboxId>,
    /// Those that a live process uses, or whose project is in use: they were left alone. A project may be in use by a
    /// sandbox that was opened just before, and works in place in it, in one inside it or in one that holds it.
    pub in_use: Vec<SandboxId>,
    /// Those that could not be opened, with the folder of each; they were left as they are, to be opened again, or given
    /// up by [`SandboxService::discard`].
    pub unreadable: Vec<(PathBuf, SandboxError)>,
    /// Where originals are that were not put back, since somebody else had changed their place meanwhile.
    pub kept: Vec<SandboxError>,
}

/// What became of one sandbox.
enum Outcome {
    InUse,
    Removed,
    Open(Box<Opened>),
}

/// A sandbox that is open again.
struct Opened {
    sandbox: Sandbox,
    /// Its commit, if that was killed, and what became of it.
    commit: Option<(Ending, Counts)>,
    /// A way back of it that is gone.
    way: Option<Way>,
    kept: Vec<SandboxError>,
}

impl SandboxService {
    /// Those in the root, of which `handle` is if it is given.
    pub(super) fn reopen_all(
        &self,
        handle: Option<Dir>,
        stop: &CancellationToken,
    ) -> Result<Recovered, SandboxError> {
        let mut recovered = Recovered::default();
        let root = &self.inner.root;
        if handle.is_none() && !root.exists() {
            return Ok(recovered);
        }
        let root = root.canonicalize().map_err(SandboxError::io("find", root))?;
        let dir = handle.map_or_else(|| open_root(&root), Ok).map_err(SandboxError::io("open", &root))?;
        if !stands_at(&dir, &root).map_err(SandboxError::io("find", &root))? {
            let moved = io::Error::new(io::ErrorKind::NotFound, "another folder stands there");
            return Err(SandboxError::io("open", &root)(moved));
        }
        // Told when nobody waits for a lock of the root or of a project any more.
        for opened in self.reopen_homes((&dir, &root), &mut recovered, stop)? {
            self.take_over(opened, &mut recovered);
        }
        Ok(recovered)
    }

    fn reopen_homes(
        &self,
        root: (&Dir, &Path),
        recovered: &mut Recovered,
        stop: &CancellationToken,
    ) -> Result<Vec<Opened>, SandboxError> {
        let mut found = lock_homes(root, recovered, stop)?;
        // Last, since each keeps its project for itself from then on.
        found.sort_by_cached_key(Found::is_in_place);
        let mut all = Vec::new();
        for found in found {
            let (id, path) = (found.id.clone(), found.path.clone());
            match self.reopen(root.0, found) {
                Ok(Outcome::InUse) => recovered.in_use.push(id),
                Ok(Outcome::Removed) => recovered.removed.push(id),
                Ok(Outcome::Open(opened)) => all.push(*opened),
                Err(error) => recovered.unreadable.push((path, error)),
            }
        }
        Ok(all)
    }

    fn take_over(&self, opened: Opened, recovered: &mut Recovered) {
        let sandbox = opened.sandbox;
        let shared = &*sandbox.shared;
        let id = sandbox.id().clone();
        recovered.kept.extend(opened.kept);
        recovered.reopened.push(id.clone());
        self.sandboxes().insert(id.clone(), sandbox.clone());
        if let Some(way) = &opened.way {
            shared.status.change(|status, changes| going_back::tell(shared, status, changes, way));
        }
        // Left over, it is told once more at the next open.
        drop(shared.home.remove_way());
        let Some((ending, diff)) = opened.commit else {
            return;
        };
        shared.status.change(|status, changes| match ending {
            // Whether it was told before it was killed nobody knows; it is told once more rather than not at all.
            Ending::Finished => tell_committed(shared, status, changes, diff, Duration::ZERO),
            Ending::Undone if status.state == SandboxState::Committed => status.state = SandboxState::Active,
            Ending::Undone => {}
        });
        forget(shared, &CancellationToken::new());
        let list = if ending == Ending::Finished { &mut recovered.finished } else { &mut recovered.undone };
        list.push(id);
    }

    fn reopen(&self, root: &Dir, Found { id, path, dir, lock }: Found) -> Result<Outcome, SandboxError> {
        // It goes on to its end, once it began.
        let stop = &CancellationToken::new();
        let home = Home::within(&dir, &path, self.inner.disk.clone())?;
        let saved = match home.load()? {
            Some(saved) if !matches!(saved.stage, Stage::Making | Stage::Closing) => saved,
            _ => {
                dismantle_in(Spot { root, dir: &dir, path: &path }, &self.inner.disk)?;
                return Ok(Outcome::Removed);
            }
        };
        if saved.sandbox_id != id {
            return Err(SandboxError::Damaged { path, reason: "it is another sandbox's" });
        }
        let project = &saved.project;
        let project_dir = open_root(project).map_err(|error| match error {
            error if is_absent(&error) => SandboxError::ProjectMoved { project: project.clone() },
            error => SandboxError::io("open", project)(error),
        })?;
        let intent = home.load_intent()?;
        let needs_project = intent.is_some() || saved.strategy == SandboxStrategy::InPlace;
        let project_lock = if needs_project {
            let held = try_lock_project(Project { dir: &project_dir, path: project }, Use::Alone);
            match held.map_err(SandboxError::io("lock", project))? {
                Some(lock) => Some(lock),
                None => return Ok(Outcome::InUse),
            }
        } else {
            None
        };
        let shared = self.assemble(saved, home, lock, (project_dir, project_lock))?;
        let mut kept = Vec::new();
        let mut heed = |left: Left| {
            kept.push(left.was_killed());
            Ok(())
        };
        let way = recover_way(&shared, &mut heed)?;
        let ending = intent.as_ref().map(|intent| resolve(&shared, intent, &mut heed, stop)).transpose()?;
        let commit = ending.zip(intent.map(|intent| intent.diff));
        shared.status.change(|status, _silent| {
            if shared.strategy != SandboxStrategy::InPlace {
                status.project_lock = None;
            }
        });
        Ok(Outcome::Open(Box::new(Opened { sandbox: Sandbox { shared: shared.into() }, commit, way, kept })))
    }

    fn assemble(
        &self,
        saved: Saved,
        home: Home,
        lock: Lock,
        (project_dir, project_lock): (Dir, Option<Lock>),
    ) -> Result<Shared, SandboxError> {
        let Saved { sandbox_id: id, plan_id: plan, project, strategy, stage, scope, worktree, checkpoints } =
            saved;
        let tree_path = home.path.join(TREE);
        let tree = match strategy {
            SandboxStrategy::InPlace => project_dir.try_clone(),
            SandboxStrategy::Copy | SandboxStrategy::GitWorktree => open_dir(&home.dir, OsStr::new(TREE)),
        };
        let tree = tree.map_err(SandboxError::io("open", &tree_path))?;
        let store_path = home.path.join(STORE);
        let store = Store::open_in(&home.dir, STORE).map_err(SandboxError::io("open", &store_path))?;
        let base = home.load_base()?;
        let mut status = Status::new(state_of(stage, &home), Scope::from(scope), project_lock);
        for facts in checkpoints {
            let manifest = home.load_checkpoint(&facts.id)?;
            status.checkpoints.push(Checkpoint { facts, manifest });
        }
        let status = Outbox::new(status, self.inner.emitter.clone());
        Ok(Shared {
            id,
            plan,
            project,
            project_dir,
            strategy,
            worktree,
            home,
            _lock: lock,
            tree,
            store,
            base,
            rewrites: Rewrites::default(),
            status,
        })
    }
}

/// Where a sandbox is that was kept in that stage.
fn state_of(stage: Stage, home: &Home) -> SandboxState {
    match stage {
        Stage::Committed => SandboxState::Committed,
        Stage::RolledBack if !home.is_marked_active() => SandboxState::RolledBack,
        Stage::Created if !home.is_marked_active() => SandboxState::Created,
        _ => SandboxState::Active,
    }
}

/// Finishes or undoes a way back that was left in the middle. Returns it if it is gone and to be told. Where the sandbox
/// is then was kept with its end: a way that is only left over says nothing of what was done since.
fn recover_way(
    shared: &Shared,
    heed: &mut dyn FnMut(Left) -> Result<(), SandboxError>,
) -> Result<Option<Way>, SandboxError> {
    let way = recover_tree(shared, shared.home.load_way()?.as_ref(), heed)?;
    if let Some(saved) = shared.home.load()? {
        let state = state_of(saved.stage, &shared.home);
        shared.status.change(|status, _silent| status.state = state);
    }
    Ok(way)
}

/// Finishes or undoes a commit that was left in the middle, and settles it. The project is locked.
pub(super) fn resolve(
    shared: &Shared,
    intent: &Intent,
    heed: &mut dyn FnMut(Left) -> Result<(), SandboxError>,
    stop: &CancellationToken,
) -> Result<Ending, SandboxError> {
    let target = Target { root: &shared.project_dir, path: &shared.project, disk: &shared.home.disk };
    let found = Cell::new(None);
    let note = |ending| {
        found.set(Some(ending));
        settle(shared, intent, ending, stop)
    };
    let own = Own { home: &shared.home.path, settle: &note };
    recover(target, Some(own), heed)?;
    if let Some(ending) = found.get() {
        return Ok(ending);
    }
    let ending = match trace::of(target, own)? {
        Some(ending) => ending,
        None => look_how_it_ended(shared, intent)?,
    };
    settle(shared, intent, ending, stop)?;
    Ok(ending)
}

/// How a commit ended that left nothing in the project: it never began, or all of it was done but to tell it.
fn look_how_it_ended(shared: &Shared, intent: &Intent) -> Result<Ending, SandboxError> {
    if shared.home.load()?.is_some_and(|saved| saved.stage == Stage::Committed) {
        return Ok(Ending::Finished);
    }
    let changes: Vec<_> = intent.changes.iter().map(Planned::change).collect();
    let has_all =
        has_all(&shared.project_dir, &changes).map_err(SandboxError::io("read", &shared.project))?;
    Ok(if has_all && !changes.is_empty() { Ending::Finished } else { Ending::Undone })
}
