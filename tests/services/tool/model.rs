//! Random calls from many tasks against a model of what each must tell.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbus::event::{PlanId, ToolErrorKind};
use agentbus::service::tool::{
    Tool, ToolCall, ToolContext, ToolError, ToolOptions, ToolOutput, ToolRuntime, ToolSpec,
};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventType};
use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::bus_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    Fail,
    Transient,
    Refuse,
    Panic,
    Hang,
    Cancel,
}

#[derive(Clone, Debug)]
enum Op {
    Register(usize),
    Restrict(usize),
    Unrestrict(usize),
    Call { tool: usize, plan: usize, fits: bool, outcomes: Vec<Outcome> },
}

fn ops() -> impl Strategy<Value = Vec<Vec<Op>>> {
    use Outcome::{Cancel, Fail, Hang, Ok, Panic, Refuse, Transient};
    let outcome = prop_oneof![3 => Just(Transient), 2 => Just(Ok), 1 => prop_oneof![
        Just(Fail), Just(Refuse), Just(Panic), Just(Hang), Just(Cancel)]];
    let outcomes = prop::collection::vec(outcome, 3);
    let call = (0..4_usize, 0..3_usize, prop::bool::weighted(0.9), outcomes);
    let op = prop_oneof![
        1 => (0..4_usize).prop_map(Op::Register),
        1 => (0..2_usize).prop_map(Op::Restrict),
        1 => (0..2_usize).prop_map(Op::Unrestrict),
        6 => call.prop_map(|(tool, plan, fits, outcomes)| Op::Call { tool, plan, fits, outcomes }),
    ];
    prop::collection::vec(prop::collection::vec(op, 0..8), 1..6)
}

/// The outcomes to come, by the number of a call, and what cancels it.
type Scripts = Arc<Mutex<HashMap<u64, (Vec<Outcome>, CancellationToken)>>>;

/// Does what the script of a call says; the even ones change nothing.
#[derive(Debug)]
struct Scripted {
    nth: usize,
    scripts: Scripts,
}

#[async_trait]
impl Tool for Scripted {
    fn spec(&self) -> ToolSpec {
        let schema = json!({"properties": {"call": {"type": "integer"}}, "required": ["call"]});
        let spec = ToolSpec::new(format!("tool-{}", self.nth), "Does as it is told.", schema);
        if self.nth.is_multiple_of(2) { spec.read_only() } else { spec }
    }

    async fn call(&self, _context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let (outcome, token) = {
            let mut scripts = self.scripts.lock().expect("nothing panics while it is held");
            let (outcomes, token) = scripts.get_mut(&input["call"].as_u64().unwrap()).unwrap();
            (outcomes.remove(0), token.clone())
        };
        tokio::task::yield_now().await;
        match outcome {
            Outcome::Ok => Ok(ToolOutput::new("done")),
            Outcome::Fail => Err(ToolError::failed("broken")),
            Outcome::Transient => Err(ToolError::transient("not now")),
            Outcome::Refuse => Err(ToolError::refused("must not be")),
            Outcome::Panic => panic!("at the disco"),
            Outcome::Hang => std::future::pending().await,
            Outcome::Cancel => {
                token.cancel();
                std::future::pending().await
            }
        }
    }
}

/// How a call that was invoked must end: after so many attempts, in that kind, if in none well.
fn expected(outcomes: &[Outcome]) -> (u32, Option<ToolErrorKind>) {
    let ended = outcomes.iter().position(|outcome| *outcome != Outcome::Transient);
    let attempts = u32::try_from(ended.unwrap_or(2) + 1).unwrap();
    let kind = match ended.map(|nth| outcomes[nth]) {
        Some(Outcome::Ok) => return (attempts, None),
        Some(Outcome::Refuse) => ToolErrorKind::Refused,
        Some(Outcome::Panic) => ToolErrorKind::Panicked,
        Some(Outcome::Hang) => ToolErrorKind::Timeout,
        Some(Outcome::Cancel) => ToolErrorKind::Cancelled,
        _ => ToolErrorKind::Failed,
    };
    (attempts, Some(kind))
}

/// Runs all of it, and checks what each call told.
async fn run(tasks: Vec<Vec<Op>>) {
    let bus = RecordingEventBus::new();
    let options = ToolOptions::default().with_timeout(Duration::from_secs(1));
    let tools = ToolRuntime::with_options(options, Some(bus_of(&bus)));
    let scripts = Scripts::default();
    let (mut running, mut calls) = (Vec::new(), BTreeMap::new());
    for (task, ops) in tasks.into_iter().enumerate() {
        for (nth, op) in ops.iter().enumerate() {
            if let Op::Call { .. } = op {
                calls.insert((task * 100 + nth) as u64, op.clone());
            }
        }
        let (tools, scripts) = (tools.clone(), scripts.clone());
        running.push(tokio::spawn(async move {
            for (nth, op) in ops.into_iter().enumerate() {
                one(&tools, &scripts, (task * 100 + nth) as u64, op).await;
                tokio::task::yield_now().await;
            }
        }));
    }
    for task in running {
        task.await.unwrap();
    }
    for (number, op) in calls {
        let id = format!("call-{number}");
        let is_of = |event: &&Arc<DomainEvent>| json_of(event)["details"]["call_id"] == id.as_str();
        let events: Vec<_> = bus.events().iter().filter(is_of).cloned().collect();
        check(&op, &events);
    }
}

async fn one(tools: &ToolRuntime, scripts: &Scripts, number: u64, op: Op) {
    let plan = |nth: usize| PlanId::from(format!("plan-{nth}"));
    match op {
        // A second one of the name is refused.
        Op::Register(nth) => drop(tools.register(Arc::new(Scripted { nth, scripts: scripts.clone() }))),
        Op::Restrict(nth) => tools.restrict(&plan(nth)),
        Op::Unrestrict(nth) => tools.unrestrict(&plan(nth)),
        Op::Call { tool, plan: nth, fits, outcomes } => {
            let token = CancellationToken::new();
            let script = (outcomes, token.clone());
            scripts.lock().expect("nothing panics while it is held").insert(number, script);
            let input = if fits { json!({"call": number}) } else { json!({"call": "none"}) };
            let call = ToolCall::new(format!("tool-{tool}"), input).with_id(format!("call-{number}"));
            let context = ToolContext::new().with_plan(plan(nth)).with_cancellation(token);
            let result = tools.call(call, &context).await;
            assert_eq!(
                result.map_or_else(|failure| failure.call_id, |done| done.call_id),
                format!("call-{number}").as_str()
            );
        }
    }
}

fn json_of(event: &DomainEvent) -> Value {
    serde_json::to_value(event).unwrap()
}

fn check(op: &Op, events: &[Arc<DomainEvent>]) {
    let Op::Call { tool, plan, fits, outcomes } = op else { panic!("only calls are checked") };
    let last = json_of(events.last().expect("each call tells how it ended"));
    assert_eq!(last["plan_id"], format!("plan-{plan}"));
    if events[0].event_type() != EventType::ToolInvoked {
        assert_eq!(events.len(), 1, "{events:#?}");
        let (kind, error) = (&last["details"]["error_kind"], last["details"]["error"].as_str().unwrap());
        assert_eq!(last["details"]["attempts"], 0);
        let may_be_read_only = tool % 2 == 1 && *plan < 2 && error.contains("read-only");
        let is_refused = error.contains("no such tool") || may_be_read_only;
        assert!(if is_refused { kind == "refused" } else { kind == "schema" && !fits }, "{last:#}");
        return;
    }
    assert!(fits);
    let (attempts, kind) = expected(outcomes);
    let retries = vec![EventType::ToolRetried; attempts as usize - 1];
    let end = if kind.is_some() { EventType::ToolErrored } else { EventType::ToolCompleted };
    let types: Vec<_> = [EventType::ToolInvoked].into_iter().chain(retries).chain([end]).collect();
    let told: Vec<_> = events.iter().map(|event| event.event_type()).collect();
    assert_eq!(told, types, "{outcomes:?}");
    assert_eq!(last["details"]["attempts"], attempts);
    assert_eq!(last["details"].get("error_kind").cloned(), kind.map(|kind| json!(kind.to_string())));
    for (nth, event) in events.iter().enumerate().skip(1) {
        assert_eq!(event.causation_id(), Some(events[0].id()));
        assert_eq!(event.correlation_id(), events[0].correlation_id());
        if event.event_type() == EventType::ToolRetried {
            let details = json_of(event)["details"].clone();
            assert_eq!((&details["attempt"], &details["max_attempts"]), (&json!(nth + 1), &json!(3)));
            let delay = details["delay_ms"].as_u64().unwrap();
            let most = 200 << (nth - 1);
            assert!((most / 2..=most).contains(&delay), "{delay}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_call_tells_exactly_what_its_outcome_says(tasks in ops()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(run(tasks));
    }
}
