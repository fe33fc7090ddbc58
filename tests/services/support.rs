//! What the tests of several services share.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use agentbus::EventBus;
use agentbus::event::{PlanId, SandboxStrategy};
use agentbus::service::sandbox::{Sandbox, SandboxService};
use agentbus::testing::RecordingEventBus;
use tempfile::TempDir;

/// A project in a folder of its own, a place for sandboxes, and a bus that records.
pub(crate) struct World {
    pub(crate) bus: RecordingEventBus,
    pub(crate) project: TempDir,
    pub(crate) root: TempDir,
    pub(crate) sandboxes: SandboxService,
}

impl World {
    /// A project with `a.txt` (three lines) and `src/lib.rs`.
    pub(crate) fn new() -> Self {
        let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(project.path().join("a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::create_dir(project.path().join("src")).unwrap();
        fs::write(project.path().join("src/lib.rs"), "//! A library.\n").unwrap();
        let bus = RecordingEventBus::new();
        let sandboxes = SandboxService::new(root.path(), Some(bus_of(&bus)));
        Self { bus, project, root, sandboxes }
    }

    /// The bus as services take it.
    #[expect(clippy::unnecessary_wraps, reason = "services take a bus or none")]
    pub(crate) fn bus(&self) -> Option<Arc<dyn EventBus>> {
        Some(bus_of(&self.bus))
    }

    pub(crate) async fn sandbox(&self) -> Sandbox {
        let plan = PlanId::from("plan-7");
        self.sandboxes.create(&plan, self.project.path(), SandboxStrategy::Copy).await.unwrap()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project.path().join(path)).unwrap()
    }
}

pub(crate) fn bus_of(bus: &RecordingEventBus) -> Arc<dyn EventBus> {
    Arc::new(bus.clone())
}

/// Writes in a sandbox as a tool does.
pub(crate) fn write(sandbox: &Sandbox, path: &str, content: impl AsRef<[u8]>) {
    let _access = sandbox.write_access().unwrap();
    fs::write(sandbox.tree().join(path), content).unwrap();
}

/// Whether a process of that id is there and not a zombie.
pub(crate) fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

/// Waits until a condition holds, and fails if it does not within half a minute.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let (caller, started) = (std::panic::Location::caller(), Instant::now());
    async move {
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(30), "what {caller} waits for did not happen");
            tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        }
    }
}

/// What a future is ready with.
#[track_caller]
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it is not there yet"),
    }
}
