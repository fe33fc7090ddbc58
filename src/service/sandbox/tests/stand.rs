//! A sandbox that was changed, on a disk whose steps fail.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::event::CheckpointId;
use crate::service::sandbox::SandboxService;
use crate::service::sandbox::disk::Seam;

/// Fails from one step on: that one alone, or, as a process that died, all of them.
#[derive(Debug, Default)]
pub(super) struct Fault {
    pub(super) steps: AtomicU64,
    /// From 1; 0 for never.
    at: AtomicU64,
    is_deadly: bool,
    pub(super) trace: Mutex<Vec<String>>,
}

impl Fault {
    pub(super) fn new(at: u64, is_deadly: bool) -> Arc<Self> {
        Arc::new(Self { at: at.into(), is_deadly, ..Self::default() })
    }

    /// Begins to count.
    pub(super) fn arm(&self, at: u64) {
        self.steps.store(0, Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
    }

    pub(super) fn has_struck(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at > 0 && self.steps.load(Ordering::Relaxed) >= at
    }
}

impl Seam for Fault {
    fn before(&self, step: &str) -> io::Result<()> {
        let nth = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let at = self.at.load(Ordering::Relaxed);
        self.trace.lock().unwrap().push(step.to_owned());
        if at > 0 && (nth == at || self.is_deadly && nth > at) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("planned: {step}")));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Commit,
    RollBack,
    Restore,
}

pub(super) const ACTS: [Act; 3] = [Act::Commit, Act::RollBack, Act::Restore];

/// A sandbox that was changed, and a checkpoint of what was there before.
pub(super) struct Stand {
    pub(super) project: TempDir,
    pub(super) root: TempDir,
    pub(super) service: SandboxService,
    pub(super) sandbox: Sandbox,
    pub(super) checkpoint: CheckpointId,
}

impl Stand {
    pub(super) async fn new(strategy: SandboxStrategy, fault: &Arc<impl Seam + 'static>) -> Self {
        Self::heard(strategy, fault, None).await
    }

    /// One whose events that bus is told.
    pub(super) async fn heard(
        strategy: SandboxStrategy,
        fault: &Arc<impl Seam + 'static>,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Self {
        let (project, root) = (project(strategy), tempfile::tempdir().unwrap());
        let service = SandboxService::on(root.path().to_owned(), bus, Disk::with(fault.clone()));
        let sandbox = service.create(&PlanId::from("p"), project.path(), strategy).await.unwrap();
        let checkpoint = service.checkpoint(sandbox.id(), "before").await.unwrap().id;
        let access = sandbox.write_access().unwrap();
        change(&sandbox.tree());
        drop(access);
        Self { project, root, service, sandbox, checkpoint }
    }

    /// What is changed by that.
    pub(super) fn place(&self, act: Act) -> PathBuf {
        if act == Act::Commit { self.project.path().to_owned() } else { self.sandbox.tree() }
    }

    pub(super) async fn act(&self, act: Act) -> Result<(), SandboxError> {
        act_on(&self.service, self.sandbox.id(), &self.checkpoint, act).await
    }

    /// The process is gone; that is left of it.
    pub(super) fn gone(self) -> (TempDir, TempDir, SandboxId, CheckpointId) {
        (self.project, self.root, self.sandbox.id().clone(), self.checkpoint)
    }

    /// The process is gone; the next one opens what it left.
    pub(super) async fn reopen(
        self,
        fault: &Arc<impl Seam + 'static>,
    ) -> (Result<SandboxService, SandboxError>, Recovered, TempDir, TempDir) {
        let Self { project, root, service, sandbox, .. } = self;
        drop((service, sandbox));
        let opened = SandboxService::open_on(root.path().to_owned(), None, Disk::with(fault.clone())).await;
        match opened {
            Ok((service, recovered)) => (Ok(service), recovered, project, root),
            Err(error) => (Err(error), Recovered::default(), project, root),
        }
    }
}

pub(super) async fn act_on(
    service: &SandboxService,
    id: &SandboxId,
    checkpoint: &CheckpointId,
    act: Act,
) -> Result<(), SandboxError> {
    match act {
        Act::Commit => service.commit(id).await.map(drop),
        Act::RollBack => service.rollback(id, "test").await,
        Act::Restore => service.restore(id, checkpoint).await,
    }
}

/// What is there before and after, when nothing goes wrong, and how many steps that takes.
pub(super) async fn undisturbed(strategy: SandboxStrategy, act: Act) -> (Look, Look, u64) {
    let fault = Fault::new(0, false);
    let stand = Stand::new(strategy, &fault).await;
    let before = look(&stand.place(act));
    fault.arm(0);
    stand.act(act).await.unwrap();
    let after = look(&stand.place(act));
    assert_ne!(before, after);
    if strategy == SandboxStrategy::Copy && act == Act::Commit {
        assert_eq!(after, look(&stand.sandbox.tree()), "the project is as the sandbox");
    }
    if act != Act::Commit {
        assert_eq!(after, look(project(strategy).path()), "it is as it was at first");
    }
    assert!(!after.keys().any(|path| path.to_string_lossy().contains("agentbus")), "{after:?}");
    (before, after, fault.steps.load(Ordering::Relaxed))
}

/// Every step; of a worktree, where each try asks git a dozen times, some, and all of the last.
pub(super) fn each(steps: u64, strategy: SandboxStrategy) -> impl Iterator<Item = u64> {
    (1..=steps).filter(move |at| strategy != SandboxStrategy::GitWorktree || at % 7 == 0 || at + 15 > steps)
}

/// A disk on which the steps fail that begin with one of these words.
#[derive(Debug, Default)]
pub(super) struct Refusing {
    steps: Mutex<Vec<&'static str>>,
    /// Whether the process is dead after the first.
    is_deadly: bool,
    is_dead: AtomicBool,
}

impl Refusing {
    pub(super) fn new(steps: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { steps: Mutex::new(steps.to_vec()), ..Self::default() })
    }

    pub(super) fn deadly(step: &'static str) -> Arc<Self> {
        Arc::new(Self { steps: Mutex::new(vec![step]), is_deadly: true, ..Self::default() })
    }

    /// From now on, these fail.
    pub(super) fn set(&self, steps: &[&'static str]) {
        *self.steps.lock().unwrap() = steps.to_vec();
    }
}

impl Seam for Refusing {
    fn before(&self, step: &str) -> io::Result<()> {
        let is_refused = self.steps.lock().unwrap().iter().any(|refused| step.starts_with(refused));
        if is_refused && self.is_deadly {
            self.is_dead.store(true, Ordering::Relaxed);
        }
        if is_refused || self.is_dead.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("planned: {step}")));
        }
        Ok(())
    }
}
