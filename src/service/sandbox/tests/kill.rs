//! SIGKILL: a process that commits is killed at each step, and at moments that nobody chose.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::service::sandbox::SandboxState;
use crate::service::sandbox::disk::Seam;

/// Where the process that is killed finds its sandboxes.
const ROOT: &str = "AGENTBUS_TEST_SANDBOXES";

/// Whether it waits before each step.
const WAITS: &str = "AGENTBUS_TEST_WAITS";

/// So many files are changed.
const FILES: usize = 60;

/// Says each step, and waits to be told to go on.
#[derive(Debug)]
struct Telling {
    waits: bool,
}

impl Seam for Telling {
    fn before(&self, step: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "step {}", step.escape_debug())?;
        out.flush()?;
        if self.waits {
            io::stdin().lock().read_exact(&mut [0])?;
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
    let disk = Disk::with(Arc::new(Telling { waits: std::env::var_os(WAITS).is_some() }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (service, _recovered) = SandboxService::open_on(root.into(), None, disk).await.unwrap();
        for sandbox in service.list() {
            service.commit(sandbox.id()).await.unwrap();
        }
    });
}

/// A process that commits whatever is in `root`.
struct Committing {
    child: Child,
    go_on: ChildStdin,
    steps: BufReader<ChildStdout>,
}

impl Committing {
    fn start(root: &Path, waits: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "service::sandbox::tests::kill::the_process_that_is_killed", "--nocapture"]);
        command.env(ROOT, root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if waits {
            command.env(WAITS, "1");
        }
        let mut child = command.spawn().unwrap();
        let (go_on, steps) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, go_on, steps }
    }

    /// Waits for the next step; false if there is none.
    fn next(&mut self) -> bool {
        let mut line = String::new();
        while self.steps.read_line(&mut line).unwrap() > 0 {
            // The harness writes the name of the test, and no newline, before what the test itself writes.
            if line.contains("step ") {
                return true;
            }
            line.clear();
        }
        false
    }

    fn go_on(&mut self) {
        // One that ended needs none.
        drop(self.go_on.write_all(b"x"));
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
    let (mut nth, mut ended) = (1, BTreeMap::<bool, u32>::new());
    loop {
        let (project, root, before, after) = stand().await;
        let mut committing = Committing::start(root.path(), true);
        let mut has_ended = false;
        for step in 0..nth {
            has_ended = !committing.next();
            if has_ended {
                break;
            }
            // At the last one it is killed while it waits.
            if step + 1 < nth {
                committing.go_on();
            }
        }
        committing.kill();
        let is_after = check(project.path(), root.path(), (&before, &after), &format!("step {nth}")).await;
        *ended.entry(is_after).or_default() += 1;
        if has_ended {
            break;
        }
        nth += 11;
    }
    assert!(ended[&false] > 5 && ended[&true] > 5, "{ended:?}");
}

#[tokio::test]
async fn a_commit_that_is_killed_at_any_moment_is_never_half_done() {
    use std::hash::{BuildHasher, RandomState};
    let kills = std::env::var("AGENTBUS_KILLS").map_or(20, |kills| kills.parse::<u64>().unwrap());
    for nth in 0..kills {
        let (project, root, before, after) = stand().await;
        let mut committing = Committing::start(root.path(), false);
        let begun = committing.next();
        let micros = RandomState::new().hash_one(nth) % 60_000;
        std::thread::park_timeout(Duration::from_micros(micros));
        committing.kill();
        assert!(begun, "it did not begin");
        check(project.path(), root.path(), (&before, &after), &format!("after {micros} µs")).await;
    }
}
