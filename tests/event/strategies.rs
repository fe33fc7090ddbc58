//! Arbitrary details of every kind, built as a program builds them: by `new` and the optional fields.

use agentbus::event::*;
use agentbus::{DomainEvent, EventType};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// What a field of details can be.
pub(crate) trait Any: Sized + 'static {
    fn any() -> BoxedStrategy<Self>;
}

/// Texts that can stand in a name: never empty, no control characters.
pub(crate) fn name() -> BoxedStrategy<String> {
    prop_oneof!["[a-z][a-z0-9_-]{0,30}", "\\PC{1,60}"].boxed()
}

/// An id as the program or somebody else writes it.
fn id_text() -> BoxedStrategy<String> {
    prop_oneof![any::<[u8; 16]>().prop_map(|bytes| EventId::from_bytes(bytes).to_string()), name()].boxed()
}

macro_rules! any_by {
    ($($type:ty = $strategy:expr;)+) => {$(
        impl Any for $type {
            fn any() -> BoxedStrategy<Self> {
                $strategy.boxed()
            }
        }
    )+};
}

any_by! {
    u64 = any::<u64>();
    u32 = any::<u32>();
    bool = any::<bool>();
    // Control characters and lengths beyond the bounds too: what the program says is made to fit.
    Text = prop_oneof![name(), "(?s).{1,300}"].prop_map(Text::from);
    Brief = any::<String>().prop_map(Brief::from);
    Hash = any::<[u8; 32]>().prop_map(Hash::from_bytes);
    Usd = any::<i64>().prop_map(Usd::from_micros);
    Fraction = (0..=1_000_000_u32).prop_map(Fraction::from_millionths);
    EventId = any::<[u8; 16]>().prop_map(EventId::from_bytes);
    Timestamp = any::<i64>().prop_map(Timestamp::from_unix_nanos);
    DecisionType = Text::any().prop_map(DecisionType::from);
}

macro_rules! any_id {
    ($($id:ty),+) => {
        any_by! { $($id = id_text().prop_map(<$id>::from);)+ }
    };
}

any_id!(
    PlanId,
    SessionId,
    CorrelationId,
    DecisionId,
    InvariantId,
    CallId,
    SandboxId,
    CheckpointId,
    RunId,
    MessageId
);

macro_rules! any_word {
    ($($word:ty),+) => {
        any_by! { $($word = prop::sample::select(<$word>::ALL);)+ }
    };
}

any_word!(
    PlanPhase,
    PlanState,
    PlanErrorKind,
    CorrectionMode,
    InvariantScope,
    ActorErrorKind,
    EscalationReason,
    ToolErrorKind,
    ResourceOperation,
    ResourceChange,
    ResourceSource,
    SandboxStrategy,
    MessageRole,
    BudgetTierKind
);

impl<T: Any + std::fmt::Debug + Clone> Any for Few<T> {
    fn any() -> BoxedStrategy<Self> {
        let short = prop::collection::vec(T::any(), 0..4);
        let long = (T::any(), 60..70_usize).prop_map(|(item, count)| vec![item; count]);
        prop_oneof![4 => short, 1 => long].prop_map(Self::from).boxed()
    }
}

/// A detail that is there with that probability; surely at 1, never at 0.
fn sometimes<T: Any + std::fmt::Debug + Clone>(probability: f64) -> BoxedStrategy<Option<T>> {
    if probability <= 0.0 {
        return Just(None).boxed();
    }
    if probability >= 1.0 {
        return T::any().prop_map(Some).boxed();
    }
    prop::option::weighted(probability, T::any()).boxed()
}

macro_rules! details {
    ($($kind:ident { $($field:ident: $type:ty),* $(; $($optional:ident: $of:ty),+)? })+) => {
        /// Events of a kind, each optional detail present with that probability; none if the kind is not listed.
        #[allow(unused_mut, reason = "most kinds have no optional details")]
        pub(crate) fn events_of(kind: EventType, optional: f64) -> Option<BoxedStrategy<DomainEvent>> {
            match kind {
                $(EventType::$kind => Some(
                    ($(<$type>::any(),)* $($(sometimes::<$of>(optional),)+)?)
                        .prop_map(|($($field,)* $($($optional,)+)?)| {
                            let mut details = $kind::new($($field),*);
                            $($(details.$optional = $optional;)+)?
                            DomainEvent::new(details)
                        })
                        .boxed(),
                ),)+
                EventType::Custom(_) | EventType::Unknown => None,
            }
        }
    };
}

details! {
    PlanCreated {
        revision: u64, name: Brief, phase: PlanPhase, project_names: Few<Text>, max_reversions: u32;
        parent_plan_id: PlanId, actor: Text
    }
    PlanPhaseChanged {
        revision: u64, from: PlanPhase, to: PlanPhase, reversion: bool, reversion_count: u32; reason: Brief
    }
    PlanStateChanged { revision: u64, phase: PlanPhase, from: PlanState, to: PlanState; reason: Brief }
    PlanApplied {
        revision: u64, project_names: Few<Text>, files_changed: u64, lines_added: u64, lines_removed: u64,
        validations_passed: u64, duration_ms: u64
    }
    PlanCancelled {
        revision: u64, reason: Brief, phase: PlanPhase, state: PlanState, children_cancelled: u64
    }
    PlanErrored { revision: u64, phase: PlanPhase, error: Brief, error_kind: PlanErrorKind, attempt: u32 }
    DecisionCreated {
        revision: u64, decision_id: DecisionId, decision_type: DecisionType, sequence: u64, question: Brief,
        choice: Brief, alternatives: Few<Brief>; parent_id: DecisionId, confidence: Fraction
    }
    DecisionApproved { revision: u64, decision_id: DecisionId, approved_by: Text }
    DecisionCorrected {
        revision: u64, decision_id: DecisionId, corrected_by_id: DecisionId, mode: CorrectionMode,
        guidance: Brief, superseded_count: u64
    }
    DecisionSuperseded { revision: u64, decision_id: DecisionId, cascade: bool; superseded_by: DecisionId }
    InvariantReconciled { effective: u64, overridden: u64, conflicts: u64, invariant_ids: Few<InvariantId> }
    InvariantViolated { invariant_id: InvariantId, scope: InvariantScope, text: Brief, reason: Brief }
    InvariantEnforced { invariant_id: InvariantId, scope: InvariantScope, duration_ms: u64 }
    ActorInvoked { actor: Text, model: Text, tools: Few<Text>, max_iterations: u32 }
    ActorCompleted {
        actor: Text, iterations: u32, tool_calls: u32, input_tokens: u64, output_tokens: u64, duration_ms: u64;
        cost_usd: Usd
    }
    ActorErrored {
        actor: Text, error: Brief, error_kind: ActorErrorKind, cancelled: bool, iterations: u32;
        input_tokens: u64, output_tokens: u64, cost_usd: Usd, duration_ms: u64
    }
    ActorEscalated {
        actor: Text, reason: EscalationReason, limit: Text, iterations: u32;
        input_tokens: u64, output_tokens: u64, cost_usd: Usd, duration_ms: u64
    }
    ToolInvoked { tool: Text, call_id: CallId, input_hash: Hash, input_bytes: u64, read_only: bool }
    ToolCompleted {
        tool: Text, call_id: CallId, attempts: u32, duration_ms: u64, output_bytes: u64, output_hash: Hash,
        truncated: bool
    }
    ToolErrored {
        tool: Text, call_id: CallId, error: Brief, error_kind: ToolErrorKind, attempts: u32, duration_ms: u64
    }
    ToolRetried {
        tool: Text, call_id: CallId, attempt: u32, max_attempts: u32, error: Brief, delay_ms: u64
    }
    ResourceAccessed { resource: Text, operation: ResourceOperation, bytes: u64 }
    ResourceModified {
        resource: Text, path: Text, change: ResourceChange, source: ResourceSource;
        from_path: Text, bytes: u64
    }
    ResourceIndexed {
        resource: Text, files: u64, added: u64, changed: u64, removed: u64, bytes: u64, duration_ms: u64,
        incremental: bool
    }
    SandboxCreated {
        sandbox_id: SandboxId, strategy: SandboxStrategy, files: u64, bytes: u64, duration_ms: u64
    }
    SandboxCommitted {
        sandbox_id: SandboxId, files_added: u64, files_changed: u64, files_removed: u64, lines_added: u64,
        lines_removed: u64, duration_ms: u64
    }
    SandboxRolledBack {
        sandbox_id: SandboxId, reason: Brief, files_reverted: u64; to_checkpoint: CheckpointId
    }
    CheckpointCreated {
        checkpoint_id: CheckpointId, sandbox_id: SandboxId, reason: Brief, files: u64, new_bytes: u64
    }
    CheckpointRestored {
        checkpoint_id: CheckpointId, sandbox_id: SandboxId, files_restored: u64, files_removed: u64
    }
    ContextBuilt {
        fragments: u64, dropped: u64, deduplicated: u64, tokens: u64, budget: u64, sources: u64,
        failed_sources: u64, duration_ms: u64
    }
    ContextQueryExecuted { source: Text, query_hash: Hash, results: u64, duration_ms: u64 }
    ValidationStarted { run_id: RunId, required: u64, informational: u64, attempt: u32 }
    ValidationPassed { run_id: RunId, passed: u64, informational_failed: u64, duration_ms: u64 }
    ValidationFailed {
        run_id: RunId, failed: Few<Text>, errored: Few<Text>, passed: u64, duration_ms: u64
    }
    SessionCreated { imported: bool; title: Brief }
    SessionMessageSent {
        message_id: MessageId, sequence: u64, role: MessageRole, bytes: u64, tokens: u64, content_hash: Hash
    }
    BudgetWarning { tier: BudgetTierKind, scope_id: Text, spent_usd: Usd, limit_usd: Usd, threshold: Fraction }
    BudgetExceeded {
        tier: BudgetTierKind, scope_id: Text, spent_usd: Usd, requested_usd: Usd, limit_usd: Usd;
        reserved_usd: Usd
    }
}

/// One event of a kind, with all its optional details or none of them; always the same.
#[expect(clippy::unwrap_used, reason = "every kind has a strategy, and none rejects")]
pub(crate) fn example(kind: EventType, optional: f64) -> DomainEvent {
    let mut runner = TestRunner::deterministic();
    events_of(kind, optional).unwrap().new_tree(&mut runner).unwrap().current()
}

/// Events of any kind of the domain.
#[expect(clippy::unwrap_used, reason = "every kind has a strategy")]
pub(crate) fn events() -> BoxedStrategy<DomainEvent> {
    prop::sample::select(&EventType::ALL[..]).prop_flat_map(|kind| events_of(kind, 0.5).unwrap()).boxed()
}

#[test]
fn every_kind_has_a_strategy() {
    for kind in EventType::ALL {
        assert!(events_of(kind, 0.5).is_some(), "{kind}");
        assert_eq!(example(kind, 0.5).event_type(), kind);
    }
}

#[test]
fn the_details_of_every_kind_survive_json() {
    for kind in EventType::ALL {
        let mut runner = TestRunner::new(ProptestConfig { cases: 64, ..ProptestConfig::default() });
        let outcome = runner.run(&events_of(kind, 0.5).unwrap(), |event| {
            prop_assert_eq!(crate::through_json(&event), event);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{kind}: {failure}"));
    }
}
