//! Making a sandbox, by each strategy.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::apply::{Target, has_leftovers, recover, refuse};
use super::error::SandboxError;
use super::fill::fill;
use super::handle::{Sandbox, Shared, Status};
use super::lock::{Lock, Project, Use, lock_project, lock_root, try_lock};
use super::place::open_root;
use super::remove::{dismantle, empty, remove_empty};
use super::rewrites::Rewrites;
use super::saved::{CHECKPOINTS, Home, LOCK, Saved, Stage};
use super::state::{SandboxOperation, SandboxState};
use super::store::Store;
use super::tree::{CACHE_TAG, Entry, Manifest, scan};
use super::worktree::Worktree;
use super::{STORE, SandboxService, TARGET, TREE};
use crate::emitter::{Emitter, Outbox};
use crate::event::{PlanId, SandboxCreated, SandboxId, SandboxStrategy, Scope};
use crate::service::scope::KeptScope;
use crate::service::time::millis;

/// What a sandbox is made of.
pub(super) struct Order {
    pub(super) plan: PlanId,
    pub(super) project: PathBuf,
    pub(super) strategy: SandboxStrategy,
    pub(super) scope: Scope,
}

impl SandboxService {
    pub(super) fn make(&self, mut order: Order, stop: &CancellationToken) -> Result<Sandbox, SandboxError> {
        let started = Instant::now();
        let id = SandboxId::generate();
        let project = order.project.canonicalize().map_err(SandboxError::io("find", &order.project))?;
        order.project = project;
        let in_use = || SandboxError::ProjectInUse { project: order.project.clone() };
        let (project_lock, project_dir) = self.use_project(&order, stop)?.ok_or_else(in_use)?;
        let worktree = match order.strategy {
            SandboxStrategy::GitWorktree => Some(Worktree::plan(&order.project, &id, stop)?),
            SandboxStrategy::Copy | SandboxStrategy::InPlace => None,
        };
        let (home, lock) = self.make_home(&id, stop)?;
        let mut making = Making { id: &id, order: &order, home, worktree, stop };
        let contents = making.run(&project_dir).inspect_err(|_failed| {
            // The error that counts is the one of the making; what is left is removed at the next open.
            drop(dismantle(&making.home.path, &self.inner.disk));
        })?;
        let locks = (lock, project_lock);
        let made = making.end(contents, project_dir, locks, self.inner.emitter.clone());
        let sandbox = Sandbox { shared: made.into() };
        self.tell_created(&sandbox, started);
        Ok(sandbox)
    }

    /// Tells that a sandbox was made, and keeps the scope of what happens in it. Until it is kept, nobody has the
    /// sandbox but this call, so nobody waits for its state; whoever hears of it finds it.
    fn tell_created(&self, sandbox: &Sandbox, started: Instant) {
        let shared = &sandbox.shared;
        shared.status.change(|status, changes| {
            status.scope = changes.open(&status.scope.clone(), || {
                let (files, bytes) = size_of(&shared.base);
                SandboxCreated::new(sandbox.id(), shared.strategy, files, bytes, millis(started.elapsed()))
            });
            // If that fails, a later process only does not know what caused its events.
            drop(shared.save_in(&status.scope, Stage::Created, Vec::new()));
            self.sandboxes().insert(sandbox.id().clone(), sandbox.clone());
        });
    }

    /// Locks the project for the copy, or for as long as somebody works in it, and sees to what a dead process left.
    fn use_project(
        &self,
        order: &Order,
        stop: &CancellationToken,
    ) -> Result<Option<(Lock, Dir)>, SandboxError> {
        let path = &order.project;
        let how = if order.strategy == SandboxStrategy::InPlace { Use::Alone } else { Use::Shared };
        if self.works_in_place(path, how) {
            return Ok(None);
        }
        let root = open_root(path).map_err(SandboxError::io("open", path))?;
        let project = Project { dir: &root, path };
        let take = |how| lock_project(project, how, stop).map_err(SandboxError::io("lock", path));
        let has_leftovers = || has_leftovers(&root).map_err(SandboxError::io("read", path));
        let mut held = take(how)?;
        if held.is_some() && has_leftovers()? {
            drop(held);
            held = take(Use::Alone)?;
            if held.is_some() {
                let target = Target { root: &root, path, disk: &self.inner.disk };
                recover(target, None, &mut refuse)?;
            }
        }
        Ok(held.map(|lock| (lock, root)))
    }

    /// Whether a sandbox of this service works in place in the project or in one that holds it; in one inside it, that
    /// is in the way of whoever wants to have it alone.
    pub(super) fn works_in_place(&self, project: &Path, how: Use) -> bool {
        let is_in_the_way = |sandbox: &Sandbox| {
            let theirs = sandbox.project();
            let is_near = project.starts_with(theirs) || how == Use::Alone && theirs.starts_with(project);
            sandbox.strategy() == SandboxStrategy::InPlace && is_near
        };
        self.sandboxes().values().any(is_in_the_way)
    }

    /// Makes the folder of a sandbox and locks it. The root is marked as a cache, so that a project that holds it is
    /// not copied into itself.
    fn make_home(&self, id: &SandboxId, stop: &CancellationToken) -> Result<(Home, Lock), SandboxError> {
        let root = &self.inner.root;
        make_private(root).map_err(SandboxError::io("make", root))?;
        let root = root.canonicalize().map_err(SandboxError::io("find", root))?;
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            std::fs::write(&tag, format!("{CACHE_TAG}\n")).map_err(SandboxError::io("write", &tag))?;
        }
        let path = root.join(id.to_string());
        let _nobody_looks = lock_root(&root, stop)?;
        self.furnish(&path).inspect_err(|_failed| {
            // The error that counts is the one of the making; what is left is removed at the next open.
            drop(empty(&path, &self.inner.disk).and_then(|()| remove_empty(&path, &self.inner.disk)));
        })
    }

    /// Makes the folder at `path`, for this user alone. First comes its lock, by which a later process knows what it is.
    fn furnish(&self, path: &Path) -> Result<(Home, Lock), SandboxError> {
        let make = |path: &Path| make_private(path).map_err(SandboxError::io("make", path));
        make(path)?;
        let locked = try_lock(&path.join(LOCK)).map_err(SandboxError::io("lock", path))?;
        let lock = locked.ok_or_else(|| SandboxError::Io {
            doing: "lock",
            path: path.to_owned(),
            source: io::ErrorKind::ResourceBusy.into(),
        })?;
        make(&path.join(TARGET))?;
        make(&path.join(CHECKPOINTS))?;
        Ok((Home::open(path, self.inner.disk.clone())?, lock))
    }
}

/// What a sandbox has once it is made.
struct Contents {
    store: Store,
    base: Manifest,
    tree: Dir,
}

/// A sandbox in the making.
struct Making<'a> {
    id: &'a SandboxId,
    order: &'a Order,
    home: Home,
    worktree: Option<Worktree>,
    stop: &'a CancellationToken,
}

impl Making<'_> {
    fn run(&mut self, project_dir: &Dir) -> Result<Contents, SandboxError> {
        self.home.save(&self.saved(Stage::Making))?;
        let path = &self.home.path;
        let store = Store::open_at(&path.join(STORE)).map_err(SandboxError::io("make", path))?;
        let base = self.take_in(&store, project_dir)?;
        let tree = self.put_out(&store, project_dir, &base)?;
        self.home.save_base(&base)?;
        self.home.save(&self.saved(Stage::Created))?;
        if self.stop.is_cancelled() {
            return Err(SandboxError::Cancelled {
                sandbox_id: self.id.clone(),
                operation: SandboxOperation::Create,
            });
        }
        Ok(Contents { store, base, tree })
    }

    fn end(
        self,
        Contents { store, base, tree }: Contents,
        project_dir: Dir,
        (lock, project_lock): (Lock, Lock),
        emitter: Emitter,
    ) -> Shared {
        let project_lock = (self.order.strategy == SandboxStrategy::InPlace).then_some(project_lock);
        let status = Status::new(SandboxState::Created, self.scope(), project_lock);
        Shared {
            id: self.id.clone(),
            plan: self.order.plan.clone(),
            project: self.order.project.clone(),
            project_dir,
            strategy: self.order.strategy,
            worktree: self.worktree,
            home: self.home,
            _lock: lock,
            tree,
            store,
            base,
            rewrites: Rewrites::default(),
            status: Outbox::new(status, emitter),
        }
    }

    /// Takes into the store what the sandbox begins with.
    fn take_in(&mut self, store: &Store, project_dir: &Dir) -> Result<Manifest, SandboxError> {
        if let Some(worktree) = &mut self.worktree {
            worktree.add(&self.home.path.join(TREE), self.stop)?;
        }
        let Some(worktree) = &self.worktree else {
            let put = |file: &mut _| store.put(file).map(|put| (put.hash, put.bytes));
            return scan(project_dir, &Manifest::new(), self.stop, put)
                .map_err(SandboxError::walk(self.id, SandboxOperation::Create));
        };
        // With what git calls it.
        self.home.save(&self.saved(Stage::Making))?;
        Ok(worktree.take_in(store, project_dir, self.stop)?)
    }

    /// The folder with the files of the sandbox.
    fn put_out(&self, store: &Store, project_dir: &Dir, base: &Manifest) -> Result<Dir, SandboxError> {
        if self.order.strategy == SandboxStrategy::InPlace {
            store.sync_all().map_err(SandboxError::io("store", &self.home.path))?;
            return project_dir.try_clone().map_err(SandboxError::io("open", &self.order.project));
        }
        let path = self.home.path.join(TREE);
        std::fs::create_dir_all(&path).map_err(SandboxError::io("make", &path))?;
        let tree = open_root(&path).map_err(SandboxError::io("open", &path))?;
        fill(&tree, store, base, self.stop).map_err(SandboxError::walk(self.id, SandboxOperation::Create))?;
        Ok(tree)
    }

    fn scope(&self) -> Scope {
        let scope = self.order.scope.clone().within_plan(&self.order.plan);
        match (scope.project_name(), self.order.project.file_name()) {
            (None, Some(name)) => scope.with_project_name(name.to_string_lossy().as_ref()),
            _ => scope,
        }
    }

    fn saved(&self, stage: Stage) -> Saved {
        Saved {
            sandbox_id: self.id.clone(),
            plan_id: self.order.plan.clone(),
            project: self.order.project.clone(),
            strategy: self.order.strategy,
            stage,
            scope: KeptScope::of(&self.scope()),
            worktree: self.worktree.clone(),
            checkpoints: Vec::new(),
        }
    }
}

/// How many files and links a manifest has, and how many bytes.
fn size_of(manifest: &Manifest) -> (u64, u64) {
    manifest.values().fold((0, 0), |(files, bytes), entry| match entry {
        Entry::File { bytes: more, .. } => (files + 1, bytes + more),
        Entry::Link { .. } => (files + 1, bytes),
        Entry::Directory { .. } => (files, bytes),
    })
}

/// Makes a folder, with those that it needs, that nobody else can look into: what a project has may be secret.
fn make_private(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A sandbox that was made, until somebody takes it. If nobody waits for it any more, it is removed again.
pub(super) struct Made {
    pub(super) service: SandboxService,
    pub(super) sandbox: Option<Sandbox>,
}

impl Made {
    pub(super) fn taken(mut self) -> Sandbox {
        self.sandbox.take().expect("it is taken once")
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // One in which somebody writes who heard of it is theirs.
        let claim = self.sandbox.take().and_then(|sandbox| sandbox.begin(SandboxOperation::Close).ok());
        if let Some(claim) = claim {
            // What is left of it then is removed at the next open.
            drop(self.service.remove(claim));
        }
    }
}
