//! Approvals that hang, or come too late, and limits that many calls reach at once.

use std::num::NonZeroU32;
use std::sync::Arc;

use agentbus::event::{PlanId, ToolErrorKind};
use agentbus::service::tool::{
    Approval, ApprovalDecision, ApprovalQuestion, RegisterError, SafetyProfile, Tool, ToolCall, ToolContext,
    ToolError, ToolOptions, ToolOutput, ToolRuntime, ToolSpec, built_in,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Act, COMPLETED, ERRORED, INVOKED, call, runtime};

/// Approves once it is let to, and tells that it was asked.
#[derive(Debug)]
struct Slow {
    asked: Semaphore,
    may_answer: Semaphore,
}

#[async_trait]
impl Approval for Slow {
    async fn decide(&self, _question: &ApprovalQuestion) -> ApprovalDecision {
        self.asked.add_permits(1);
        let _answered = self.may_answer.acquire().await;
        ApprovalDecision::Approved
    }
}

fn slow() -> (Arc<Slow>, ToolOptions) {
    let slow = Arc::new(Slow { asked: Semaphore::new(0), may_answer: Semaphore::new(0) });
    (slow.clone(), ToolOptions::default().with_profile(SafetyProfile::new().with_approval(slow)))
}

#[tokio::test]
async fn an_approval_that_hangs_ends_with_the_call() {
    let (slow, options) = slow();
    let fixture = runtime(options, []);
    let token = CancellationToken::new();
    let context = ToolContext::new().with_cancellation(token.clone());
    let (failure, ()) = tokio::join!(fixture.fail(call(), &context), async {
        slow.asked.acquire().await.unwrap().forget();
        token.cancel();
    });
    assert_eq!(failure.kind, ToolErrorKind::Cancelled);
    fixture.bus.assert_types([ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Cancelled, 0));
    fixture.bus.take();

    let context = ToolContext::new();
    tokio::select! {
        failure = fixture.fail(call(), &context) => panic!("{failure:?}"),
        asked = slow.asked.acquire() => asked.unwrap().forget(),
    }
    fixture.bus.assert_types([ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Cancelled, 0));
}

#[tokio::test]
async fn an_approval_that_comes_after_the_plan_became_read_only_is_void() {
    let (slow, options) = slow();
    let fixture = runtime(options, []);
    let context = ToolContext::new().with_plan("p");
    let (failure, ()) = tokio::join!(fixture.fail(call(), &context), async {
        let _asked = slow.asked.acquire().await.unwrap();
        fixture.tools.restrict(&PlanId::from("p"));
        slow.may_answer.add_permits(1);
    });
    assert!(failure.message.contains("read-only"), "{failure}");
    fixture.bus.assert_types([ERRORED]);
    assert_eq!(fixture.errored(), (ToolErrorKind::Refused, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_has_exactly_its_calls_however_many_come_at_once() {
    let (slow, options) = slow();
    let profile = options.profile.clone().with_max_calls_per_plan(NonZeroU32::new(10).unwrap());
    let fixture = runtime(options.with_profile(profile), (0..10).map(|_| Act::Say(String::new())));
    let context = ToolContext::new().with_plan("p");
    let calls: Vec<_> = (0..64)
        .map(|nth| {
            let (tools, context) = (fixture.tools.clone(), context.clone());
            let call = call().with_id(format!("call-{nth}"));
            tokio::spawn(async move { tools.call(call, &context).await })
        })
        .collect();
    // All of them are allowed before the first is counted.
    let _all_asked = slow.asked.acquire_many(64).await.unwrap();
    slow.may_answer.add_permits(64);
    let mut done = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => done += 1,
            Err(failure) => assert!(failure.message.contains("used up its 10 calls"), "{failure}"),
        }
    }
    let count = |kind| fixture.bus.types().into_iter().filter(|of| *of == kind).count();
    assert_eq!((done, count(INVOKED), count(COMPLETED), count(ERRORED)), (10, 10, 10, 54));
}

#[tokio::test]
async fn what_may_not_be_called_is_told_neither_by_suggestion_nor_by_its_schema() {
    let profile = SafetyProfile::new().deny(["run_*", "write_*"]).unwrap();
    let tools = ToolRuntime::with_options(ToolOptions::default().with_profile(profile), None);
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    let fail = async |tool: &str, context: &ToolContext| {
        let call = ToolCall::new(tool, json!({"bad": 1}));
        let failure = tools.call(call, context).await.unwrap_err();
        (failure.kind, failure.message)
    };
    let refused = |message: &str| (ToolErrorKind::Refused, message.to_owned());
    let all = ToolContext::new();
    let known =
        "there is no such tool; there is delete_file, list_files, read_file, replace_in_file, search_files";
    assert_eq!(fail("write", &all).await, refused(known));
    let denied = "the tool write_file is denied by the safety profile";
    assert_eq!(fail("write_file", &all).await, refused(denied));
    let some = ToolContext::new().with_only(["read_file", "run_command"]);
    assert_eq!(fail("read", &some).await, refused("there is no such tool; there is read_file"));
    let message = "it is not among the tools that may be called here";
    assert_eq!(fail("delete_file", &some).await, refused(message));
    let none = ToolContext::new().with_only(["write_file"]);
    assert_eq!(fail("read", &none).await, refused("there is no such tool; there is none"));
}

/// A tool that cannot say what it is, or has a schema that is none.
#[derive(Debug)]
struct Odd(Option<Value>);

#[async_trait]
impl Tool for Odd {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("odd", "Odd.", self.0.clone().expect("at the disco"))
    }

    async fn call(&self, _: &ToolContext, _: Value) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::new("never"))
    }
}

#[test]
fn a_tool_with_a_bad_schema_or_a_spec_that_panics_is_not_registered() {
    let tools = ToolRuntime::new(None);
    let error = tools.register(Arc::new(Odd(None))).unwrap_err();
    assert_eq!(error.to_string(), "cannot register a tool: its spec panicked: at the disco");
    let remote = json!({"properties": {"x": {"$ref": "https://example.com/x"}}});
    let error = tools.register(Arc::new(Odd(Some(remote)))).unwrap_err();
    assert!(
        matches!(&error, RegisterError::Schema { place, .. } if place == "#/properties/x/$ref"),
        "{error:?}"
    );
    assert!(error.to_string().starts_with("cannot register odd: "), "{error}");
    assert!(tools.specs().is_empty());
    tools.register(Arc::new(Odd(Some(json!({}))))).unwrap();
}
