//! [`Sandbox`]: the handle of one sandbox, and who may do what in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;

use super::checkpoint::Checkpoint;
use super::error::SandboxError;
use super::lock::{Lock, Project};
use super::rewrites::Rewrites;
use super::saved::Home;
use super::state::{SandboxOperation, SandboxState};
use super::store::Store;
use super::tree::Manifest;
use super::worktree::Worktree;
use super::{STORE, TREE};
use crate::emitter::{Changes, Outbox};
use crate::event::{PlanId, SandboxId, SandboxStrategy, Scope};

/// A sandbox: a folder where a plan may write. Cheap to clone; clones are the same sandbox.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: SandboxId,
    pub(super) plan: PlanId,
    /// The project that it was made from and that it is committed to.
    pub(super) project: PathBuf,
    pub(super) project_dir: Dir,
    pub(super) strategy: SandboxStrategy,
    pub(super) worktree: Option<Worktree>,
    /// The folder with everything of this sandbox.
    pub(super) home: Home,
    /// While it is held, no other process takes the sandbox for one that nobody uses.
    pub(super) _lock: Lock,
    pub(super) tree: Dir,
    pub(super) store: Store,
    /// What the project was when the sandbox was made; the store has every content of it.
    pub(super) base: Manifest,
    /// What going back puts into the tree.
    pub(super) rewrites: Rewrites,
    pub(super) status: Outbox<Status>,
}

impl Shared {
    /// The folder that it is committed to.
    pub(super) fn project(&self) -> Project<'_> {
        Project { dir: &self.project_dir, path: &self.project }
    }

    pub(super) fn tree_path(&self) -> PathBuf {
        match self.strategy {
            SandboxStrategy::InPlace => self.project.clone(),
            SandboxStrategy::Copy | SandboxStrategy::GitWorktree => self.home.path.join(TREE),
        }
    }
}

#[derive(Debug)]
pub(super) struct Status {
    pub(super) state: SandboxState,
    activity: Activity,
    /// What ended in the middle: until it was done again, nothing else is.
    pub(super) pending: Option<SandboxOperation>,
    /// Oldest first.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// What its events are told in.
    pub(super) scope: Scope,
    /// The project is nobody else's while somebody works in it in place.
    pub(super) project_lock: Option<Lock>,
}

impl Status {
    pub(super) fn new(state: SandboxState, scope: Scope, project_lock: Option<Lock>) -> Self {
        Self { state, activity: Activity::Idle, pending: None, checkpoints: Vec::new(), scope, project_lock }
    }
}

/// What is being done in a sandbox.
#[derive(Clone, Copy, Debug)]
enum Activity {
    Idle,
    /// So many writers, at least one.
    Writing(usize),
    /// One operation that nothing else may run beside.
    Exclusive(SandboxOperation),
}

impl Sandbox {
    /// Its id.
    pub fn id(&self) -> &SandboxId {
        &self.shared.id
    }

    /// The plan that it was made for.
    pub fn plan_id(&self) -> &PlanId {
        &self.shared.plan
    }

    /// The project that it was made from.
    pub fn project(&self) -> &Path {
        &self.shared.project
    }

    /// How it keeps what is written from the project.
    pub fn strategy(&self) -> SandboxStrategy {
        self.shared.strategy
    }

    /// The folder that holds the files: in place, the project itself.
    pub fn tree(&self) -> PathBuf {
        self.shared.tree_path()
    }

    /// The folder with everything of it.
    pub(in crate::service) fn home(&self) -> &Path {
        &self.shared.home.path
    }

    /// The folder beside the tree for what builds make; it is neither compared nor committed.
    pub fn target(&self) -> PathBuf {
        self.shared.home.path.join(super::TARGET)
    }

    /// The handle of the folder that holds the files; what is opened relative to it cannot lie outside.
    pub fn dir(&self) -> &Dir {
        &self.shared.tree
    }

    /// Where it is in its life.
    pub fn state(&self) -> SandboxState {
        self.shared.status.read(|status| status.state)
    }

    /// The scope of what happens in it: caused by its `sandbox.created`.
    pub fn scope(&self) -> Scope {
        self.shared.status.read(|status| status.scope.clone())
    }

    /// Asks to write in it. From then on it is active; while any access is held, nothing else can be done to it.
    ///
    /// # Errors
    /// [`SandboxError::State`] if it is committed or closed, [`SandboxError::Busy`] while another operation runs,
    /// [`SandboxError::Io`] if it cannot be kept on disk that it is active.
    pub fn write_access(&self) -> Result<WriteAccess, SandboxError> {
        self.shared.status.change(|status, _silent| {
            self.check(status, SandboxOperation::Write)?;
            let writers = match status.activity {
                Activity::Idle => 1,
                Activity::Writing(writers) => writers + 1,
                Activity::Exclusive(running) => return Err(self.busy(SandboxOperation::Write, running)),
            };
            if status.state != SandboxState::Active {
                let home = &self.shared.home;
                // Of what was gone before, it must not be told after what is written now.
                home.remove_way().map_err(SandboxError::io("change", &home.path))?;
                // Under the lock, since nobody may write before it: an empty file, once.
                home.mark_active()?;
                status.state = SandboxState::Active;
            }
            status.activity = Activity::Writing(writers);
            Ok(WriteAccess { sandbox: self.clone() })
        })
    }

    /// Begins an operation that nothing else may run beside.
    pub(super) fn begin(&self, operation: SandboxOperation) -> Result<Claim, SandboxError> {
        self.shared.status.change(|status, _silent| {
            self.check(status, operation)?;
            match status.activity {
                Activity::Idle => status.activity = Activity::Exclusive(operation),
                Activity::Writing(_) => return Err(self.busy(operation, SandboxOperation::Write)),
                Activity::Exclusive(running) => return Err(self.busy(operation, running)),
            }
            Ok(Claim { sandbox: self.clone(), operation, is_over: false })
        })
    }

    pub(super) fn store_path(&self) -> PathBuf {
        self.shared.home.path.join(STORE)
    }

    fn check(&self, status: &Status, operation: SandboxOperation) -> Result<(), SandboxError> {
        let is_open = status.state != SandboxState::Closed;
        let way_out = match status.pending {
            Some(pending) if is_open => (!pending.is_again(operation)).then(|| pending.way_out()),
            _ => operation.refusal(status.state),
        };
        match way_out {
            None => Ok(()),
            // Under the lock, since nobody may begin anything else before it: a look at two or three folders, once.
            Some(_) if operation == SandboxOperation::Close && is_open && self.shared.is_lost(status) => {
                Ok(())
            }
            Some(way_out) => Err(self.refused(status.state, operation, way_out)),
        }
    }

    pub(super) fn refused(
        &self,
        state: SandboxState,
        operation: SandboxOperation,
        way_out: &'static str,
    ) -> SandboxError {
        SandboxError::State { sandbox_id: self.id().clone(), state, operation, way_out }
    }

    fn busy(&self, operation: SandboxOperation, running: SandboxOperation) -> SandboxError {
        SandboxError::Busy { sandbox_id: self.id().clone(), operation, running }
    }
}

/// The right to write in a sandbox, until it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct WriteAccess {
    sandbox: Sandbox,
}

impl WriteAccess {
    /// The sandbox.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Drop for WriteAccess {
    fn drop(&mut self) {
        self.sandbox.shared.status.change(|status, _silent| {
            status.activity = match status.activity {
                Activity::Writing(writers @ 2..) => Activity::Writing(writers - 1),
                Activity::Writing(_) | Activity::Idle => Activity::Idle,
                exclusive @ Activity::Exclusive(_) => exclusive,
            };
        });
    }
}

/// One exclusive operation, until it is finished or dropped.
pub(super) struct Claim {
    pub(super) sandbox: Sandbox,
    pub(super) operation: SandboxOperation,
    is_over: bool,
}

impl Claim {
    /// Notes of what a change of a tree came to whether it is in the middle, so that nothing else is done meanwhile.
    pub(super) fn noted<T>(&self, done: Result<T, SandboxError>) -> Result<T, SandboxError> {
        let is_in_the_middle = matches!(done, Err(SandboxError::Unfinished { .. }));
        let pending = is_in_the_middle.then_some(self.operation);
        self.tell(|status, _silent| status.pending = pending);
        done
    }

    /// Keeps and tells the change that the operation made; it goes on.
    pub(super) fn tell<R>(&self, change: impl FnOnce(&mut Status, &mut Changes<'_>) -> R) -> R {
        self.sandbox.shared.status.change(change)
    }

    /// Ends the operation with the change that it made.
    pub(super) fn finish<R>(mut self, change: impl FnOnce(&mut Status, &mut Changes<'_>) -> R) -> R {
        self.is_over = true;
        self.sandbox.shared.status.change(|status, changes| {
            status.activity = Activity::Idle;
            change(status, changes)
        })
    }

    /// Refuses to undo or commit nothing. What somebody wrote without asking for access is noticed here.
    pub(super) fn require_change(&self, is_changed: bool) -> Result<(), SandboxError> {
        let state = self.sandbox.state();
        if is_changed || state == SandboxState::Active {
            return Ok(());
        }
        Err(self.sandbox.refused(state, self.operation, "nothing was written in it since, so close it"))
    }

    /// The error of a walk that failed during this operation.
    pub(super) fn walk_error(&self) -> impl FnOnce(super::tree::WalkError) -> SandboxError {
        SandboxError::walk(self.sandbox.id(), self.operation)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_over {
            self.sandbox.shared.status.change(|status, _silent| status.activity = Activity::Idle);
        }
    }
}
