//! Steps of `features/actor.feature`.

use std::num::NonZeroU32;
use std::sync::Arc;

use agentbus::service::actor::{Actor, ActorLimits, ActorRuntime, ActorTask, TranscriptModel};
use cucumber::{given, when};
use serde_json::{Value, json};

use crate::agent::Agent;

pub(crate) async fn run() -> bool {
    crate::agent::run("actor.feature").await
}

fn transcript(replies: &Value) -> Arc<TranscriptModel> {
    let json = json!({ "replies": replies }).to_string();
    Arc::new(TranscriptModel::parse("scenario.json", json.as_bytes()).expect("it is in the format"))
}

#[given(expr = "a model that reads {string} and then answers {string}")]
fn a_model_that_reads(world: &mut Agent, path: String, answer: String) {
    let arguments = json!({ "path": path }).to_string();
    let call =
        json!({"id": "c", "type": "function", "function": {"name": "read_file", "arguments": arguments}});
    world.model = Some(transcript(&json!([
        {"response": {"choices": [{"message": {"content": null, "tool_calls": [call]}}]}},
        {"response": {"choices": [{"message": {"content": answer}}]}},
    ])));
}

#[given("a model that says nothing")]
fn a_silent_model(world: &mut Agent) {
    world.model = Some(transcript(&json!([])));
}

#[when(expr = "the actor {string} runs")]
async fn runs(world: &mut Agent, name: String) {
    run_actor(world, |model| Actor::new(name, model)).await;
}

#[when(expr = "the actor {string} runs for {int} iterations at most")]
async fn runs_for(world: &mut Agent, name: String, iterations: u32) {
    let max_iterations = NonZeroU32::new(iterations).expect("at least one");
    let limits = ActorLimits { max_iterations, ..ActorLimits::default() };
    run_actor(world, |model| Actor::new(name, model).with_limits(limits)).await;
}

#[when(expr = "the actor {string} runs without tools")]
async fn runs_without_tools(world: &mut Agent, name: String) {
    run_actor(world, |model| Actor::new(name, model).with_tools(Vec::<String>::new())).await;
}

async fn run_actor(world: &mut Agent, actor: impl FnOnce(Arc<TranscriptModel>) -> Actor) {
    let actor = actor(world.model.clone().expect("a step gives it one"));
    let actors = ActorRuntime::new(world.tools.clone(), Some(Arc::new(world.bus.clone())));
    let task = ActorTask::new("What does it say?").with_context(world.context());
    let _outcome = actors.run(&actor, task).await;
}
