//! Steps of `features/actor.feature`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use agentbus::service::BudgetService;
use agentbus::service::actor::{
    Actor, ActorBudget, ActorLimits, ActorRuntime, ActorTask, Conversation, FailurePolicy, LanguageModel,
    ModelError, Reply, TokenPrices, TranscriptModel,
};
use agentbus::service::budget::BudgetTier;
use agentbus::service::tool::ToolSpec;
use async_trait::async_trait;
use cucumber::{given, when};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

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
    world.model = Some(asks_once("read_file", &json!({ "path": path }).to_string(), &answer));
}

#[given(expr = "a model that lists files without an input and then answers {string}")]
fn a_model_that_lists(world: &mut Agent, answer: String) {
    world.model = Some(asks_once("list_files", "", &answer));
}

/// Asks for one tool and then answers.
fn asks_once(tool: &str, arguments: &str, answer: &str) -> Arc<TranscriptModel> {
    let call = json!({"id": "c", "type": "function", "function": {"name": tool, "arguments": arguments}});
    transcript(&json!([
        {"response": {
            "choices": [{"message": {"content": null, "tool_calls": [call]}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 7},
        }},
        {"response": {
            "choices": [{"message": {"content": answer}}],
            "usage": {"prompt_tokens": 130, "completion_tokens": 9},
        }},
    ]))
}

/// Never answers; it cancels a token when it is asked.
#[derive(Debug)]
struct Silent(CancellationToken);

#[async_trait]
impl LanguageModel for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    async fn respond(&self, _: &Conversation, _: &[ToolSpec]) -> Result<Reply, ModelError> {
        self.0.cancel();
        std::future::pending().await
    }
}

#[given("a model that never answers")]
fn a_model_that_never_answers(world: &mut Agent) {
    world.model = Some(Arc::new(Silent(CancellationToken::new())));
}

#[given("a model during whose answer the actor is cancelled")]
fn a_model_that_is_not_waited_for(world: &mut Agent) {
    world.model = Some(Arc::new(Silent(world.token.clone())));
}

#[given("a model that says nothing")]
fn a_silent_model(world: &mut Agent) {
    world.model = Some(transcript(&json!([])));
}

#[when(expr = "the actor {string} runs")]
async fn runs(world: &mut Agent, name: String) {
    run_actor(world, |model| Actor::new(name, model)).await;
}

#[when(expr = "the actor {string} runs for somebody who has given up")]
async fn runs_for_nobody(world: &mut Agent, name: String) {
    world.token.cancel();
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

#[when(expr = "the actor {string} runs for {int} calls of tools at most")]
async fn runs_for_calls(world: &mut Agent, name: String, max_tool_calls: u32) {
    let limits = ActorLimits { max_tool_calls, ..ActorLimits::default() };
    run_actor(world, |model| Actor::new(name, model).with_limits(limits)).await;
}

#[when(expr = "the actor {string} runs for {int} ms at most")]
async fn runs_for_ms(world: &mut Agent, name: String, ms: u64) {
    let limits = ActorLimits { timeout: Duration::from_millis(ms), ..ActorLimits::default() };
    run_actor(world, |model| Actor::new(name, model).with_limits(limits)).await;
}

#[when(expr = "the actor {string} runs with a budget of {string} USD")]
async fn runs_with_budget(world: &mut Agent, name: String, limit: String) {
    let budgets = BudgetService::new(Some(Arc::new(world.bus.clone())));
    let tier = BudgetTier::Plan("plan-7".into());
    budgets.set_limit(&tier, limit.parse().expect("an amount")).expect("it is one");
    let price = "1".parse().expect("an amount");
    let prices = TokenPrices { input_per_million: price, output_per_million: price };
    let budget = ActorBudget::new(budgets, tier, prices);
    run_actor(world, |model| Actor::new(name, model).with_budget(budget)).await;
}

#[when(expr = "the actor {string} runs until {int} calls fail")]
async fn runs_until_calls_fail(world: &mut Agent, name: String, calls: u32) {
    let policy = FailurePolicy::StopAfter(NonZeroU32::new(calls).expect("at least one"));
    run_actor(world, |model| Actor::new(name, model).with_failure_policy(policy)).await;
}

async fn run_actor(world: &mut Agent, actor: impl FnOnce(Arc<dyn LanguageModel>) -> Actor) {
    let actor = actor(world.model.clone().expect("a step gives it one"));
    let actors = ActorRuntime::new(world.tools.clone(), Some(Arc::new(world.bus.clone())));
    let task = ActorTask::new("What does it say?").with_context(world.context());
    let _outcome = world.scope.clone().run(actors.run(&actor, task)).await;
}
