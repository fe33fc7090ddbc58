//! Actors that play transcripts, and models that misbehave.

use std::fs;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbus::EventType;
use agentbus::event::{
    ActorCompleted, ActorErrorKind, ActorErrored, ActorEscalated, ActorInvoked, BudgetExceeded,
    EscalationReason, ToolErrored, ToolInvoked, Usd,
};
use agentbus::service::BudgetService;
use agentbus::service::actor::{
    Actor, ActorBudget, ActorLimits, ActorOutcome, ActorRuntime, ActorTask, Conversation, ConversationSink,
    FailurePolicy, LanguageModel, Message, ModelError, Reply, SinkError, TokenPrices, ToolRequest,
    TranscriptModel, Usage,
};
use agentbus::service::budget::BudgetTier;
use agentbus::service::tool::{Tool, ToolContext, ToolError, ToolOutput, ToolRuntime, ToolSpec, built_in};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::support::{World, until};

mod paying;

fn asks(calls: &[(&str, &str, Value)]) -> Value {
    let calls: Vec<_> = calls
        .iter()
        .map(|(id, name, arguments)| {
            json!({"id": id, "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}})
        })
        .collect();
    json!({"response": {"model": "some-model",
        "choices": [{"message": {"role": "assistant", "content": null, "tool_calls": calls}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10}}})
}

fn answers(text: &str) -> Value {
    json!({"response": {"choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 20}}})
}

fn transcript(replies: &[Value]) -> Arc<TranscriptModel> {
    let json = json!({"replies": replies}).to_string();
    Arc::new(TranscriptModel::parse("talk.json", json.as_bytes()).expect("the test writes good ones"))
}

/// A model that never answers, or panics.
#[derive(Debug)]
enum Odd {
    Silent,
    Panicking,
    Empty,
}

#[async_trait]
impl LanguageModel for Odd {
    fn name(&self) -> &'static str {
        "odd"
    }

    async fn respond(&self, _: &Conversation, _: &[ToolSpec]) -> Result<Reply, ModelError> {
        match self {
            Self::Silent => std::future::pending().await,
            Self::Panicking => panic!("at the disco"),
            Self::Empty => Ok(Reply::default()),
        }
    }
}

struct Fixture {
    world: World,
    actors: ActorRuntime,
    context: ToolContext,
}

async fn fixture() -> Fixture {
    let world = World::new();
    let tools = ToolRuntime::new(world.bus());
    for tool in built_in() {
        tools.register(tool).expect("each has its name");
    }
    let context = ToolContext::in_sandbox(world.sandbox().await);
    world.bus.take();
    let actors = ActorRuntime::new(tools, world.bus());
    Fixture { world, actors, context }
}

impl Fixture {
    fn task(&self) -> ActorTask {
        ActorTask::new("mend it").with_context(self.context.clone())
    }

    async fn run(&self, actor: &Actor) -> ActorOutcome {
        self.actors.run(actor, self.task()).await
    }
}

fn contents(outcome: &ActorOutcome) -> Vec<String> {
    let tool = |message: &Message| match message {
        Message::Tool { content, .. } => Some(content.clone()),
        _ => None,
    };
    outcome.report().conversation.messages().filter_map(tool).collect()
}

#[tokio::test]
async fn an_actor_calls_tools_until_the_model_answers() {
    let it = fixture().await;
    let mut last = answers("It is mended.");
    last["expect"] = json!({"last_tool_result_contains": "wrote 4 bytes"});
    let model = transcript(&[
        asks(&[("call_1", "read_file", json!({"path": "a.txt"}))]),
        asks(&[("call_2", "write_file", json!({"path": "a.txt", "content": "four"}))]),
        last,
    ]);
    let outcome = it.run(&Actor::new("mender", model).with_instructions("Mend.")).await;

    let ActorOutcome::Completed { answer, report } = outcome else { panic!("{outcome:?}") };
    assert_eq!((answer.as_str(), report.iterations, report.tool_calls), ("It is mended.", 3, 2));
    assert_eq!(report.usage, Usage { input_tokens: 400, output_tokens: 40 });
    assert_eq!(report.conversation.len(), 7);
    let types = it.world.bus.types();
    assert_eq!((types[0], types[types.len() - 1]), (EventType::ActorInvoked, EventType::ActorCompleted));
    let invoked = it.world.bus.only::<ActorInvoked>();
    assert_eq!((invoked.actor.as_str(), invoked.model.as_str()), ("mender", "some-model"));
    assert_eq!((invoked.tools.len(), invoked.max_iterations), (7, 25));
    assert_eq!(invoked.event().plan_id().unwrap(), &"plan-7");
    let completed = it.world.bus.only::<ActorCompleted>();
    assert_eq!((completed.iterations, completed.tool_calls, completed.input_tokens), (3, 2, 400));
    assert_eq!(completed.event().causation_id(), Some(invoked.event().id()));
    for called in it.world.bus.all::<ToolInvoked>() {
        assert_eq!(called.event().causation_id(), Some(invoked.event().id()));
        assert_eq!(called.event().actor_name().unwrap().as_str(), "mender");
    }
}

#[tokio::test]
async fn a_failing_tool_is_told_to_the_model_and_the_loop_goes_on() {
    let it = fixture().await;
    let mut malformed = asks(&[("call_1", "read_file", json!(null))]);
    malformed["response"]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = json!("{oops");
    let model = transcript(&[
        malformed,
        asks(&[("call_1", "no_such_tool", json!({})), ("call_1", "read_file", json!({"path": "nowhere"}))]),
        answers("I give up."),
    ]);
    let outcome = it.run(&Actor::new("mender", model)).await;
    assert!(matches!(outcome, ActorOutcome::Completed { .. }), "{outcome:?}");
    let told = contents(&outcome);
    assert!(told[0].starts_with("error (schema): the input must be an object"), "{told:?}");
    assert!(told[1].starts_with("error (refused): there is no such tool"), "{told:?}");
    assert!(told[2].starts_with("error (failed): cannot open nowhere"), "{told:?}");
    let mut ids: Vec<_> = it.world.bus.all::<ToolErrored>().iter().map(|e| e.call_id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "an id that a model uses twice still names one call");
}

#[tokio::test]
async fn a_policy_can_end_the_loop_after_failures_in_a_row() {
    let it = fixture().await;
    let bad = || asks(&[("c", "read_file", json!({"path": "nowhere"}))]);
    let good = asks(&[("c", "read_file", json!({"path": "a.txt"}))]);
    let model = transcript(&[bad(), good, bad(), bad(), answers("never said")]);
    let policy = FailurePolicy::StopAfter(NonZeroU32::new(2).unwrap());
    let outcome = it.run(&Actor::new("mender", model).with_failure_policy(policy)).await;
    let ActorOutcome::Errored { failure, report } = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.kind, report.iterations), (ActorErrorKind::Policy, 4));
    let errored = it.world.bus.only::<ActorErrored>();
    assert_eq!(
        (errored.error_kind, errored.cancelled, errored.iterations),
        (ActorErrorKind::Policy, false, 4)
    );
}

#[tokio::test]
async fn a_model_that_fails_panics_or_says_nothing_ends_the_loop() {
    let mut wrong = answers("x");
    wrong["expect"] = json!({"last_tool_result_contains": "hello"});
    let models: [(Arc<dyn LanguageModel>, &str); 4] = [
        (transcript(&[]), "talk.json has no reply 1"),
        (transcript(&[wrong]), "reply 1 of talk.json expects a last tool result that contains \"hello\""),
        (Arc::new(Odd::Panicking), "it panicked: at the disco"),
        (Arc::new(Odd::Empty), "neither a text nor a call"),
    ];
    for (model, text) in models {
        let it = fixture().await;
        let outcome = it.run(&Actor::new("mender", model)).await;
        let ActorOutcome::Errored { failure, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, ActorErrorKind::Model);
        assert!(failure.message.contains(text), "{failure:?}");
        it.world.bus.assert_types([EventType::ActorInvoked, EventType::ActorErrored]);
    }
}

#[tokio::test]
async fn a_limit_that_is_reached_escalates_and_says_which() {
    let reads = || asks(&[("c", "read_file", json!({"path": "a.txt"})), ("d", "list_files", json!({}))]);
    let usual = ActorLimits::default();
    let (one, two) = (NonZeroU32::MIN, NonZeroU32::new(2).unwrap());
    let limits = [
        (ActorLimits { max_iterations: one, ..usual }, EscalationReason::MaxIterations, "1 iteration", 1),
        (ActorLimits { max_iterations: two, ..usual }, EscalationReason::MaxIterations, "2 iterations", 2),
        (ActorLimits { max_tool_calls: 1, ..usual }, EscalationReason::MaxToolCalls, "1 call of a tool", 1),
        (ActorLimits { max_tool_calls: 3, ..usual }, EscalationReason::MaxToolCalls, "3 calls of tools", 2),
    ];
    for (limits, reason, limit, iterations) in limits {
        let it = fixture().await;
        let outcome =
            it.run(&Actor::new("a", transcript(&[reads(), reads(), reads()])).with_limits(limits)).await;
        let ActorOutcome::Escalated { escalation, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!((escalation.reason, escalation.limit.as_str()), (reason, limit));
        let told = it.world.bus.only::<ActorEscalated>();
        assert_eq!((told.reason, told.limit.as_str(), told.iterations), (reason, limit, iterations));
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_a_limit_like_others() {
    let actors = ActorRuntime::new(ToolRuntime::new(None), None);
    let limits = ActorLimits { timeout: Duration::from_secs(90), ..ActorLimits::default() };
    let actor = Actor::new("a", Arc::new(Odd::Silent)).with_limits(limits);
    let outcome = actors.run(&actor, ActorTask::new("x")).await;
    let ActorOutcome::Escalated { escalation, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!((escalation.reason, escalation.limit.as_str()), (EscalationReason::Timeout, "90 s"));
    assert_eq!(outcome.report().iterations, 1);
}

#[tokio::test]
async fn a_cancelled_actor_and_a_dropped_one_are_told_as_cancelled_after_their_tools() {
    let it = fixture().await;
    let sleeps = || transcript(&[asks(&[("c", "run_command", json!({"command": ["sleep", "1000"]}))])]);
    let token = CancellationToken::new();
    let task = it.task().with_context(it.context.clone().with_cancellation(token.clone()));
    let is_sleeping = || it.world.bus.types().contains(&EventType::ToolInvoked);
    let actor = Actor::new("a", sleeps());
    let (outcome, ()) = tokio::join!(it.actors.run(&actor, task), async {
        until(is_sleeping).await;
        token.cancel();
    });
    assert!(matches!(outcome, ActorOutcome::Cancelled { .. }), "{outcome:?}");
    let types =
        [EventType::ActorInvoked, EventType::ToolInvoked, EventType::ToolErrored, EventType::ActorErrored];
    it.world.bus.assert_types(types);
    assert!(it.world.bus.only::<ActorErrored>().cancelled);
    it.world.bus.take();

    let actor = Actor::new("a", sleeps());
    tokio::select! {
        outcome = it.run(&actor) => panic!("{outcome:?}"),
        () = until(is_sleeping) => {}
    }
    let errored = it.world.bus.only::<ActorErrored>();
    assert_eq!((errored.error_kind, errored.cancelled), (ActorErrorKind::Cancelled, true));
    until(|| it.world.bus.types().contains(&EventType::ToolErrored)).await;
}

/// A tool that waits until so many others are under way.
#[derive(Debug)]
struct Meets {
    name: &'static str,
    read_only: bool,
    barrier: Arc<Barrier>,
    /// How many calls are under way.
    inside: Arc<AtomicUsize>,
    order: Arc<Mutex<Vec<&'static str>>>,
}

#[async_trait]
impl Tool for Meets {
    fn spec(&self) -> ToolSpec {
        let spec = ToolSpec::new(self.name, "Meets others.", json!({}));
        if self.read_only { spec.read_only() } else { spec }
    }

    async fn call(&self, _: &ToolContext, _: Value) -> Result<ToolOutput, ToolError> {
        let others = self.inside.fetch_add(1, Ordering::SeqCst);
        if self.read_only {
            self.barrier.wait().await;
        } else {
            // Whoever else were let in would come now.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!((others, self.inside.load(Ordering::SeqCst)), (0, 1), "it is not alone");
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.order.lock().expect("nothing panics while it is held").push(self.name);
        Ok(ToolOutput::new(self.name))
    }
}

#[tokio::test]
async fn neighbours_that_change_nothing_run_together_and_results_keep_their_order() {
    let world = World::new();
    let tools = ToolRuntime::new(None);
    let (barrier, order) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
    let inside = Arc::new(AtomicUsize::new(0));
    for (name, read_only) in [("looks", true), ("peeks", true), ("writes", false)] {
        let (barrier, inside, order) = (barrier.clone(), inside.clone(), order.clone());
        tools.register(Arc::new(Meets { name, read_only, barrier, inside, order })).unwrap();
    }
    let calls = ["looks", "peeks", "writes", "writes", "peeks", "looks"].map(|name| (name, name, json!({})));
    let model = transcript(&[asks(&calls), answers("met")]);
    let outcome =
        ActorRuntime::new(tools, world.bus()).run(&Actor::new("a", model), ActorTask::new("x")).await;
    assert!(matches!(outcome, ActorOutcome::Completed { .. }), "{outcome:?}");
    assert_eq!(contents(&outcome), ["looks", "peeks", "writes", "writes", "peeks", "looks"]);
    assert_eq!(order.lock().unwrap()[2..4], ["writes", "writes"]);
}

#[tokio::test]
async fn a_tool_that_is_not_the_actors_is_refused() {
    let it = fixture().await;
    let model = transcript(&[
        asks(&[("c", "write_file", json!({"path": "a.txt", "content": "x"}))]),
        answers("not allowed"),
    ]);
    let outcome = it.run(&Actor::new("reader", model).with_tools(["read_file"])).await;
    assert!(contents(&outcome)[0].starts_with("error (refused)"));
    assert_eq!(it.world.bus.only::<ActorInvoked>().tools.len(), 1);
    assert_eq!(it.world.read("a.txt"), "one\ntwo\nthree\n");
}

#[derive(Debug, Default)]
struct Sink {
    heard: Mutex<Vec<Message>>,
}

#[async_trait]
impl ConversationSink for Sink {
    async fn append(&self, message: &Message) -> Result<(), SinkError> {
        if matches!(message, Message::Tool { .. }) {
            return Err(SinkError::new("closed"));
        }
        self.heard.lock().expect("nothing panics while it is held").push(message.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_hears_each_message_and_ends_nothing_when_it_fails() {
    let it = fixture().await;
    let sink = Arc::new(Sink::default());
    let model = transcript(&[asks(&[("c", "list_files", json!({}))]), answers("done")]);
    let task = it.task().with_sink(sink.clone());
    let outcome = it.actors.run(&Actor::new("a", model).with_instructions("Be."), task).await;
    assert!(matches!(outcome, ActorOutcome::Completed { .. }), "{outcome:?}");
    assert_eq!(outcome.report().unrecorded, 1);
    let heard = sink.heard.lock().unwrap();
    assert_eq!(heard[..2], [Message::System("Be.".to_owned()), Message::User("mend it".to_owned())]);
    assert_eq!(heard.len(), 4);
}

#[test]
fn a_bad_transcript_is_refused_with_the_file_and_the_number_of_the_reply() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    let good = answers("x");
    let mut cut = answers("x");
    cut["response"]["choices"][0]["finish_reason"] = json!("length");
    for (content, text) in [
        ("{".to_owned(), "talk.json is not an object with a list `replies`"),
        (json!({"replys": []}).to_string(), "is not an object with a list `replies`"),
        (json!({"replies": [good, {"expects": {}}]}).to_string(), "reply 2 of the transcript"),
        (
            json!({"replies": [{"response": {"choices": []}}]}).to_string(),
            "cannot be played: it has no choice",
        ),
        (json!({"replies": [good, cut]}).to_string(), "cannot be played: it was cut at the limit of tokens"),
    ] {
        fs::write(&file, content).unwrap();
        let error = TranscriptModel::open(&file).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("talk.json"), "{error}");
    }
    assert!(TranscriptModel::open(folder.path().join("missing.json")).is_err());
    fs::write(&file, json!({"replies": [good]}).to_string()).unwrap();
    let model = TranscriptModel::open(&file).unwrap();
    assert_eq!((model.remaining(), model.name()), (1, "transcript"));
}

#[test]
fn a_request_is_what_a_model_wrote() {
    let request = ToolRequest { id: "c".to_owned(), name: "n".to_owned(), arguments: "{}".to_owned() };
    let reply = Reply::new("").with_tool_calls([request.clone()]);
    assert_eq!(reply.tool_calls, [request]);
}
