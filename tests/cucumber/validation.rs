//! Steps of `features/validation.feature`.

use std::sync::Arc;

use agentbus::service::validation::{Validation, ValidationContext, ValidationPipeline};
use cucumber::{given, when};

use crate::agent::Agent;

pub(crate) async fn run() -> bool {
    crate::agent::run("validation.feature").await
}

#[given(expr = "a required check {string} that runs {string}")]
fn required(world: &mut Agent, name: String, command: String) {
    world.checks.push(Validation::command(name, command.split(' ')));
}

#[given(expr = "an informational check {string} that runs {string}")]
fn informational(world: &mut Agent, name: String, command: String) {
    world.checks.push(Validation::command(name, command.split(' ')).informational());
}

#[when("the checks are run")]
async fn checks_run(world: &mut Agent) {
    let pipeline = ValidationPipeline::new(Some(Arc::new(world.bus.clone())));
    let context = ValidationContext::in_sandbox(world.sandbox().clone());
    let _report = pipeline.run(&context, &world.checks).await;
}
