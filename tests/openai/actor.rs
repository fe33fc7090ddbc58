//! A model behind an endpoint in the actor's loop.

use std::fs;
use std::sync::Arc;

use agentbus::event::{
    ActorCompleted, ActorInvoked, PlanId, SandboxStrategy, ToolCompleted, ToolErrored, Usd,
};
use agentbus::service::actor::{Actor, ActorBudget, ActorOutcome, ActorTask, TokenPrices, Usage};
use agentbus::service::budget::BudgetTier;
use agentbus::service::tool::{ToolContext, ToolRuntime, built_in};
use agentbus::service::{ActorRuntime, BudgetService, SandboxService};
use agentbus::testing::RecordingEventBus;
use agentbus::{EventBus, EventType};
use serde_json::{Value, json};

use crate::server::{Answer, Server, asks, says};

#[tokio::test]
async fn an_actor_works_with_its_tools_until_the_endpoint_answers() {
    let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(project.path().join("a.txt"), "one\n").unwrap();
    let recording = RecordingEventBus::new();
    let bus: Option<Arc<dyn EventBus>> = Some(Arc::new(recording.clone()));
    let sandbox = SandboxService::new(root.path(), None)
        .create(&PlanId::from("plan-7"), project.path(), SandboxStrategy::Copy)
        .await
        .unwrap();
    let tools = ToolRuntime::new(bus.clone());
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    let read = [("call_1", "read_file", r#"{"path": "a.txt"}"#), ("call_2", "read_file", "{oops")];
    let server = Server::play([
        Answer::ok(&asks(&read)),
        Answer::status(503, "", ""),
        Answer::ok(&asks(&[("call_3", "write_file", r#"{"path": "a.txt", "content": "two"}"#)])),
        Answer::says("It is mended."),
    ])
    .await;
    let model = server.model().temperature(0.5).build().unwrap();
    let actor = Actor::new("mender", Arc::new(model)).with_instructions("Mend.");
    let actor = actor.with_tools(["read_file", "write_file"]);
    let task = ActorTask::new("mend it").with_context(ToolContext::in_sandbox(sandbox.clone()));
    let outcome = ActorRuntime::new(tools, bus).run(&actor, task).await;

    let ActorOutcome::Completed { answer, report } = outcome else { panic!("{outcome:?}") };
    assert_eq!((answer.as_str(), report.iterations, report.tool_calls), ("It is mended.", 3, 3));
    assert_eq!(report.usage, Usage { input_tokens: 400, output_tokens: 40 });
    assert_eq!(fs::read_to_string(sandbox.tree().join("a.txt")).unwrap(), "two");
    assert_eq!(recording.only::<ActorInvoked>().model.as_str(), "some-model");
    let completed = recording.only::<ActorCompleted>();
    assert_eq!((completed.input_tokens, completed.output_tokens), (400, 40));
    assert_eq!(recording.all::<ToolCompleted>().len(), 2);
    assert_eq!(recording.only::<ToolErrored>().call_id.to_string(), "call_2");
    assert_eq!(recording.types().last(), Some(&EventType::ActorCompleted));

    let questions: Vec<_> = server.finished().await.into_iter().map(|question| question.body).collect();
    check_first(&questions[0]);
    assert_eq!(questions[1], questions[2], "what failed is asked again as it was");
    check_last(&questions[3]);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_paid_though_it_cannot_be_used() {
    let mut cut = says("It is men");
    cut["choices"][0]["finish_reason"] = json!("length");
    for (answer, expected) in [
        (Answer::ok(&cut), "it was cut at the limit of tokens"),
        (Answer::ok(&json!({"choices": "none", "usage": cut["usage"]})), "it is no chat completion"),
    ] {
        let server = Server::play([answer]).await;
        let budgets = BudgetService::new(None);
        let tier = BudgetTier::Plan("plan-7".into());
        budgets.set_limit(&tier, "1".parse().unwrap()).unwrap();
        let prices = TokenPrices {
            input_per_million: "10".parse().unwrap(),
            output_per_million: "100".parse().unwrap(),
        };
        let budget = ActorBudget::new(budgets.clone(), tier.clone(), prices);
        let actor = Actor::new("a", Arc::new(server.model().build().unwrap())).with_budget(budget);
        let outcome =
            ActorRuntime::new(ToolRuntime::new(None), None).run(&actor, ActorTask::new("well?")).await;
        let ActorOutcome::Errored { failure, report } = outcome else { panic!("{outcome:?}") };
        assert!(failure.message.contains(expected), "{failure:?}");
        // 200 tokens in and 20 out.
        assert_eq!(report.usage, Usage { input_tokens: 200, output_tokens: 20 });
        assert_eq!(report.cost, Usd::from_micros(4_000));
        let status = budgets.status(&tier);
        assert_eq!((status.spent, status.reserved), (Usd::from_micros(4_000), Usd::ZERO));
        server.finished().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_be_read_costs_what_was_reserved_for_it() {
    let server = Server::play([Answer::says("x")]).await;
    let budgets = BudgetService::new(None);
    let prices = TokenPrices { input_per_million: Usd::ZERO, output_per_million: "1000000".parse().unwrap() };
    let budget = ActorBudget::new(budgets.clone(), BudgetTier::Organisation, prices).with_expected_output(7);
    let model = server.model().reply_limit(8).build().unwrap();
    let actor = Actor::new("a", Arc::new(model)).with_budget(budget);
    let outcome = ActorRuntime::new(ToolRuntime::new(None), None).run(&actor, ActorTask::new("well?")).await;
    let ActorOutcome::Errored { failure, report } = outcome else { panic!("{outcome:?}") };
    assert!(failure.message.contains("larger than 8 bytes"), "{failure:?}");
    assert_eq!((report.unmetered, report.cost), (1, "7".parse().unwrap()));
    assert_eq!(budgets.status(&BudgetTier::Organisation).spent, report.cost);
}

/// The instructions, the prompt, and what the tools say of themselves.
fn check_first(question: &Value) {
    assert_eq!((&question["model"], &question["temperature"]), (&json!("some-model"), &json!(0.5)));
    assert_eq!(question.get("stream"), None);
    let messages = json!([{"role": "system", "content": "Mend."}, {"role": "user", "content": "mend it"}]);
    assert_eq!(question["messages"], messages);
    let tools = question["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["read_file", "write_file"]);
    for (tool, spec) in tools.iter().zip(built_in().iter().map(|tool| tool.spec())) {
        let function =
            json!({"name": spec.name, "description": spec.description, "parameters": spec.parameters});
        assert_eq!(tool, &json!({"type": "function", "function": function}));
    }
}

/// What was asked for and what came of it, in order.
fn check_last(question: &Value) {
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let asked = |calls: &[Value]| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let messages = question["messages"].as_array().unwrap();
    let read =
        [call("call_1", "read_file", r#"{"path": "a.txt"}"#), call("call_2", "read_file", r#""{oops""#)];
    assert_eq!(messages[2], asked(&read));
    assert_eq!(messages[3]["role"], "tool");
    assert_eq!(messages[3]["tool_call_id"], "call_1");
    assert!(messages[3]["content"].as_str().unwrap().contains("one"), "{}", messages[3]);
    assert_eq!(messages[4]["tool_call_id"], "call_2");
    assert!(messages[4]["content"].as_str().unwrap().starts_with("error (schema)"), "{}", messages[4]);
    let written = call("call_3", "write_file", r#"{"path": "a.txt", "content": "two"}"#);
    assert_eq!(messages[5], asked(&[written]));
    assert_eq!(messages.len(), 7);
}
