//! Steps of `features/resource.feature`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use agentbus::event::Scope;
use agentbus::service::resource::{DirHandler, GitHandler, ResourceService, Watch};
use cucumber::{World, given, when};
use tempfile::TempDir;

use crate::told::{Told, told_steps};

/// What the resource is called.
const NAME: &str = "notes";

pub(crate) async fn run() -> bool {
    crate::told::run::<Resources>("resource.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Resources {
    told: Told,
    folder: TempDir,
    service: ResourceService,
    watch: Option<Watch>,
}

told_steps!(Resources);

impl Resources {
    fn new() -> Self {
        let told = Told::default();
        let service = ResourceService::new(Some(told.bus()));
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { told, folder, service, watch: None }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Waits until the watcher has told what has happened.
    async fn settle(&self) {
        if let Some(watch) = &self.watch {
            watch.caught_up().await.expect("the folder is there");
        }
    }

    async fn write(&mut self, path: &str, content: &str) {
        self.told.listen();
        let result = self.service.write(NAME, path, content).await;
        self.told.outcome(result);
        self.settle().await;
    }
}

#[given(expr = "a folder {string} with {string} holding {string}")]
fn a_folder(world: &mut Resources, name: String, path: String, content: String) {
    fs::write(world.at(&path), content).expect("the folder can be written");
    let handler = DirHandler::open(world.folder.path()).expect("the folder can be opened");
    world.service.register(name, Arc::new(handler)).expect("the name is free");
}

#[given(expr = "{string} is a repository instead")]
fn a_repository(world: &mut Resources, name: String) {
    for arguments in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"],
    ] {
        let status =
            std::process::Command::new("git").current_dir(world.folder.path()).args(arguments).status();
        assert!(status.expect("git is installed").success());
    }
    world.service.unregister(&name).expect("it is registered");
    let handler = GitHandler::open(world.folder.path(), "HEAD").expect("there is a commit");
    world.service.register(name, Arc::new(handler)).expect("the name is free");
}

#[given(expr = "a link {string} that leads out of the folder")]
fn a_link(world: &mut Resources, path: String) {
    std::os::unix::fs::symlink("/etc/hosts", world.at(&path)).expect("a link can be made");
}

#[given("the folder is watched")]
async fn watched(world: &mut Resources) {
    world.watch = Some(world.service.watch(NAME).await.expect("it can be watched"));
}

#[given("the folder is forgotten")]
fn forgotten(world: &mut Resources) {
    world.service.unregister(NAME).expect("it is registered");
}

#[when("the folder is watched once more")]
async fn watched_once_more(world: &mut Resources) {
    world.told.listen();
    let result = world.service.watch(NAME).await;
    world.told.outcome(result);
}

#[when(expr = "{string} is read")]
async fn read(world: &mut Resources, path: String) {
    world.told.listen();
    let result = world.service.read(NAME, path).await;
    world.told.outcome(result);
}

#[when("the folder is listed")]
async fn listed(world: &mut Resources) {
    world.told.listen();
    let result = world.service.list(NAME, "").await;
    world.told.outcome(result);
}

#[when(expr = "{string} is looked at")]
async fn looked_at(world: &mut Resources, path: String) {
    world.told.listen();
    let result = world.service.stat(NAME, path).await;
    world.told.outcome(result);
}

#[when(expr = "{string} is written as {string}")]
async fn written(world: &mut Resources, path: String, content: String) {
    world.write(&path, &content).await;
}

#[when(expr = "{string} is written as {string} for plan {string}")]
async fn written_for_plan(world: &mut Resources, path: String, content: String, plan: String) {
    Scope::new().with_plan_id(plan).run(world.write(&path, &content)).await;
}

#[when(expr = "a tool writes {string} as {string}")]
async fn written_by_a_tool(world: &mut Resources, path: String, content: String) {
    world.told.listen();
    let resource = world.service.get(NAME).expect("it is registered").for_tools();
    let result = resource.write(path, content).await;
    world.told.outcome(result);
}

#[when(expr = "{string} is moved to {string}")]
async fn moved(world: &mut Resources, from: String, to: String) {
    world.told.listen();
    let result = world.service.rename(NAME, from, to).await;
    world.told.outcome(result);
}

#[when(expr = "{string} is deleted")]
async fn deleted(world: &mut Resources, path: String) {
    world.told.listen();
    let result = world.service.delete(NAME, path).await;
    world.told.outcome(result);
}

#[when("the folder is indexed")]
async fn indexed(world: &mut Resources) {
    world.told.listen();
    let result = world.service.index(NAME).await;
    world.told.outcome(result);
}

#[when(expr = "somebody writes {string} as {string}")]
async fn somebody_writes(world: &mut Resources, path: String, content: String) {
    world.told.listen();
    fs::write(world.at(&path), content).expect("the folder can be written");
    world.settle().await;
}

#[when(expr = "somebody moves {string} to {string}")]
async fn somebody_moves(world: &mut Resources, from: String, to: String) {
    world.told.listen();
    fs::rename(world.at(&from), world.at(&to)).expect("the folder can be written");
    world.settle().await;
}

#[when(expr = "somebody deletes {string}")]
async fn somebody_deletes(world: &mut Resources, path: String) {
    world.told.listen();
    fs::remove_file(world.at(&path)).expect("it is there");
    world.settle().await;
}
