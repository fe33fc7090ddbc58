//! Opening what earlier processes left.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::apply::{Ending, Left, Planned, Target, recover};
use super::checkpoint::Checkpoint;
use super::commit::{forget, settle, tell_committed};
use super::conflict::has_all;
use super::create::lock_root;
use super::error::SandboxError;
use super::handle::{Sandbox, SandboxState, Shared, Status};
use super::lock::{Lock, Project, Use, try_lock, try_lock_project};
use super::place::open_root;
use super::remove::{dismantle, is_home};
use super::rewrites::Rewrites;
use super::saved::{Home, Intent, LOCK, Saved, Stage};
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
    /// Those that a live process uses, or whose project one uses: they were left alone.
    pub in_use: Vec<SandboxId>,
    /// Those that could not be opened, with the folder of each; they were left as they are.
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
    /// What became of its commit, if that was killed.
    is_finished: Option<bool>,
    kept: Vec<SandboxError>,
}

impl SandboxService {
    pub(super) fn reopen_all(&self, stop: &CancellationToken) -> Result<Recovered, SandboxError> {
        let mut recovered = Recovered::default();
        let root = &self.inner.root;
        if !root.exists() {
            return Ok(recovered);
        }
        let root = root.canonicalize().map_err(SandboxError::io("find", root))?;
        let _nobody_makes_one = lock_root(&root)?;
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&root).map_err(SandboxError::io("read", &root))? {
            let path = entry.map_err(SandboxError::io("read", &root))?.path();
            if is_home(&path) {
                folders.push(path);
            }
        }
        folders.sort_unstable();
        for path in folders {
            let id = SandboxId::from(path.file_name().unwrap_or_default().to_string_lossy().as_ref());
            match self.reopen(&id, &path, stop) {
                Ok(Outcome::InUse) => recovered.in_use.push(id),
                Ok(Outcome::Removed) => recovered.removed.push(id),
                Ok(Outcome::Open(opened)) => self.take_over(*opened, &mut recovered),
                Err(error) => recovered.unreadable.push((path, error)),
            }
        }
        Ok(recovered)
    }

    fn take_over(&self, opened: Opened, recovered: &mut Recovered) {
        let id = opened.sandbox.id().clone();
        match opened.is_finished {
            Some(true) => recovered.finished.push(id.clone()),
            Some(false) => recovered.undone.push(id.clone()),
            None => {}
        }
        recovered.kept.extend(opened.kept);
        recovered.reopened.push(id.clone());
        self.sandboxes().insert(id, opened.sandbox);
    }

    fn reopen(&self, id: &SandboxId, path: &Path, stop: &CancellationToken) -> Result<Outcome, SandboxError> {
        let lock_path = path.join(LOCK);
        let Some(lock) = try_lock(&lock_path).map_err(SandboxError::io("lock", &lock_path))? else {
            return Ok(Outcome::InUse);
        };
        let home = Home::open(path, self.inner.disk.clone())?;
        let saved = match home.load()? {
            Some(saved) if !matches!(saved.stage, Stage::Making | Stage::Closing) => saved,
            _ => {
                dismantle(path, stop)?;
                return Ok(Outcome::Removed);
            }
        };
        if saved.sandbox_id != *id {
            return Err(SandboxError::Damaged { path: path.to_owned(), reason: "it is another sandbox's" });
        }
        let project = &saved.project;
        let project_dir = open_root(project).map_err(SandboxError::io("open", project))?;
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
        let mut kept = recover_tree(&shared)?;
        let is_finished = intent.map(|intent| resolve(&shared, &intent, &mut kept, stop)).transpose()?;
        shared.status.change(|status, _silent| {
            if shared.strategy != SandboxStrategy::InPlace {
                status.project_lock = None;
            }
        });
        Ok(Outcome::Open(Box::new(Opened { sandbox: Sandbox { shared: shared.into() }, is_finished, kept })))
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
            SandboxStrategy::Copy | SandboxStrategy::GitWorktree => open_root(&tree_path),
        };
        let tree = tree.map_err(SandboxError::io("open", &tree_path))?;
        let store_path = home.path.join(STORE);
        let store = Store::open_at(&store_path).map_err(SandboxError::io("open", &store_path))?;
        let base = home.load_base()?;
        let is_active = home.is_marked_active() && stage != Stage::Committed;
        let state = match stage {
            Stage::Committed => SandboxState::Committed,
            Stage::RolledBack if !is_active => SandboxState::RolledBack,
            Stage::Created if !is_active => SandboxState::Created,
            _ => SandboxState::Active,
        };
        let mut status = Status::new(state, Scope::from(scope), project_lock);
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

/// Finishes or undoes what was being changed in the tree itself: a rollback, or going back to a checkpoint.
fn recover_tree(shared: &Shared) -> Result<Vec<SandboxError>, SandboxError> {
    let path = match shared.strategy {
        SandboxStrategy::InPlace => shared.project.clone(),
        SandboxStrategy::Copy | SandboxStrategy::GitWorktree => shared.home.path.join(TREE),
    };
    let target = Target { root: &shared.tree, path: &path, disk: &shared.home.disk };
    Ok(recover(target, &|_name, _ending| Ok(()))?.into_iter().map(told).collect())
}

fn told(left: Left) -> SandboxError {
    left.error(io::Error::other("it was killed in the middle"))
}

/// Finishes or undoes a commit that was killed; whether it is finished.
fn resolve(
    shared: &Shared,
    intent: &Intent,
    kept: &mut Vec<SandboxError>,
    stop: &CancellationToken,
) -> Result<bool, SandboxError> {
    let target = Target { root: &shared.project_dir, path: &shared.project, disk: &shared.home.disk };
    let own = shared.id.to_string();
    let found = Cell::new(None);
    let left = recover(target, &|name, ending| {
        if name == own {
            found.set(Some(ending));
            settle(shared, intent, ending, stop)?;
        }
        Ok(())
    })?;
    kept.extend(left.into_iter().map(told));
    let ending = if let Some(ending) = found.get() {
        ending
    } else {
        let ending = look_how_it_ended(shared, intent)?;
        settle(shared, intent, ending, stop)?;
        ending
    };
    shared.status.change(|status, changes| match ending {
        // Whether it was told before it was killed nobody knows; it is told once more rather than not at all.
        Ending::Finished => tell_committed(shared, status, changes, intent.diff, Duration::ZERO),
        Ending::Undone if status.state == SandboxState::Committed => status.state = SandboxState::Active,
        Ending::Undone => {}
    });
    forget(shared, stop);
    Ok(ending == Ending::Finished)
}

/// How a commit ended that left nothing in the project: it never began, or somebody else saw to it.
fn look_how_it_ended(shared: &Shared, intent: &Intent) -> Result<Ending, SandboxError> {
    if shared.status.read(|status| status.state) == SandboxState::Committed {
        return Ok(Ending::Finished);
    }
    let changes: Vec<_> = intent.changes.iter().map(Planned::change).collect();
    let has_all =
        has_all(&shared.project_dir, &changes).map_err(SandboxError::io("read", &shared.project))?;
    Ok(if has_all { Ending::Finished } else { Ending::Undone })
}
