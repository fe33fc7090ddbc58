//! Steps of `features/sandbox.feature`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use agentbus::event::{CheckpointId, PlanId, SandboxId, SandboxStrategy};
use agentbus::service::sandbox::{Sandbox, SandboxService, SandboxState, WriteAccess};
use cucumber::{World, given, then, when};
use tempfile::TempDir;

use crate::told::{Told, told_steps};

/// Says to this program that it is the one that commits and is killed, and where the sandboxes are.
const COMMITS: &str = "AGENTBUS_TEST_COMMITS";

pub(crate) async fn run() -> bool {
    crate::told::run::<Workshop>("sandbox.feature").await
}

/// What the program is that commits and is killed; whether it was.
pub(crate) async fn has_committed() -> bool {
    let Some(root) = std::env::var_os(COMMITS) else {
        return false;
    };
    let (service, _recovered) = SandboxService::open(root, None).await.expect("they can be opened");
    for sandbox in service.list() {
        service.commit(sandbox.id()).await.expect("it can be committed");
    }
    true
}

/// A project, and sandboxes of it.
#[derive(Debug, World)]
#[world(init = Self::new)]
struct Workshop {
    told: Told,
    project: TempDir,
    root: TempDir,
    service: SandboxService,
    sandbox: Option<Sandbox>,
    /// The id of the sandbox, also while nobody has it open.
    id: Option<SandboxId>,
    checkpoints: BTreeMap<String, CheckpointId>,
    access: Option<WriteAccess>,
}

told_steps!(Workshop);

impl Workshop {
    fn new() -> Self {
        let (told, project, root) = (Told::default(), folder(), folder());
        let service = SandboxService::new(root.path(), Some(told.bus()));
        let (checkpoints, access) = (BTreeMap::new(), None);
        Self { told, project, root, service, sandbox: None, id: None, checkpoints, access }
    }

    fn sandbox(&self) -> Sandbox {
        self.sandbox.clone().expect("one was made")
    }

    /// As when its process ends: nothing of the sandboxes is held any more.
    fn let_go(&mut self) {
        self.sandbox = None;
        self.service = SandboxService::new(self.root.path(), None);
    }

    fn checkpoint(&self, name: &str) -> CheckpointId {
        self.checkpoints.get(name).expect("it was made").clone()
    }

    async fn ask_for(&mut self, strategy: &str, plan: &str, project: PathBuf) {
        self.told.listen();
        let strategy: SandboxStrategy = strategy.parse().expect("it is a strategy");
        let made = self.service.create(&PlanId::from(plan), project, strategy).await;
        if let Some(made) = self.told.outcome(made) {
            self.told.call(made.id(), "it");
            self.id = Some(made.id().clone());
            self.sandbox = Some(made);
        }
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn git(project: &Path, arguments: &[&str]) {
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgSign=false"];
    let ended = Command::new("git").current_dir(project).args(author).args(arguments).status();
    assert!(ended.expect("git can be run").success(), "git {arguments:?}");
}

#[given(expr = "a project with {string} holding {string}")]
fn a_project(world: &mut Workshop, path: String, content: String) {
    fs::write(world.project.path().join(path), content).expect("it can be written");
}

#[given(expr = "a project of git with {string} holding {string}")]
fn a_project_of_git(world: &mut Workshop, path: String, content: String) {
    fs::write(world.project.path().join(path), content).expect("it can be written");
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "first"]] {
        git(world.project.path(), arguments);
    }
}

#[given(expr = "a sandbox of strategy {string} of it")]
async fn a_sandbox(world: &mut Workshop, strategy: String) {
    world.ask_for(&strategy, "plan-7", world.project.path().to_owned()).await;
    world.told.expect_done();
    world.told.listen();
}

#[given(expr = "a sandbox of strategy {string} of it beside")]
async fn a_sandbox_beside(world: &mut Workshop, strategy: String) {
    let first = world.sandbox();
    world.ask_for(&strategy, "plan-8", world.project.path().to_owned()).await;
    world.told.expect_done();
    world.told.listen();
    world.id = Some(first.id().clone());
    world.sandbox = Some(first);
}

#[when(expr = "a sandbox of strategy {string} is asked for by plan {string}")]
async fn asked_for(world: &mut Workshop, strategy: String, plan: String) {
    world.ask_for(&strategy, &plan, world.project.path().to_owned()).await;
}

#[when("a sandbox of a project that is not there is asked for")]
async fn asked_for_in_vain(world: &mut Workshop) {
    world.ask_for("copy", "plan-7", world.project.path().join("missing")).await;
}

#[when(expr = "{string} is written as {string} in the sandbox")]
fn written_in_the_sandbox(world: &mut Workshop, path: String, content: String) {
    world.told.listen();
    let sandbox = world.sandbox();
    let access = sandbox.write_access().expect("nothing else runs");
    access.sandbox().dir().write(path, content).expect("it can be written");
}

#[given(expr = "{int} more files are written in the sandbox")]
fn many_written_in_the_sandbox(world: &mut Workshop, files: usize) {
    for nth in 0..files {
        written_in_the_sandbox(world, format!("file-{nth}"), format!("content {nth}"));
    }
}

#[given(expr = "{string} is written as {string} in the project")]
#[when(expr = "{string} is written as {string} in the project")]
fn written_in_the_project(world: &mut Workshop, path: String, content: String) {
    fs::write(world.project.path().join(path), content).expect("it can be written");
}

#[when("somebody asks to write in the sandbox")]
fn asked_to_write(world: &mut Workshop) {
    world.told.listen();
    let asked = world.sandbox().write_access();
    world.told.outcome(asked);
}

#[when("somebody writes in the sandbox and has not ended")]
fn somebody_writes(world: &mut Workshop) {
    world.access = Some(world.sandbox().write_access().expect("nothing else runs"));
}

#[when("the sandbox is committed")]
async fn committed(world: &mut Workshop) {
    world.told.listen();
    let result = world.service.commit(world.sandbox().id()).await;
    world.told.outcome(result);
}

#[when(expr = "the sandbox is rolled back because {string}")]
async fn rolled_back(world: &mut Workshop, reason: String) {
    world.told.listen();
    let result = world.service.rollback(world.sandbox().id(), reason).await;
    world.told.outcome(result);
}

#[when(expr = "the sandbox is rolled back to checkpoint {string} because {string}")]
async fn rolled_back_to(world: &mut Workshop, name: String, reason: String) {
    world.told.listen();
    let result = world.service.rollback_to(world.sandbox().id(), &world.checkpoint(&name), reason).await;
    world.told.outcome(result);
}

#[when("the sandbox is closed")]
async fn closed(world: &mut Workshop) {
    world.told.listen();
    let result = world.service.close(world.sandbox().id()).await;
    world.told.outcome(result);
}

#[when(expr = "checkpoint {string} is made because {string}")]
async fn checkpoint_made(world: &mut Workshop, name: String, reason: String) {
    world.told.listen();
    let result = world.service.checkpoint(world.sandbox().id(), reason).await;
    if let Some(made) = world.told.outcome(result) {
        world.told.call(&made.id, &name);
        world.checkpoints.insert(name, made.id);
    }
}

#[when(expr = "checkpoint {string} is restored")]
async fn checkpoint_restored(world: &mut Workshop, name: String) {
    world.told.listen();
    let result = world.service.restore(world.sandbox().id(), &world.checkpoint(&name)).await;
    world.told.outcome(result);
}

#[when(expr = "all checkpoints but the newest {int} are pruned")]
async fn pruned(world: &mut Workshop, keep: usize) {
    world.told.listen();
    let result = world.service.prune(world.sandbox().id(), keep).await;
    world.told.outcome(result);
}

#[when("the sandboxes are opened again")]
async fn opened_again(world: &mut Workshop) {
    world.told.listen();
    world.let_go();
    let opened = SandboxService::open(world.root.path(), Some(world.told.bus())).await;
    let (service, recovered) = opened.expect("they can be opened");
    let id = world.id.as_ref().expect("one was made");
    world.sandbox = Some(service.get(id).unwrap_or_else(|error| panic!("{error}: {recovered:?}")));
    world.service = service;
}

#[when("a process that commits the sandbox is killed once its commit log is there")]
fn killed(world: &mut Workshop) {
    world.told.listen();
    let id = world.sandbox().id().clone();
    world.let_go();
    let program = std::env::current_exe().expect("this program is there");
    // The lowest priority: on a busy machine it would come to its end while this one waits for a turn.
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program);
    let mut committing = command.env(COMMITS, world.root.path()).spawn().expect("it can be started");
    let log = world.project.path().join(format!(".agentbus-staging-{id}/log"));
    let is_over = |child: &mut std::process::Child| child.try_wait().expect("it is a child").is_some();
    while !log.exists() && !is_over(&mut committing) {
        std::thread::yield_now();
    }
    // One that was faster than this has committed everything, which the rest of the scenario would notice.
    drop(committing.kill());
    committing.wait().expect("it is a child");
}

#[then(expr = "the project has {string} holding {string}")]
fn the_project_has(world: &mut Workshop, path: String, content: String) {
    let found = fs::read_to_string(world.project.path().join(path));
    assert_eq!(found.expect("it is there"), content);
}

#[then(expr = "the project has all {int} files")]
fn the_project_has_all(world: &mut Workshop, files: usize) {
    for nth in 0..files {
        the_project_has(world, format!("file-{nth}"), format!("content {nth}"));
    }
    let names = fs::read_dir(world.project.path()).expect("it is there").count();
    assert_eq!(names, files + 1, "and nothing else");
}

#[then(expr = "the sandbox has {string} holding {string}")]
fn the_sandbox_has(world: &mut Workshop, path: String, content: String) {
    assert_eq!(world.sandbox().dir().read_to_string(path).expect("it is there"), content);
}

#[then(regex = "^the sandbox is (created|active|(?:committed|rolled back|closed) now)$")]
fn the_sandbox_is(world: &mut Workshop, state: String) {
    let state = state.trim_end_matches(" now");
    let found: SandboxState = world.sandbox().state();
    assert_eq!(found.to_string(), state);
}

#[then(expr = "the checkpoints are {string}")]
fn the_checkpoints_are(world: &mut Workshop, names: String) {
    let listed = world.service.list_checkpoints(world.sandbox().id()).expect("it is open");
    let listed: Vec<_> = listed.into_iter().map(|checkpoint| checkpoint.id).collect();
    let expected: Vec<_> = names.split(", ").map(|name| world.checkpoint(name)).collect();
    assert_eq!(listed, expected);
}
