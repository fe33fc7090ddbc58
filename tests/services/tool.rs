//! Calls of tools: what surrounds every call, and, in a sandbox, the built-in ones.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use agentbus::EventType;
use agentbus::event::{
    Hash, PlanId, Scope, ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked, ToolRetried,
};
use agentbus::service::tool::{
    Approval, ApprovalDecision, ApprovalQuestion, RegisterError, SafetyProfile, Tool, ToolCall, ToolContext,
    ToolError, ToolFailure, ToolOptions, ToolOutput, ToolRuntime, ToolSpec, built_in,
};
use agentbus::testing::RecordingEventBus;
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{bus_of, until};

mod confined;
mod in_sandbox;
mod model;
mod profile;
mod program;

const INVOKED: EventType = EventType::ToolInvoked;
const ERRORED: EventType = EventType::ToolErrored;
const COMPLETED: EventType = EventType::ToolCompleted;
const RETRIED: EventType = EventType::ToolRetried;

/// A tool that does what it is told, one act a call.
#[derive(Debug)]
struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    read_only: bool,
}

#[derive(Debug)]
enum Act {
    Say(String),
    Fail,
    FailForNow,
    Panic,
    Hang,
}

#[async_trait]
impl Tool for Scripted {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({"properties": {"text": {"type": "string"}}, "additionalProperties": false});
        let spec = ToolSpec::new("scripted", "Does what it is told.", parameters);
        if self.read_only { spec.read_only() } else { spec }
    }

    async fn call(&self, _context: &ToolContext, _input: Value) -> Result<ToolOutput, ToolError> {
        let act = self.acts.lock().expect("no act panics while it is held").pop_front();
        match act.expect("a call more than the test has acts for") {
            Act::Say(text) => Ok(ToolOutput::new(text)),
            Act::Fail => Err(ToolError::failed("it is broken")),
            Act::FailForNow => Err(ToolError::transient("not now")),
            Act::Panic => panic!("at the disco"),
            Act::Hang => std::future::pending().await,
        }
    }
}

struct Fixture {
    bus: RecordingEventBus,
    tools: ToolRuntime,
}

fn runtime(options: ToolOptions, acts: impl IntoIterator<Item = Act>) -> Fixture {
    let bus = RecordingEventBus::new();
    let tools = ToolRuntime::with_options(options, Some(bus_of(&bus)));
    let acts = Mutex::new(acts.into_iter().collect());
    tools.register(Arc::new(Scripted { acts, read_only: false })).expect("it is the only one");
    Fixture { bus, tools }
}

fn scripted(acts: impl IntoIterator<Item = Act>) -> Fixture {
    runtime(ToolOptions::default(), acts)
}

fn call() -> ToolCall {
    ToolCall::new("scripted", json!({"text": "x"})).with_id("call-1")
}

impl Fixture {
    async fn fail(&self, call: ToolCall, context: &ToolContext) -> ToolFailure {
        self.tools.call(call, context).await.expect_err("the call fails")
    }

    fn errored(&self) -> (ToolErrorKind, u32) {
        let errored = self.bus.only::<ToolErrored>();
        (errored.error_kind, errored.attempts)
    }
}

#[tokio::test]
async fn a_call_that_succeeds_is_told_with_hashes_and_its_cause() {
    let fixture = scripted([Act::Say("hello".to_owned())]);
    let context = ToolContext::new().with_plan("plan-7");
    let result = Scope::new()
        .with_correlation_id("request-1")
        .run(fixture.tools.call(call(), &context))
        .await
        .unwrap();

    assert_eq!((result.output.as_str(), result.attempts, result.truncated), ("hello", 1, false));
    fixture.bus.assert_types([INVOKED, COMPLETED]);
    let invoked = fixture.bus.only::<ToolInvoked>();
    assert_eq!((invoked.tool.as_str(), invoked.read_only, invoked.input_bytes), ("scripted", false, 12));
    assert_eq!(invoked.input_hash, Hash::of(r#"{"text":"x"}"#));
    assert_eq!(invoked.call_id, "call-1");
    assert_eq!(invoked.event().plan_id().unwrap(), &"plan-7");
    let completed = fixture.bus.only::<ToolCompleted>();
    assert_eq!((completed.output_bytes, completed.output_hash), (5, Hash::of("hello")));
    assert_eq!(completed.event().causation_id(), Some(invoked.event().id()));
    assert_eq!(completed.event().correlation_id(), &"request-1");
}

#[tokio::test]
async fn an_unknown_tool_and_a_bad_input_are_refused_before_anything_is_invoked() {
    let fixture = scripted([]);
    let failure = fixture.fail(ToolCall::new("other", json!({})), &ToolContext::new()).await;
    assert_eq!(failure.to_string(), "cannot call other: there is no such tool; there is scripted");
    fixture.bus.assert_types([ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Refused, 0));
    fixture.bus.take();

    let failure = fixture.fail(ToolCall::new("scripted", json!({"text": 1})), &ToolContext::new()).await;
    assert_eq!(failure.kind, ToolErrorKind::Schema);
    fixture.bus.assert_types([ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Schema, 0));
}

#[tokio::test]
async fn a_call_of_a_tool_without_a_name_is_told_so_that_it_reads_back() {
    let fixture = scripted([]);
    fixture.fail(ToolCall::new("", json!({})), &ToolContext::new()).await;
    assert_eq!(fixture.errored(), (ToolErrorKind::Refused, 0));
    let [event] = <[_; 1]>::try_from(fixture.bus.events()).unwrap();
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<agentbus::DomainEvent>(&json).unwrap(), *event);
}

#[tokio::test]
async fn a_tool_that_panics_is_a_failure_like_others() {
    let fixture = scripted([Act::Panic, Act::Say("fine".to_owned())]);
    let failure = fixture.fail(call(), &ToolContext::new()).await;
    assert_eq!((failure.kind, failure.attempts), (ToolErrorKind::Panicked, 1));
    assert!(failure.message.contains("at the disco"), "{failure}");
    fixture.bus.assert_types([INVOKED, ERRORED]);
    assert_eq!(fixture.tools.call(call(), &ToolContext::new()).await.unwrap().output, "fine");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_again_with_growing_waits() {
    let fixture = scripted([Act::FailForNow, Act::FailForNow, Act::Say("at last".to_owned())]);
    let result = fixture.tools.call(call(), &ToolContext::new()).await.unwrap();
    assert_eq!(result.attempts, 3);
    let told: u64 = fixture.bus.all::<ToolRetried>().iter().map(|retried| retried.delay_ms).sum();
    let waited = u64::try_from(result.duration.as_millis()).unwrap();
    assert!((told..=told + 4).contains(&waited), "{told} ms were told, {waited} ms waited");
    fixture.bus.assert_types([INVOKED, RETRIED, RETRIED, COMPLETED]);
    let retried = fixture.bus.all::<ToolRetried>();
    assert_eq!((retried[0].attempt, retried[1].attempt, retried[0].max_attempts), (2, 3, 3));
    assert!((100..=200).contains(&retried[0].delay_ms), "{}", retried[0].delay_ms);
    assert!((200..=400).contains(&retried[1].delay_ms), "{}", retried[1].delay_ms);
    assert_eq!(retried[0].error, "not now");
    assert_eq!(retried[0].event().causation_id(), Some(fixture.bus.only::<ToolInvoked>().event().id()));
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_or_too_often_is_not_tried_again() {
    let fixture = scripted([Act::Fail]);
    assert_eq!(fixture.fail(call(), &ToolContext::new()).await.attempts, 1);
    let fixture = scripted([Act::FailForNow, Act::FailForNow, Act::FailForNow]);
    let failure = fixture.fail(call(), &ToolContext::new()).await;
    assert_eq!((failure.kind, failure.attempts), (ToolErrorKind::Failed, 3));
    fixture.bus.assert_types([INVOKED, RETRIED, RETRIED, ERRORED]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_ended() {
    let fixture = scripted([Act::Hang]);
    let failure = fixture.fail(call(), &ToolContext::new()).await;
    assert_eq!((failure.kind, failure.attempts), (ToolErrorKind::Timeout, 1));
    assert_eq!(failure.message, "it took longer than 30 s");
    assert_eq!(fixture.bus.only::<ToolErrored>().duration_ms, 30_000);
}

#[tokio::test]
async fn a_cancelled_call_and_a_dropped_one_are_told_as_cancelled() {
    let fixture = scripted([Act::Hang, Act::Hang]);
    let token = CancellationToken::new();
    let context = ToolContext::new().with_cancellation(token.clone());
    let (failure, ()) = tokio::join!(fixture.fail(call(), &context), async { token.cancel() });
    assert_eq!(failure.kind, ToolErrorKind::Cancelled);
    assert_eq!(fixture.errored().0, ToolErrorKind::Cancelled);
    fixture.bus.take();

    let context = ToolContext::new();
    let mut dropped = Box::pin(fixture.tools.call(call(), &context));
    tokio::select! {
        biased;
        _ = &mut dropped => panic!("it hangs"),
        () = until(|| fixture.bus.types() == [INVOKED]) => {}
    }
    drop(dropped);
    fixture.bus.assert_types([INVOKED, ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Cancelled, 1));
}

#[tokio::test]
async fn a_long_output_is_cut_at_a_character_and_hashed_whole() {
    let whole = "é".repeat(100);
    let fixture = runtime(ToolOptions::default().with_output_limit(33), [Act::Say(whole.clone())]);
    let result = fixture.tools.call(call(), &ToolContext::new()).await.unwrap();
    assert_eq!((result.output, result.truncated, result.bytes), ("é".repeat(16), true, 200));
    let completed = fixture.bus.only::<ToolCompleted>();
    assert_eq!((completed.truncated, completed.output_hash), (true, Hash::of(whole)));
}

#[derive(Debug)]
struct Never;

#[async_trait]
impl Approval for Never {
    async fn decide(&self, question: &ApprovalQuestion) -> ApprovalDecision {
        assert_ne!(question.call.id, "panic", "asked to");
        ApprovalDecision::Refused { reason: format!("nobody may {}", question.spec.name) }
    }
}

#[tokio::test]
async fn the_safety_profile_refuses_with_its_reason() {
    let denied = SafetyProfile::new().deny(["scr*"]).unwrap();
    let asked = SafetyProfile::new().with_approval(Arc::new(Never));
    for (profile, id, reason) in [
        (denied, "c", "denied by the safety profile"),
        (asked.clone(), "c", "nobody may scripted"),
        (asked, "panic", "the approval of the call panicked"),
    ] {
        let fixture = runtime(ToolOptions::default().with_profile(profile), []);
        let failure = fixture.fail(call().with_id(id), &ToolContext::new()).await;
        assert!(failure.message.contains(reason), "{failure}");
        fixture.bus.assert_types([ERRORED]);
        assert_eq!(fixture.errored(), (ToolErrorKind::Refused, 0));
    }
}

#[tokio::test]
async fn a_restricted_plan_and_one_that_used_up_its_calls_are_refused() {
    let profile = SafetyProfile::new().with_max_calls_per_plan(NonZeroU32::new(1).unwrap());
    let acts = [Act::Say(String::new()), Act::Say(String::new())];
    let fixture = runtime(ToolOptions::default().with_profile(profile), acts);
    let (plan, context) = (PlanId::from("p"), ToolContext::new().with_plan("p"));
    fixture.tools.restrict(&plan);
    assert!(fixture.fail(call(), &context).await.message.contains("read-only"));
    fixture.tools.unrestrict(&plan);
    assert!(fixture.tools.call(call(), &context).await.is_ok());
    assert!(fixture.fail(call(), &context).await.message.contains("used up its 1 calls"));
    assert!(fixture.tools.call(call(), &ToolContext::new().with_plan("other")).await.is_ok());
}

#[test]
fn a_second_tool_of_a_name_and_a_name_that_is_none_are_not_registered() {
    let tools = ToolRuntime::new(None);
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    for tool in built_in() {
        assert!(matches!(tools.register(tool), Err(RegisterError::Duplicate { .. })));
    }
    assert_eq!(tools.specs().len(), 7);
}
