//! SIGKILL: a process that commits or goes back stops at a step and says so, and is killed there; at each step in turn.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::stand::{ACTS, Act, act_on};
use super::*;
use crate::service::sandbox::SandboxState;
use crate::service::sandbox::disk::Seam;

/// Where the process that is killed finds its sandbox.
const ROOT: &str = "AGENTBUS_TEST_SANDBOXES";

/// What it does with it.
const ACT: &str = "AGENTBUS_TEST_ACT";

/// At which step it stops, from 1.
const STOPS_AT: &str = "AGENTBUS_TEST_STOPS_AT";

/// So many files are changed: one is written, one removed, one moved to a new folder. What else there is to a change
/// fails and dies at every step in this process.
const FILES: usize = 3;

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
    let [act, at] = [ACT, STOPS_AT].map(|name| std::env::var(name).unwrap());
    let act = ACTS.into_iter().find(|one| format!("{one:?}") == act).unwrap();
    let at = at.parse().unwrap();
    let disk = Disk::with(Arc::new(Stopping { at, steps: AtomicU64::new(0) }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (service, _recovered) = SandboxService::open_on(root.into(), None, disk).await.unwrap();
        for sandbox in service.list() {
            let checkpoint = service.list_checkpoints(sandbox.id()).unwrap().remove(0).id;
            act_on(&service, sandbox.id(), &checkpoint, act).await.unwrap();
        }
    });
}

/// A process that does something with the sandbox in `root`, and stops at a step.
struct Doing {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Doing {
    fn start(root: &Path, act: Act, stops_at: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "service::sandbox::tests::kill::the_process_that_is_killed", "--nocapture"]);
        command.env(ROOT, root).env(ACT, format!("{act:?}")).env(STOPS_AT, stops_at.to_string());
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

/// A project, and a sandbox of it in which each file is changed, and which no process has open.
struct Changed {
    project: TempDir,
    root: TempDir,
    /// What the act changes: the project, or the files of the sandbox.
    place: PathBuf,
    before: Look,
    after: Look,
}

impl Changed {
    async fn new(strategy: SandboxStrategy, act: Act) -> Self {
        let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for nth in 0..FILES {
            fs::write(project.path().join(format!("file-{nth}")), format!("old {nth}").repeat(100)).unwrap();
        }
        if strategy == SandboxStrategy::GitWorktree {
            Git::writing("test", project.path()).args(["init", "-q"]).run(&CancellationToken::new()).unwrap();
            commit_all(project.path());
        }
        let original = look(project.path());
        let service = SandboxService::new(root.path(), None);
        let sandbox = service.create(&PlanId::from("p"), project.path(), strategy).await.unwrap();
        service.checkpoint(sandbox.id(), "before").await.unwrap();
        let access = sandbox.write_access().unwrap();
        change_each(&sandbox.tree());
        drop(access);
        let changed = look(&sandbox.tree());
        let (place, before, after) = match act {
            Act::Commit => (project.path().to_owned(), original, changed),
            Act::RollBack | Act::Restore => (sandbox.tree(), changed, original),
        };
        Self { project, root, place, before, after }
    }

    /// The next process finds everything as before or as after; whether it is after.
    async fn is_after(&self, act: Act, told: &str) -> bool {
        let (service, recovered) = SandboxService::open(self.root.path(), None).await.unwrap();
        let found = look(&self.place);
        assert!(found == self.before || found == self.after, "{told}: {recovered:?}: {found:#?}");
        assert!(recovered.unreadable.is_empty() && recovered.in_use.is_empty(), "{told}: {recovered:?}");
        let is_after = found == self.after;
        let sandbox = service.list().remove(0);
        let end = match act {
            Act::Commit => SandboxState::Committed,
            Act::RollBack => SandboxState::RolledBack,
            Act::Restore => SandboxState::Active,
        };
        let expected = if is_after { end } else { SandboxState::Active };
        assert_eq!(sandbox.state(), expected, "{told}: {recovered:?}");
        if sandbox.strategy() == SandboxStrategy::GitWorktree {
            let branch = format!("refs/heads/agentbus/{}", sandbox.id());
            let count = Git::reading("test", self.project.path()).args(["rev-list", "--count", &branch]);
            let commits = count.line(&CancellationToken::new()).unwrap();
            assert_eq!(commits, if is_after { "2" } else { "1" }, "{told}");
        }
        is_after
    }
}

fn change_each(tree: &Path) {
    for nth in 0..FILES {
        let (name, new) = (format!("file-{nth}"), format!("new/{nth}/deep"));
        match nth % 3 {
            0 => fs::write(tree.join(name), format!("new {nth}")).unwrap(),
            1 => fs::remove_file(tree.join(name)).unwrap(),
            _ => {
                fs::create_dir_all(tree.join(&new)).unwrap();
                fs::rename(tree.join(name), tree.join(new).join("moved")).unwrap();
            }
        }
    }
}

async fn kill_at_each_step(strategy: SandboxStrategy, act: Act) {
    let mut ended = BTreeMap::<bool, u32>::new();
    for step in 1.. {
        let changed = Changed::new(strategy, act).await;
        let mut doing = Doing::start(changed.root.path(), act, step);
        let has_stopped = doing.has_stopped();
        doing.kill();
        let is_after = changed.is_after(act, &format!("{strategy} {act:?}, step {step}")).await;
        *ended.entry(is_after).or_default() += 1;
        if !has_stopped {
            assert!(is_after, "it came to its end");
            break;
        }
    }
    assert!(ended[&false] > 10 && ended[&true] > 10, "{ended:?}");
}

#[tokio::test]
async fn a_commit_of_a_copy_that_is_killed_at_any_step_is_never_half_done() {
    kill_at_each_step(SandboxStrategy::Copy, Act::Commit).await;
}

#[tokio::test]
async fn a_commit_of_a_worktree_that_is_killed_at_any_step_is_never_half_done() {
    kill_at_each_step(SandboxStrategy::GitWorktree, Act::Commit).await;
}

#[tokio::test]
async fn a_rollback_in_place_that_is_killed_at_any_step_is_never_half_done() {
    kill_at_each_step(SandboxStrategy::InPlace, Act::RollBack).await;
}

#[tokio::test]
async fn going_back_to_a_checkpoint_that_is_killed_at_any_step_is_never_half_done() {
    kill_at_each_step(SandboxStrategy::Copy, Act::Restore).await;
}
