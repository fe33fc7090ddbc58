//! Steps of `features/sandbox.feature`.

use std::fs;

use agentbus::event::{CheckpointId, PlanId, SandboxStrategy};
use cucumber::{then, when};

use crate::agent::Agent;

pub(crate) async fn run() -> bool {
    crate::agent::run("sandbox.feature").await
}

#[when(expr = "a sandbox of strategy {string} is asked for")]
async fn asked_for(world: &mut Agent, strategy: String) {
    let strategy: SandboxStrategy = strategy.parse().expect("it is a strategy");
    let made = world.sandboxes.create(&PlanId::from("p"), world.project.path(), strategy).await;
    world.settle(made);
}

#[when(expr = "{string} is written as {string} in the sandbox")]
fn written_in_the_sandbox(world: &mut Agent, path: String, content: String) {
    let access = world.sandbox().write_access().expect("nothing else runs");
    access.sandbox().dir().write(path, content).expect("it can be written");
}

#[when(expr = "{string} is written as {string} in the project")]
fn written_in_the_project(world: &mut Agent, path: String, content: String) {
    fs::write(world.project.path().join(path), content).expect("it can be written");
}

#[when("the sandbox is committed")]
async fn committed(world: &mut Agent) {
    let result = world.sandboxes.commit(world.sandbox().id()).await;
    world.settle(result);
}

#[when(expr = "the sandbox is rolled back because {string}")]
async fn rolled_back(world: &mut Agent, reason: String) {
    let result = world.sandboxes.rollback(world.sandbox().id(), reason).await;
    world.settle(result);
}

#[when(expr = "a checkpoint is made because {string}")]
async fn checkpoint_made(world: &mut Agent, reason: String) {
    let result = world.sandboxes.checkpoint(world.sandbox().id(), reason).await;
    world.checkpoint = world.settle(result).map(|checkpoint| checkpoint.id);
}

#[when("the checkpoint is restored")]
async fn checkpoint_restored(world: &mut Agent) {
    let checkpoint = world.checkpoint.clone().expect("one was made");
    let result = world.sandboxes.restore(world.sandbox().id(), &checkpoint).await;
    world.settle(result);
}

#[when("a checkpoint that is not there is restored")]
async fn no_checkpoint_restored(world: &mut Agent) {
    let result = world.sandboxes.restore(world.sandbox().id(), &CheckpointId::generate()).await;
    world.settle(result);
}

#[then(expr = "the project has {string} holding {string}")]
fn the_project_has(world: &mut Agent, path: String, content: String) {
    let found = fs::read_to_string(world.project.path().join(path));
    assert_eq!(found.expect("it is there"), content);
}
