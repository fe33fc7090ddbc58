//! Steps of `features/resource.feature`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use agentbus::event::{PlanId, Scope};
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
    /// In what scope the service is asked.
    scope: Scope,
}

told_steps!(Resources);

impl Resources {
    fn new() -> Self {
        let told = Told::default();
        let service = ResourceService::new(Some(told.bus()));
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { told, folder, service, watch: None, scope: Scope::new() }
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

    /// Asks the service for something, and waits until the watcher has told what it has to tell of that.
    async fn ask<T, E: std::error::Error>(
        &mut self,
        work: impl AsyncFnOnce(&ResourceService) -> Result<T, E>,
    ) {
        self.told.listen();
        let result = self.scope.clone().run(work(&self.service)).await;
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
    let watched = world.scope.clone().run(world.service.watch(NAME)).await;
    world.watch = Some(watched.expect("it can be watched"));
}

#[given("the folder is forgotten")]
fn forgotten(world: &mut Resources) {
    world.service.unregister(NAME).expect("it is registered");
}

#[given(expr = "the plan {string} was opened")]
fn the_plan_was_opened(world: &mut Resources, plan: PlanId) {
    world.scope = world.told.opens_plan(&plan);
}

#[when("the folder is watched once more")]
async fn watched_once_more(world: &mut Resources) {
    world.ask(async |service| service.watch(NAME).await).await;
}

#[when(expr = "{string} is read")]
async fn read(world: &mut Resources, path: String) {
    world.ask(async |service| service.read(NAME, path).await).await;
}

#[when("the folder is listed")]
async fn listed(world: &mut Resources) {
    world.ask(async |service| service.list(NAME, "").await).await;
}

#[when(expr = "{string} is looked at")]
async fn looked_at(world: &mut Resources, path: String) {
    world.ask(async |service| service.stat(NAME, path).await).await;
}

#[when(expr = "{string} is written as {string}")]
async fn written(world: &mut Resources, path: String, content: String) {
    world.ask(async |service| service.write(NAME, path, content).await).await;
}

#[when(expr = "a tool writes {string} as {string}")]
async fn written_by_a_tool(world: &mut Resources, path: String, content: String) {
    let resource = world.service.get(NAME).expect("it is registered").for_tools();
    world.ask(async |_service| resource.write(path, content).await).await;
}

#[when(expr = "{string} is moved to {string}")]
async fn moved(world: &mut Resources, from: String, to: String) {
    world.ask(async |service| service.rename(NAME, from, to).await).await;
}

#[when(expr = "{string} is deleted")]
async fn deleted(world: &mut Resources, path: String) {
    world.ask(async |service| service.delete(NAME, path).await).await;
}

#[when("the folder is indexed")]
async fn indexed(world: &mut Resources) {
    world.ask(async |service| service.index(NAME).await).await;
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
