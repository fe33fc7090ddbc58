//! Models that play recordings: what stands in place of an answer.

use agentbus::event::ActorErrorKind;
use agentbus::service::actor::{
    Actor, ActorOutcome, ActorRuntime, ActorTask, Conversation, LanguageModel, ModelError, TranscriptError,
    TranscriptModel,
};
use agentbus::service::tool::ToolRuntime;
use serde_json::{Value, json};

fn transcript(replies: &Value) -> Result<TranscriptModel, TranscriptError> {
    TranscriptModel::parse("t.json", json!({ "replies": replies }).to_string().as_bytes())
}

fn answer() -> Value {
    json!({ "choices": [{ "message": { "content": "done" }, "finish_reason": "stop" }] })
}

#[tokio::test]
async fn a_recorded_error_is_played_in_its_turn_and_says_whether_it_may_pass() {
    let recorded = |status| json!({ "error": { "status": status, "message": "no" } });
    let model = transcript(&json!([recorded(503), recorded(429), recorded(400), { "response": answer() }]));
    let model = model.unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(model.respond(&Conversation::new(), &[]).await.map(|reply| reply.text));
    }
    let unavailable = |status| Err(ModelError::Unavailable { message: format!("status {status}: no") });
    let refused = ModelError::Failed { message: "status 400: no".to_owned() };
    assert!(!refused.is_transient());
    assert_eq!(told, [unavailable(503), unavailable(429), Err(refused), Ok("done".to_owned())]);
}

#[tokio::test]
async fn an_actor_whose_model_is_not_available_fails_for_now() {
    let model = transcript(&json!([{ "error": { "status": 503, "message": "overloaded" } }])).unwrap();
    let actor = Actor::new("agents/a", std::sync::Arc::new(model));
    let run = |actor| async move {
        ActorRuntime::new(ToolRuntime::new(None), None).run(actor, ActorTask::new("go")).await
    };
    let ActorOutcome::Errored { failure, .. } = run(&actor).await else { panic!("it did not fail") };
    assert_eq!((failure.kind, failure.is_transient), (ActorErrorKind::Model, true));
    assert_eq!(failure.message, "the model is not available: status 503: overloaded");
    // The second time there is no reply left, which no waiting will change.
    let ActorOutcome::Errored { failure, .. } = run(&actor).await else { panic!("it did not fail") };
    assert!(!failure.is_transient, "{failure:?}");
}

#[test]
fn an_entry_is_a_response_or_an_error_and_not_both() {
    let both = json!({ "response": answer(), "error": { "status": 500, "message": "no" } });
    for entry in [both, json!({})] {
        let error = transcript(&json!([entry])).unwrap_err();
        assert!(error.to_string().contains("exactly one of `response` and `error`"), "{error}");
    }
}
