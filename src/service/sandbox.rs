//! Sandboxes: where a plan may write without touching the project until it is committed.
//!
//! A sandbox is a copy of the project in a folder of its own, `<root>/<sandbox id>`: `tree` has the files, `store` the
//! contents that checkpoints and rollback need, each once, by its BLAKE3 hash; `target` is for what builds make. The
//! copy has the modes of files and folders and symbolic links as links. It leaves out `.git`, folders with a
//! [`CACHEDIR.TAG`](https://bford.info/cachedir/) such as cargo's `target`, and what is neither file, folder nor link.
//!
//! # Promises
//! - A sandbox goes `created -> active -> committed | rolled back -> closed`; it becomes active by the first write
//!   that asks for [`Sandbox::write_access`], also after a rollback. Other moves are refused with the way out.
//! - A commit is all or nothing. What changed in the project meanwhile is found first and refused with the whole list.
//! - No link is followed: not in the sandbox, not in the project. A commit never writes through one.
//! - One operation runs at a time; a second one is refused as busy, and so is every one while somebody writes.
//!
//! # When it goes wrong
//! An operation that fails in the middle puts back what it changed. If that fails too, the error says where the
//! originals are. A crash of the process in the middle of a commit leaves them in a folder of the project whose name
//! begins with `.agentbus-staging-`. A sandbox whose future is dropped before it was made leaves nothing.
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
//! let sandboxes = SandboxService::new(root.path(), None);
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
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use self::diff::changes;
use self::handle::{Claim, Shared, Status};
use self::place::{open_file, open_root, parent_of};
use self::store::Store;
use self::tree::{CACHE_TAG, Entry, Manifest, scan};
use super::blocking::blocking;
use super::time::millis;
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::{PlanId, SandboxCreated, SandboxId, SandboxStrategy, Scope};

mod apply;
mod checkpoint;
mod commit;
mod diff;
mod error;
mod handle;
pub(super) mod place;
mod store;
pub(super) mod tree;

pub use checkpoint::SandboxCheckpoint;
pub use diff::{ChangeKind, FileChange, SandboxDiff};
pub use error::{Conflict, ConflictKind, SandboxError};
pub use handle::{Sandbox, SandboxOperation, SandboxState, WriteAccess};

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
    /// Guards the list of open sandboxes; held for single moves.
    open: Mutex<HashMap<SandboxId, Sandbox>>,
}

impl SandboxService {
    /// A service that keeps its sandboxes in `root`, which is made when it is needed.
    pub fn new(root: impl Into<PathBuf>, bus: Option<Arc<dyn EventBus>>) -> Self {
        let (root, emitter) = (root.into(), Emitter::new(bus));
        Self { inner: Arc::new(Inner { root, emitter, open: Mutex::default() }) }
    }

    /// Makes a sandbox of `project` for `plan`.
    ///
    /// # Errors
    /// [`SandboxError::Unsupported`] for a strategy other than copy; [`SandboxError::Io`] if something could not be
    /// read or copied, and nothing of the sandbox is left then.
    ///
    /// # Cancel safety
    /// Dropped, it stops before the next file and leaves nothing.
    pub async fn create(
        &self,
        plan: &PlanId,
        project: impl AsRef<Path>,
        strategy: SandboxStrategy,
    ) -> Result<Sandbox, SandboxError> {
        if strategy != SandboxStrategy::Copy {
            return Err(SandboxError::Unsupported { strategy });
        }
        let (service, plan, project) = (self.clone(), plan.clone(), project.as_ref().to_owned());
        let scope = Scope::current();
        blocking(move |stop| service.make(plan, &project, scope, stop)).await
    }

    /// The open sandbox with that id.
    ///
    /// # Errors
    /// [`SandboxError::Unknown`] if there is none, or it was closed.
    pub fn get(&self, sandbox: &SandboxId) -> Result<Sandbox, SandboxError> {
        let found = self.open().get(sandbox).cloned();
        found.ok_or_else(|| SandboxError::Unknown { sandbox_id: sandbox.clone() })
    }

    /// The open sandboxes, in the order of their ids.
    pub fn list(&self) -> Vec<Sandbox> {
        let mut all: Vec<_> = self.open().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// What is different in the sandbox from what it was made from.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed, `Busy`, `Io`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn diff(&self, sandbox: &SandboxId) -> Result<SandboxDiff, SandboxError> {
        self.run(sandbox, SandboxOperation::Diff, |claim, stop| compare(&claim, stop)).await
    }

    /// Ends the sandbox and removes everything of it.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` while it is active, `Busy`, `Io` if something could not be removed: then
    /// it stays open, to be closed again.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end.
    pub async fn close(&self, sandbox: &SandboxId) -> Result<(), SandboxError> {
        let service = self.clone();
        self.run(sandbox, SandboxOperation::Close, move |claim, _stop| service.remove(claim)).await
    }

    /// Runs an operation that nothing else may run beside, where it may block.
    async fn run<T: Send + 'static>(
        &self,
        sandbox: &SandboxId,
        operation: SandboxOperation,
        work: impl FnOnce(Claim, &CancellationToken) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let claim = self.get(sandbox)?.begin(operation)?;
        blocking(move |stop| work(claim, stop)).await
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Sandbox>> {
        // What is guarded is changed in single steps, so a poisoned lock guards something whole.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(
        &self,
        plan: PlanId,
        project: &Path,
        scope: Scope,
        stop: &CancellationToken,
    ) -> Result<Sandbox, SandboxError> {
        let started = Instant::now();
        let id = SandboxId::generate();
        let folder = make_folder(&self.inner.root, &id)?;
        let emitter = self.inner.emitter.clone();
        let made = copy(&id, plan, project, &folder, (emitter, stop)).and_then(|made| {
            if stop.is_cancelled() {
                return Err(SandboxError::Cancelled { sandbox_id: id, operation: SandboxOperation::Create });
            }
            Ok(made)
        });
        let made = made.inspect_err(|_failed| {
            // The error that counts is the one of the copy.
            drop(std::fs::remove_dir_all(&folder));
        });
        let sandbox = Sandbox { shared: Arc::new(made?) };
        self.open().insert(sandbox.id().clone(), sandbox.clone());
        tell_created(&sandbox, scope, started);
        Ok(sandbox)
    }

    fn remove(&self, claim: Claim) -> Result<(), SandboxError> {
        let sandbox = claim.sandbox.clone();
        let folder = &sandbox.shared.folder;
        std::fs::remove_dir_all(folder).map_err(SandboxError::io("remove", folder))?;
        self.open().remove(sandbox.id());
        claim.finish(|status, _silent| status.state = SandboxState::Closed);
        Ok(())
    }
}

/// Tells that a sandbox was made, and keeps the scope of what happens in it.
fn tell_created(sandbox: &Sandbox, scope: Scope, started: Instant) {
    let shared = &sandbox.shared;
    let mut scope = scope.with_plan_id(&shared.plan);
    if let (None, Some(name)) = (scope.project_name(), shared.project.file_name()) {
        scope = scope.with_project_name(name.to_string_lossy().as_ref());
    }
    shared.status.change(|status, changes| {
        status.scope = changes.open(&scope, || {
            let (files, bytes) = size_of(&shared.base);
            let duration = millis(started.elapsed());
            SandboxCreated::new(sandbox.id(), SandboxStrategy::Copy, files, bytes, duration)
        });
    });
}

impl Sandbox {
    fn store_path(&self) -> PathBuf {
        self.shared.folder.join(STORE)
    }
}

/// Makes the folder of a sandbox. The root is marked as a cache, so that a project that holds it is not copied into
/// itself.
fn make_folder(root: &Path, id: &SandboxId) -> Result<PathBuf, SandboxError> {
    let make = |path: &Path| std::fs::create_dir_all(path).map_err(SandboxError::io("make", path));
    make(root)?;
    let root = root.canonicalize().map_err(SandboxError::io("find", root))?;
    let tag = root.join("CACHEDIR.TAG");
    if !tag.exists() {
        std::fs::write(&tag, format!("{CACHE_TAG}\n")).map_err(SandboxError::io("write", &tag))?;
    }
    let folder = root.join(id.to_string());
    make(&folder.join(TREE))?;
    make(&folder.join(TARGET))?;
    Ok(folder)
}

/// Copies the project by way of the store, so that the tree and what it is compared with are the same.
fn copy(
    id: &SandboxId,
    plan: PlanId,
    project: &Path,
    folder: &Path,
    (emitter, stop): (Emitter, &CancellationToken),
) -> Result<Shared, SandboxError> {
    let project = project.canonicalize().map_err(SandboxError::io("find", project))?;
    let project_dir = open_root(&project).map_err(SandboxError::io("open", &project))?;
    let store = Store::open_at(&folder.join(STORE)).map_err(SandboxError::io("make", folder))?;
    let tree = open_root(&folder.join(TREE)).map_err(SandboxError::io("open", folder))?;
    let taken_in = |file: &mut _| store.put(file).map(|put| (put.hash, put.bytes));
    let base = scan(&project_dir, &Manifest::new(), stop, taken_in)
        .map_err(SandboxError::walk(id, SandboxOperation::Create))?;
    let nothing = Manifest::new();
    apply::apply(&tree, &store, &changes(&nothing, &base))
        .map_err(|error| checkpoint::not_applied(error, &folder.join(TREE)))?;
    let status = Outbox::new(Status::new(), emitter);
    let (id, folder) = (id.clone(), folder.to_owned());
    Ok(Shared { id, plan, project, project_dir, folder, tree, store, base, status })
}

fn compare(claim: &Claim, stop: &CancellationToken) -> Result<SandboxDiff, SandboxError> {
    let shared = &claim.sandbox.shared;
    let now = checkpoint::scan_tree(claim, stop)?;
    let read = |path: &Path, _hash: &_| {
        let mut content = Vec::new();
        let (dir, name) = parent_of(&shared.tree, path)?;
        io::Read::read_to_end(&mut open_file(&dir, &name)?, &mut content)?;
        Ok(content)
    };
    diff::diff(&changes(&shared.base, &now), &shared.store, read).map_err(|(path, source)| SandboxError::Io {
        doing: "compare",
        path,
        source,
    })
}

/// How many files and links a manifest has, and how many bytes.
fn size_of(manifest: &Manifest) -> (u64, u64) {
    manifest.values().fold((0, 0), |(files, bytes), entry| match entry {
        Entry::File { bytes: more, .. } => (files + 1, bytes + more),
        Entry::Link { .. } => (files + 1, bytes),
        Entry::Directory { .. } => (files, bytes),
    })
}
