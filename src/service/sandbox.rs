//! Sandboxes: where a plan may write without the project being changed until it is committed.
//!
//! A sandbox lives in a folder of its own, `<root>/<sandbox id>`: `tree` has the files, `store` the contents that
//! checkpoints and rollback need, each once, by its BLAKE3 hash; `target` is for what builds make; the rest says what
//! the sandbox is, so that a later process goes on with it ([`SandboxService::open`]).
//!
//! | strategy | the files | what a commit does |
//! |---|---|---|
//! | `copy` | a copy of the project, sharing blocks where the file system can | writes the changes to the project |
//! | `git_worktree` | a worktree at the project's `HEAD`, on the branch `agentbus/<sandbox id>` | records them on the branch, and writes them to the project's working tree |
//! | `in_place` | the project itself; what it was is in the store | nothing: the changes stay |
//!
//! A sandbox has the modes of files and folders, and symbolic links as links. It leaves out `.git`, folders with a
//! [`CACHEDIR.TAG`](https://bford.info/cachedir/) such as cargo's `target`, and what is neither file, folder nor link.
//!
//! # Promises
//! - A sandbox goes `created -> active -> committed | rolled back -> closed`; it becomes active by the first write
//!   that asks for [`Sandbox::write_access`], also after a rollback. Other moves are refused with the way out.
//! - A commit is all or nothing, also when the process is killed or the machine loses power in the middle. So are a
//!   rollback and going back to a checkpoint.
//! - What changed in the project meanwhile is found first and refused with the whole list.
//! - No link is followed: not in the sandbox, not in the project. A commit never writes through one.
//! - One operation runs at a time; a second one is refused as busy, and so is every one while somebody writes.
//! - A project is locked (`flock` on its folder) shared while it is copied, alone while it is changed: two services,
//!   also of two processes, that commit to it at once do so one after the other. Who works in it in place holds the
//!   lock until the sandbox is closed; others are refused meanwhile.
//!
//! # Limits
//! - A worktree begins at the commit: what the project has not committed is not in it, and if both touch it, that is a
//!   conflict. Files stand in it as git keeps them, unconverted; see [`GitError`] for what git may refuse. What the
//!   project's rules ignore is brought to the project, and is not recorded on the branch. Files of inner projects
//!   (submodules) are never recorded. The branch stays if something was committed on it.
//! - In place, what somebody else changes in the project meanwhile cannot be told from the plan's own writes: it is in
//!   the diff and in checkpoints, and a rollback undoes it too. The lock keeps out sandboxes, not people. There is no
//!   conflict that a commit could find. If the process is killed, the lock is gone until the sandbox is opened again.
//! - The project outlives a crash of the machine whole. Of a sandbox itself only what says what it is, and the contents
//!   of checkpoints and of a base in place, are synced: what was written in it last may be lost. A content that was
//!   damaged is noticed by its hash and used for nothing.
//! - It is assumed that a file system keeps renames in their order over a crash, as ext4, XFS and Btrfs do.
//!
//! # When it goes wrong
//! An operation that fails in the middle puts back what it changed. What a process leaves that is killed in the middle
//! of a commit, and what comes of it:
//!
//! | killed after | on disk | what the next who comes does |
//! |---|---|---|
//! | the changes were stored | the project as before | nothing: the sandbox is active |
//! | a commit of git was made | the project as before, a commit under `refs/agentbus/<sandbox id>` | the same, and forgets the commit |
//! | `commit` was written in the sandbox's folder | the project as before | the same, and removes it |
//! | `.agentbus-staging-<sandbox id>` was made in the project | the project as before, and the folder | removes the folder too |
//! | the commit log was written and synced there | the project as before, everything new in the folder | finishes the commit |
//! | some paths were changed | some paths as after, their originals in the folder | finishes the commit; or undoes it, if somebody changed meanwhile what is still to be changed, or it cannot be finished |
//! | the last path was changed and synced | the project as after, the folder | finishes the commit |
//! | the branch was moved, the sandbox was kept as committed | the same | removes the folder, tells it |
//! | the commit log was removed | the project as after | tells it once more |
//!
//! Who comes next is [`SandboxService::open`] on the same root, by which the sandbox learns of it and it is told; or,
//! as all that it takes is in the project, any service that makes a sandbox of the project or commits to it; that leaves a
//! small file there, from which the sandbox learns how it ended, and which goes with it. A rollback, and going back to a
//! checkpoint, is seen to and told in the same way. While something can be neither finished nor undone, it is refused
//! with [`SandboxError::Unfinished`], which names the folder; until it was done again, nothing else is done to the
//! sandbox. What
//! somebody else made of a path that is to be put back stays theirs; the original is kept in a folder
//! `.agentbus-originals-<sandbox id>` that [`SandboxError::NotUndone`] names. A folder that is not this user's alone is
//! not taken for one of these.
//!
//! What somebody else took away is not taken for a wish: files that were removed with their folder are not committed as
//! removed. A sandbox whose folder is gone, or whose files are with theirs, can only be closed. A commit that is in the
//! middle in a project that was moved since goes on there, or is given up, by [`SandboxService::commit`] and
//! [`SandboxService::close`]; what could not be opened is given up by [`SandboxService::discard`]. What a command puts
//! where a change has its own files is moved to `.agentbus-originals-<sandbox id>`.
//!
//! A sandbox that is killed while it is made, or whose future is dropped before, leaves nothing, or what `open` removes.
//!
//! ```
//! use agentbus::event::{PlanId, SandboxStrategy};
//! use agentbus::service::sandbox::SandboxService;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (project, root) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! std::fs::write(project.path().join("greeting.txt"), "hello\n")?;
//!
//! let (sandboxes, recovered) = SandboxService::open(root.path(), None).await?;
//! assert!(recovered.finished.is_empty() && recovered.unreadable.is_empty());
//! let sandbox = sandboxes.create(&PlanId::generate(), project.path(), SandboxStrategy::Copy).await?;
//! {
//!     let access = sandbox.write_access()?;
//!     access.sandbox().dir().write("greeting.txt", "hello, world\n")?;
//! }
//! let committed = sandboxes.commit(sandbox.id()).await?;
//! assert_eq!((committed.files_changed(), committed.lines_added()), (1, 1));
//! sandboxes.close(sandbox.id()).await?;
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use self::create::{Made, Order};
use self::disk::Disk;
use self::handle::Claim;
use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::{PlanId, SandboxId, SandboxStrategy, Scope};

mod apply;
mod checkpoint;
mod commit;
mod compare;
mod conflict;
mod create;
mod diff;
mod disk;
mod error;
mod fill;
mod going_back;
mod handle;
mod homes;
mod lock;
pub(super) mod place;
mod record;
mod recover;
mod remove;
pub(in crate::service) mod rewrites;
mod running;
mod saved;
mod state;
mod store;
pub(super) mod tree;
mod worktree;

pub use super::git::GitError;
pub use checkpoint::SandboxCheckpoint;
pub use diff::{ChangeKind, FileChange, SandboxDiff};
pub use error::{Conflict, ConflictKind, SandboxError};
pub use handle::{Sandbox, WriteAccess};
pub use recover::Recovered;
pub use state::{SandboxOperation, SandboxState};

const TREE: &str = "tree";
const STORE: &str = "store";
const TARGET: &str = "target";

/// Makes sandboxes and keeps them. Cheap to clone; clones share the sandboxes.
#[derive(Clone, Debug)]
pub struct SandboxService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    emitter: Emitter,
    disk: Disk,
    /// Guards the list of open sandboxes; held for single moves.
    open: Mutex<HashMap<SandboxId, Sandbox>>,
    /// How many operations run.
    running: running::Count,
}

impl SandboxService {
    /// A service that keeps its sandboxes in `root`, which is made when it is needed. What earlier processes left there
    /// stays as it is: [`SandboxService::open`] sees to that.
    pub fn new(root: impl Into<PathBuf>, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::on(root.into(), bus, Disk::default())
    }

    /// A service that keeps its sandboxes in `root`, with what earlier processes left there: each commit that was
    /// killed in the middle is finished or undone, each sandbox that no live process uses is open again, in the state in
    /// which it was. A sandbox that cannot be read keeps nobody from the others: [`Recovered`] names it.
    ///
    /// A commit that is finished here is told by its event, also if it had been told before it was killed.
    ///
    /// # Errors
    /// [`SandboxError::Io`] if the root cannot be read.
    ///
    /// # Cancel safety
    /// Dropped while another process opens what is there, it has done nothing. Dropped later, it goes on to its end;
    /// what it opened is free again then.
    pub async fn open(
        root: impl Into<PathBuf>,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<(Self, Recovered), SandboxError> {
        Self::open_on(root.into(), bus, Disk::default()).await
    }

    /// As [`SandboxService::open`], of the folder that `handle` is of: another one that stands at `root` meanwhile, or
    /// that a link there leads to, is left alone.
    ///
    /// # Errors
    /// [`SandboxError::Io`] if the root cannot be read, or is not that folder any more.
    ///
    /// # Cancel safety
    /// As that.
    pub async fn open_at(
        handle: OwnedFd,
        root: impl Into<PathBuf>,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<(Self, Recovered), SandboxError> {
        let handle = Dir::from_std_file(File::from(handle));
        Self::on(root.into(), bus, Disk::default()).opened(Some(handle)).await
    }

    async fn open_on(
        root: PathBuf,
        bus: Option<Arc<dyn EventBus>>,
        disk: Disk,
    ) -> Result<(Self, Recovered), SandboxError> {
        Self::on(root, bus, disk).opened(None).await
    }

    async fn opened(self, handle: Option<Dir>) -> Result<(Self, Recovered), SandboxError> {
        let opened = self.clone();
        let recovered = self.blocking(move |stop| opened.reopen_all(handle, stop)).await?;
        Ok((self, recovered))
    }

    fn on(root: PathBuf, bus: Option<Arc<dyn EventBus>>, disk: Disk) -> Self {
        let emitter = Emitter::new(bus);
        Self {
            inner: Arc::new(Inner {
                root,
                emitter,
                disk,
                open: Mutex::default(),
                running: running::Count::default(),
            }),
        }
    }

    /// Makes a sandbox of `project` for `plan`. If a commit to the project was killed in the middle, by whatever
    /// process, that is finished or undone first.
    ///
    /// # Errors
    /// [`SandboxError::Unsupported`] if the project is not one for the strategy; [`SandboxError::ProjectInUse`] while
    /// somebody works in it in place, or has been changing it for longer than 10 s; [`SandboxError::Git`];
    /// [`SandboxError::Unfinished`], [`SandboxError::NotUndone`] and [`SandboxError::Damaged`] if a killed commit cannot
    /// be seen to; [`SandboxError::Io`] if something could not be read or copied. Nothing of the sandbox is left then.
    ///
    /// # Cancel safety
    /// Dropped, it stops before the next file and leaves nothing; [`SandboxService::settled`] waits for that.
    pub async fn create(
        &self,
        plan: &PlanId,
        project: impl AsRef<Path>,
        strategy: SandboxStrategy,
    ) -> Result<Sandbox, SandboxError> {
        let (service, project) = (self.clone(), project.as_ref().to_owned());
        let order = Order { plan: plan.clone(), project, strategy, scope: Scope::current() };
        let made = self.blocking(move |stop| {
            service.make(order, stop).map(|sandbox| Made { service, sandbox: Some(sandbox) })
        });
        made.await.map(Made::taken)
    }

    /// The open sandbox with that id.
    ///
    /// # Errors
    /// [`SandboxError::Unknown`] if there is none, or it was closed.
    pub fn get(&self, sandbox: &SandboxId) -> Result<Sandbox, SandboxError> {
        let found = self.sandboxes().get(sandbox).cloned();
        found.ok_or_else(|| SandboxError::Unknown { sandbox_id: sandbox.clone() })
    }

    /// The open sandboxes, in the order of their ids.
    pub fn list(&self) -> Vec<Sandbox> {
        let mut all: Vec<_> = self.sandboxes().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Runs an operation that nothing else may run beside, where it may block.
    async fn run<T: Send + 'static>(
        &self,
        sandbox: &SandboxId,
        operation: SandboxOperation,
        work: impl FnOnce(Claim, &CancellationToken) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let claim = self.get(sandbox)?.begin(operation)?;
        self.blocking(move |stop| work(claim, stop)).await
    }

    fn sandboxes(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Sandbox>> {
        // What is guarded is changed in single steps, so a poisoned lock guards something whole.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
