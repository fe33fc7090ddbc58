//! SIGKILL: a process that commits stops at a step and says so, and is killed there.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::service::sandbox::SandboxState;
use crate::service::sandbox::disk::Seam;

/// Where the process that is killed finds its sandboxes.
const ROOT: &str = "AGENTBUS_TEST_SANDBOXES";

/// At which step it stops, from 1.
const STOPS_AT: &str = "AGENTBUS_TEST_STOPS_AT";

/// So many files are changed.
const FILES: usize = 24;

/// Stops at one step: says so, and waits for what never comes.
#[derive(Debug)]
struct Stopping {
    at: u64,
    steps: AtomicU64,
}

impl Seam for Stopping {
    fn before(&self, step: &str) -> io::Result<()> {
        if self.steps.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            let mut out = io::stdout().lock();
            writeln!(out, "stopped at {}", step.escape_debug())?;
            out.flush()?;
            let _never = io::stdin().lock().read(&mut [0])?;
        }
        Ok(())
    }
}

/// Not a test: it is what is killed. Run as one, it has nothing to do.
#[test]
fn the_process_that_is_killed() {
    let Some(root) = std::env::var_os(ROOT) else {
        return;
    };
    let at = std::env::var(STOPS_AT).unwrap().parse().unwrap();
    let disk = Disk::with(Arc::new(Stopping { at, steps: AtomicU64::new(0) }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (service, _recovered) = SandboxService::open_on(root.into(), None, disk).await.unwrap();
        for sandbox in service.list() {
            service.commit(sandbox.id()).await.unwrap();
        }
    });
}

/// A process that commits whatever is in `root`, and stops at a step.
struct Committing {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Committing {
    fn start(root: &Path, stops_at: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "service::sandbox::tests::kill::the_process_that_is_killed", "--nocapture"]);
        command.env(ROOT, root).env(STOPS_AT, stops_at.to_string());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits until it stops, or ends before; whether it stopped.
    fn has_stopped(&mut self) -> bool {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            // The harness writes the name of the test, and no newline, before what the test itself writes.
            if line.contains("stopped at ") {
                return true;
            }
            line.clear();
        }
        false
    }

    fn kill(mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

/// A project of many files and a sandbox of it in which each is changed.
async fn stand() -> (TempDir, TempDir, Look, Look) {
    let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for nth in 0..FILES {
        fs::write(project.path().join(format!("file-{nth}")), format!("old {nth}").repeat(100)).unwrap();
    }
    let before = look(project.path());
    let service = SandboxService::new(root.path(), None);
    let sandbox = service.create(&PlanId::from("p"), project.path(), SandboxStrategy::Copy).await.unwrap();
    let access = sandbox.write_access().unwrap();
    for nth in 0..FILES {
        let (name, new) = (format!("file-{nth}"), format!("new/{nth}/deep"));
        match nth % 3 {
            0 => fs::write(sandbox.tree().join(name), format!("new {nth}")).unwrap(),
            1 => fs::remove_file(sandbox.tree().join(name)).unwrap(),
            _ => {
                fs::create_dir_all(sandbox.tree().join(&new)).unwrap();
                fs::rename(sandbox.tree().join(name), sandbox.tree().join(new).join("moved")).unwrap();
            }
        }
    }
    drop(access);
    let after = look(&sandbox.tree());
    (project, root, before, after)
}

/// The next process finds the project as before or as after; whether it is after.
async fn check(project: &Path, root: &Path, (before, after): (&Look, &Look), told: &str) -> bool {
    let (service, recovered) = SandboxService::open(root, None).await.unwrap();
    let found = look(project);
    assert!(found == *before || found == *after, "{told}: {recovered:?}: {found:#?}");
    assert!(recovered.unreadable.is_empty() && recovered.in_use.is_empty(), "{told}: {recovered:?}");
    let is_committed = service.list()[0].state() == SandboxState::Committed;
    assert_eq!(is_committed, found == *after, "{told}: {recovered:?}");
    is_committed
}

#[tokio::test]
async fn a_commit_that_is_killed_at_chosen_steps_is_never_half_done() {
    let (mut step, mut ended) = (1, BTreeMap::<bool, u32>::new());
    loop {
        let (project, root, before, after) = stand().await;
        let mut committing = Committing::start(root.path(), step);
        let has_stopped = committing.has_stopped();
        committing.kill();
        let is_after = check(project.path(), root.path(), (&before, &after), &format!("step {step}")).await;
        *ended.entry(is_after).or_default() += 1;
        if !has_stopped {
            break;
        }
        step += 7;
    }
    assert!(ended[&false] > 5 && ended[&true] > 5, "{ended:?}");
}
