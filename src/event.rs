//! What happened: [`DomainEvent`] and everything it is made of.
//!
//! An event is a fact in the past. It is built with [`DomainEvent::new`], which takes its time and id from one
//! reading of the clock and the rest of its envelope from the current [`Scope`]; setters override that until it is
//! emitted. From then on it is immutable and shared as `Arc<DomainEvent>`.
//!
//! Reading an event from JSON refuses what is not one, with an error that names the key. What is well formed but
//! not known to this build (a kind, a key of the envelope, a detail) is kept as it was written and written back.
//!
//! ```
//! use agentbus::event::{PlanCreated, PlanPhase};
//! use agentbus::{DomainEvent, EventType};
//!
//! let details = PlanCreated::new(1, "mend the greeter", PlanPhase::Action, ["greeter"], 3);
//! let event = DomainEvent::new(details).with_plan_id("plan-7");
//! assert_eq!(event.event_type(), EventType::PlanCreated);
//!
//! let json = serde_json::to_string(&event)?;
//! let read: DomainEvent = serde_json::from_str(&json)?;
//! assert_eq!(read, event);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod actor;
mod budget;
mod class;
mod context;
mod custom;
mod decision;
mod envelope;
mod few;
mod hash;
mod id;
mod invariant;
mod kind;
mod plan;
mod resource;
mod sandbox;
pub mod scope;
mod session;
pub(crate) mod source;
pub(crate) mod text;
mod time;
mod tool;
mod trace;
mod usd;
mod validation;
mod wire;

pub use actor::{
    ActorCompleted, ActorErrorKind, ActorErrored, ActorEscalated, ActorInvoked, EscalationReason,
};
pub use budget::{BudgetExceeded, BudgetTierKind, BudgetWarning};
pub use class::{Category, Severity};
pub use context::{ContextBuilt, ContextQueryExecuted};
#[doc(hidden)]
pub use custom::into_payload as into_custom_payload;
pub use custom::{
    CustomKind, CustomPayload, CustomPayloadError, DeclareError, KindNameError, MAX_DECLARED, MAX_KIND_BYTES,
};
pub use decision::{
    CorrectionMode, DecisionApproved, DecisionCorrected, DecisionCreated, DecisionSuperseded, DecisionType,
};
pub use envelope::DomainEvent;
pub use few::{Few, MAX_FEW_ITEMS};
pub use hash::{Hash, ParseHashError};
pub use id::{
    CallId, CheckpointId, CorrelationId, DecisionId, EventId, InvariantId, MessageId, Origin, PlanId, RunId,
    SandboxId, Seq, SessionId, Turn,
};
pub use invariant::{InvariantEnforced, InvariantReconciled, InvariantScope, InvariantViolated};
pub use kind::{Details, EventType, ParseEventTypeError, Payload};
pub use plan::{
    PlanApplied, PlanCancelled, PlanCreated, PlanErrorKind, PlanErrored, PlanPhase, PlanPhaseChanged,
    PlanState, PlanStateChanged,
};
pub use resource::{
    ResourceAccessed, ResourceChange, ResourceIndexed, ResourceModified, ResourceOperation, ResourceSource,
};
pub use sandbox::{
    CheckpointCreated, CheckpointRestored, SandboxCommitted, SandboxCreated, SandboxRolledBack,
    SandboxStrategy,
};
pub use scope::Scope;
pub use session::{MessageRole, SessionCreated, SessionMessageSent};
pub use text::{Brief, CUT_MARK, MAX_BRIEF_BYTES, MAX_NAME_BYTES, NameError, Text};
pub use time::{ParseTimestampError, Timestamp};
pub use tool::{ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked, ToolRetried};
pub use trace::{ParseTraceContextError, TraceContext};
pub use usd::{Fraction, FractionError, ParseUsdError, Usd};
pub use validation::{ValidationFailed, ValidationPassed, ValidationStarted};
pub use wire::UnknownWord;
