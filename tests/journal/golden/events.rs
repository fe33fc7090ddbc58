//! The events of the golden journal, as a program builds them: one of each kind of the domain, and stranger ones.

use agentbus::event::*;
use agentbus::{DomainEvent, custom_kinds};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LaneEntered {
    pub(super) lane: u32,
    pub(super) by: Option<String>,
}

custom_kinds! { LaneEntered = "golden.lane_entered" }

/// What no build ever declares.
pub(super) const UNKNOWN_KIND: &str = "golden.never_declared";

fn usd(micros: i64) -> Usd {
    Usd::from_micros(micros)
}

fn hash() -> Hash {
    Hash::of("golden")
}

/// All that an event can have sets its details; the optional ones by `$key: $value`.
macro_rules! with {
    ($details:expr $(, $key:ident: $value:expr)+) => {{
        let mut details = $details;
        $(details.$key = Some($value.into());)+
        DomainEvent::new(details)
    }};
}

/// One event of each kind of the domain, in their order, with every optional detail.
pub(super) fn of_every_kind() -> Vec<DomainEvent> {
    let mut events = about_plans();
    events.extend(about_decisions());
    events.extend(about_actors_and_tools());
    events.extend(about_sandboxes());
    events.extend(about_the_rest());
    events
}

fn about_plans() -> Vec<DomainEvent> {
    use PlanPhase::{Action, Apply, Execute, Strategize};
    vec![
        with!(PlanCreated::new(1, "mend the greeter", Action, ["greeter"], 3), parent_plan_id: "plan-0", actor: "planner"),
        with!(PlanPhaseChanged::new(2, Action, Strategize, false, 0), reason: "asked for"),
        with!(PlanStateChanged::new(3, Strategize, PlanState::Queued, PlanState::Processing), reason: "its turn"),
        DomainEvent::new(PlanApplied::new(4, ["greeter", "docs"], 3, 20, 4, 2, 1_500)),
        DomainEvent::new(PlanCancelled::new(5, "not wanted", Execute, PlanState::Constrained, 2)),
        DomainEvent::new(PlanErrored::new(6, Apply, "disk full", PlanErrorKind::Transient, 2)),
    ]
}

fn about_decisions() -> Vec<DomainEvent> {
    vec![
        with!(
            DecisionCreated::new(1, "d-2", Text::from("house_style"), 1, "how?", "by hand", ["by tool", "not at all"]),
            parent_id: "d-1", confidence: Fraction::from_millionths(875_000)
        ),
        DomainEvent::new(DecisionApproved::new(2, "d-2", "ada")),
        DomainEvent::new(DecisionCorrected::new(3, "d-2", "d-3", CorrectionMode::Revert, "smaller steps", 1)),
        with!(DecisionSuperseded::new(4, "d-2", true), superseded_by: "d-3"),
        DomainEvent::new(InvariantReconciled::new(5, 1, 1, ["i-1", "i-2"])),
        DomainEvent::new(InvariantViolated::new(
            "i-1",
            InvariantScope::Global,
            "no network",
            "it called home",
        )),
        DomainEvent::new(InvariantEnforced::new("i-2", InvariantScope::Project, 7)),
    ]
}

fn about_actors_and_tools() -> Vec<DomainEvent> {
    vec![
        DomainEvent::new(ActorInvoked::new("coder", "small-model", ["read_file", "run_command"], 12)),
        DomainEvent::new(ActorCompleted::new("coder", 4, 9, 20_000, 3_000, 61_000)),
        DomainEvent::new(ActorErrored::new("coder", "gone", ActorErrorKind::Cancelled, true, 2)),
        DomainEvent::new(ActorEscalated::new("coder", EscalationReason::Budget, "0.50 USD", 3)),
        DomainEvent::new(ToolInvoked::new("read_file", "c-1", hash(), 42, true)),
        DomainEvent::new(ToolCompleted::new("read_file", "c-1", 1, 3, 1_024, hash(), false)),
        DomainEvent::new(ToolErrored::new(
            "run_command",
            "c-2",
            "no such file",
            ToolErrorKind::Failed,
            2,
            12,
        )),
        DomainEvent::new(ToolRetried::new("run_command", "c-2", 2, 3, "busy", 100)),
        DomainEvent::new(ResourceAccessed::new("greeter", ResourceOperation::List, 512)),
        with!(
            ResourceModified::new("greeter", "src/lib.rs", ResourceChange::Moved, ResourceSource::Tool),
            from_path: "src/old.rs", bytes: 2_048_u64
        ),
        DomainEvent::new(ResourceIndexed::new("greeter", 30, 2, 3, 1, 90_000, 12, true)),
    ]
}

fn about_sandboxes() -> Vec<DomainEvent> {
    vec![
        DomainEvent::new(SandboxCreated::new("s-1", SandboxStrategy::GitWorktree, 30, 90_000, 8)),
        DomainEvent::new(SandboxCommitted::new("s-1", 1, 2, 0, 20, 4, 9)),
        with!(SandboxRolledBack::new("s-1", "validation failed", 3), to_checkpoint: "cp-1"),
        DomainEvent::new(CheckpointCreated::new("cp-1", "s-1", "before the edit", 3, 4_096)),
        DomainEvent::new(CheckpointRestored::new("cp-1", "s-1", 3, 1)),
    ]
}

fn about_the_rest() -> Vec<DomainEvent> {
    let failed: Vec<_> = (1..=70).map(|number| format!("test-{number}")).collect();
    vec![
        DomainEvent::new(ContextBuilt::new(12, 2, 1, 3_500, 4_000, 3, 1, 40)),
        DomainEvent::new(ContextQueryExecuted::new("notes", hash(), 5, 6)),
        DomainEvent::new(ValidationStarted::new("run-1", 2, 1, 1)),
        DomainEvent::new(ValidationPassed::new("run-1", 2, 1, 3_000)),
        DomainEvent::new(ValidationFailed::new("run-2", failed, ["lint"], 1, 2_000)),
        with!(SessionCreated::new(true), title: "Übung №1: 日本語, עברית, 🦀\u{200d}✓"),
        DomainEvent::new(SessionMessageSent::new("m-1", 1, MessageRole::Assistant, 64, 16, hash())),
        DomainEvent::new(BudgetWarning::new(
            BudgetTierKind::Session,
            "s-1",
            usd(800_001),
            usd(1_000_000),
            Fraction::from_millionths(800_000),
        )),
        with!(
            BudgetExceeded::new(BudgetTierKind::Organisation, "organisation", usd(9), usd(5), usd(10)),
            reserved_usd: usd(-1)
        ),
    ]
}

/// Events whose envelope is out of the ordinary, and that have secrets.
pub(super) fn with_envelopes() -> Vec<DomainEvent> {
    let plain = || DomainEvent::new(SessionCreated::new(false));
    let trace = TraceContext::new([7; 16], [8; 8], 1).unwrap();
    vec![
        plain()
            .with_plan_id("01ARZ3NDEKTSV4RRFFQ69G5FAV")
            .with_root_plan_id("plan \"one\" / 計画")
            .with_session_id("s-1")
            .with_correlation_id("request-7")
            .with_causation_id("01ARZ3NDEKTSV4RRFFQ69G5FAW".parse::<EventId>().unwrap())
            .with_actor_name("agents/planner")
            .with_project_name("greeter \\ \u{2028} \u{7f}")
            .with_user_identity("ada@example.org")
            .with_trace(trace),
        plain()
            .with_attribute("password", "hunter2")
            .with_attribute("numbers", serde_json::json!([0, -1, 1.5, 1e300, u64::MAX, null, true]))
            .with_attribute("text", "line\nbreak\ttab \u{0} \u{1f} \u{fffd} e\u{301}"),
        plain().with_actor_name("Bearer sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"),
        DomainEvent::new(LaneEntered { lane: 3, by: Some("ada".to_owned()) }),
    ]
}

/// Events that came from outside: emitted by a bus, of a kind or with keys that no build knows, told by a journal.
pub(super) fn from_outside() -> Vec<DomainEvent> {
    let head = |number: u32, kind: &str| {
        format!(
            r#""id":"01KG9QRXP000000000000000{number:02}","event_type":"{kind}","timestamp":"2026-01-31T09:29:59.123456789Z""#
        )
    };
    let correlation = r#""correlation_id":"c-1""#;
    let texts = [
        format!(
            r#"{{{},"origin":"01ARZ3NDEKTSV4RRFFQ69G5FAX","seq":7,{correlation},"details":{{"imported":false}}}}"#,
            head(1, "session.created")
        ),
        format!(
            r#"{{{},{correlation},"later":{{"x":[1.50,1E2]}},"details":{{"imported":true,"colour":"gr\u00fcn"}}}}"#,
            head(2, "session.created")
        ),
        format!(r#"{{{},{correlation},"details":[1.0,{{"a":null}},"x"]}}"#, head(3, UNKNOWN_KIND)),
        format!(r#"{{{},{correlation},"details":{{"events":3}}}}"#, head(4, "journal.gap")),
    ];
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}
