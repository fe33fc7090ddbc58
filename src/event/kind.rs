//! The list of the thirty-eight kinds, and all that is made from it: [`EventType`], [`Payload`], wire names,
//! categories, severities, flags. Nowhere else is the list repeated.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::class::{Category, Severity, Traits};
use super::custom::{self, CustomKind, CustomPayload, KindNameError};

/// The details of one kind of event.
///
/// Implemented for the structs of this module by the list of kinds, for the embedder's own by
/// [`custom_kinds!`](crate::custom_kinds).
pub trait Details: fmt::Debug + Send + Sync + 'static {
    /// The kind whose details these are.
    const TYPE: EventType;

    /// The payload that holds them.
    fn into_payload(self) -> Payload;

    /// These details, if `payload` holds them.
    fn of(payload: &Payload) -> Option<&Self>;
}

/// The type in which a payload holds its details: boxed where they are larger than 128 bytes.
macro_rules! held {
    ($details:ident) => { super::$details };
    ($details:ident boxed) => { Box<super::$details> };
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident $(($boxed:ident))? = $name:literal, $category:ident, $severity:ident $(, $flag:ident)*;)+) => {
        /// What kind of event it is.
        #[derive(Clone, Copy)]
        pub enum EventType {
            $($(#[$doc])* $kind,)+
            /// A kind that the program declared.
            Custom(&'static CustomKind),
            /// A kind that nobody declared, read from outside; its name is kept in the payload.
            Unknown,
        }

        /// The details of an event, by kind.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Payload {
            $($(#[$doc])* $kind(held!($kind $($boxed)?)),)+
            /// A kind of the embedder's own, or one that this build does not know.
            Custom(CustomPayload),
        }

        /// The kinds without data, for their numbers.
        enum Number { $($kind,)+ Custom, Unknown }

        impl EventType {
            /// The thirty-eight kinds of the domain, in the order of their list.
            pub const ALL: [Self; Number::Custom as usize] = [$(Self::$kind,)+];

            /// Its number: 0 to 37 for the domain's, one for all custom kinds, one for unknown ones.
            pub(crate) const fn number(self) -> usize {
                match self {
                    $(Self::$kind => Number::$kind as usize,)+
                    Self::Custom(_) => Number::Custom as usize,
                    Self::Unknown => Number::Unknown as usize,
                }
            }

            /// The kind of the domain that has this wire name.
            pub(crate) fn built_in(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// Its dotted name on the wire; `unknown` for [`EventType::Unknown`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                    Self::Custom(kind) => kind.name(),
                    Self::Unknown => "unknown",
                }
            }

            const fn traits(self) -> Traits {
                match self {
                    $(Self::$kind => Traits::new(Category::$category, Severity::$severity)$(.$flag())*,)+
                    Self::Custom(kind) => kind.traits(),
                    Self::Unknown => Traits::CUSTOM,
                }
            }
        }

        impl Payload {
            /// The kind of event that has this payload.
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$kind(_) => EventType::$kind,)+
                    Self::Custom(custom) => custom.event_type(),
                }
            }

            pub(super) fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $(Self::$kind(details) => <super::$kind as super::wire::Wire>::write(details, map),)+
                    Self::Custom(_) => Ok(()),
                }
            }

            /// Reads the details of a kind of the domain.
            pub(super) fn read<'de, A: serde::de::MapAccess<'de>>(
                event_type: EventType,
                map: A,
                rest: &mut super::wire::Rest,
            ) -> Result<Self, A::Error> {
                match event_type {
                    $(EventType::$kind => <super::$kind as super::wire::Wire>::read(map, rest).map(Details::into_payload),)+
                    EventType::Custom(_) | EventType::Unknown => {
                        Err(serde::de::Error::custom("only a kind of the domain has known details"))
                    }
                }
            }
        }

        $(impl From<super::$kind> for Payload {
            fn from(details: super::$kind) -> Self {
                details.into_payload()
            }
        })+

        $(impl Details for super::$kind {
            const TYPE: EventType = EventType::$kind;

            fn into_payload(self) -> Payload {
                Payload::$kind(self.into())
            }

            fn of(payload: &Payload) -> Option<&Self> {
                match payload {
                    Payload::$kind(details) => Some(details),
                    _ => None,
                }
            }
        })+
    };
}

event_kinds! {
    /// A plan was created.
    PlanCreated = "plan.created", Plan, Info;
    /// A plan entered another phase.
    PlanPhaseChanged = "plan.phase_changed", Plan, Info;
    /// A plan changed its state within a phase.
    PlanStateChanged = "plan.state_changed", Plan, Info;
    /// A plan was applied.
    PlanApplied = "plan.applied", Plan, Info, critical;
    /// A plan was cancelled.
    PlanCancelled = "plan.cancelled", Plan, Warn, critical;
    /// A phase of a plan failed.
    PlanErrored = "plan.errored", Plan, Error, critical;
    /// A decision was recorded.
    DecisionCreated(boxed) = "decision.created", Decision, Info;
    /// A decision was approved.
    DecisionApproved = "decision.approved", Decision, Info, security;
    /// A decision was corrected.
    DecisionCorrected = "decision.corrected", Decision, Info;
    /// A decision was superseded.
    DecisionSuperseded = "decision.superseded", Decision, Warn;
    /// The invariants that hold for a plan were reconciled.
    InvariantReconciled = "invariant.reconciled", Invariant, Info;
    /// An invariant was violated.
    InvariantViolated = "invariant.violated", Invariant, Error, critical, security;
    /// An invariant held.
    InvariantEnforced = "invariant.enforced", Invariant, Info;
    /// An actor began its loop.
    ActorInvoked = "actor.invoked", Actor, Info;
    /// An actor came to a natural end.
    ActorCompleted = "actor.completed", Actor, Info, critical;
    /// An actor failed or was cancelled.
    ActorErrored = "actor.errored", Actor, Error, critical;
    /// An actor reached a limit.
    ActorEscalated = "actor.escalated", Actor, Warn, critical;
    /// A tool was called.
    ToolInvoked = "tool.invoked", Tool, Info;
    /// A call of a tool succeeded.
    ToolCompleted = "tool.completed", Tool, Info;
    /// A call of a tool was refused or failed.
    ToolErrored = "tool.errored", Tool, Error, critical, security;
    /// A call of a tool is tried again.
    ToolRetried = "tool.retried", Tool, Warn;
    /// A resource was read.
    ResourceAccessed = "resource.accessed", Resource, Info;
    /// A resource was changed.
    ResourceModified = "resource.modified", Resource, Info, security;
    /// A resource was indexed.
    ResourceIndexed = "resource.indexed", Resource, Info;
    /// A sandbox was made.
    SandboxCreated = "sandbox.created", Sandbox, Info;
    /// The changes in a sandbox were committed.
    SandboxCommitted = "sandbox.committed", Sandbox, Info, critical, security;
    /// The changes in a sandbox were undone.
    SandboxRolledBack = "sandbox.rolled_back", Sandbox, Warn, critical, security;
    /// A checkpoint of a sandbox was made.
    CheckpointCreated = "checkpoint.created", Sandbox, Info;
    /// A sandbox was put back to a checkpoint.
    CheckpointRestored = "checkpoint.restored", Sandbox, Info, security;
    /// A context was assembled.
    ContextBuilt = "context.built", Context, Info;
    /// The context was queried.
    ContextQueryExecuted = "context.query_executed", Context, Info;
    /// A run of validations began.
    ValidationStarted = "validation.started", Validation, Info;
    /// No required validation failed.
    ValidationPassed = "validation.passed", Validation, Info, critical;
    /// A required validation failed, or one could not say.
    ValidationFailed = "validation.failed", Validation, Error, critical;
    /// A session was created.
    SessionCreated = "session.created", Session, Info, security;
    /// A message was appended to a session.
    SessionMessageSent = "session.message_sent", Session, Info;
    /// A share of a budget was spent.
    BudgetWarning = "budget.warning", Cost, Warn, critical;
    /// A reservation or a cost did not fit a budget.
    BudgetExceeded = "budget.exceeded", Cost, Error, critical, security;
}

/// The text names no kind of the domain and none that was declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEventTypeError {
    /// It is no name of a kind at all.
    #[error("not the name of a kind of event")]
    Name(#[source] KindNameError),
    /// It could be one, but nobody declared it.
    #[error("no kind of event is called \"{name}\"; a kind of your own must be declared first")]
    Undeclared {
        /// The name.
        name: String,
    },
}

impl EventType {
    /// How many numbers [`EventType::number`] gives.
    pub(crate) const NUMBERS: usize = Number::Unknown as usize + 1;

    /// The part of the domain it belongs to.
    pub const fn category(self) -> Category {
        self.traits().category
    }

    /// How much it asks for attention.
    pub const fn severity(self) -> Severity {
        self.traits().severity
    }

    /// Whether it travels in the critical ring, which chatter cannot overrun.
    pub const fn is_critical(self) -> bool {
        self.traits().is_critical
    }

    /// Whether it belongs to the audit class.
    pub const fn is_security(self) -> bool {
        self.traits().is_security
    }

    /// Declares a kind of the embedder's own, so that events of that name are read as
    /// [`EventType::Custom`]. Declaring a name again gives the same kind.
    ///
    /// # Errors
    /// [`DeclareError`](custom::DeclareError) if the name is outside the grammar, belongs to the domain, or
    /// [`MAX_DECLARED`](custom::MAX_DECLARED) kinds are declared.
    pub fn declare(name: &str) -> Result<Self, custom::DeclareError> {
        custom::declare(name).map(Self::Custom)
    }

    /// The kind called `name`: of the domain, declared, or [`EventType::Unknown`].
    ///
    /// # Errors
    /// [`KindNameError`] if no kind can have that name.
    pub fn named(name: &str) -> Result<Self, KindNameError> {
        if let Some(built_in) = Self::built_in(name) {
            return Ok(built_in);
        }
        custom::check_kind_name(name)?;
        Ok(custom::declared(name).map_or(Self::Unknown, Self::Custom))
    }
}

impl PartialEq for EventType {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // A kind may have been declared by name and by `custom_kinds!`: the name is what counts.
            (Self::Custom(kind), Self::Custom(other)) => kind.name() == other.name(),
            _ => self.number() == other.number(),
        }
    }
}

impl Eq for EventType {}

impl Hash for EventType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = ParseEventTypeError;
    fn from_str(name: &str) -> Result<Self, ParseEventTypeError> {
        match Self::named(name).map_err(ParseEventTypeError::Name)? {
            Self::Unknown => Err(ParseEventTypeError::Undeclared { name: name.to_owned() }),
            known => Ok(known),
        }
    }
}

impl serde::Serialize for EventType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_thirty_eight_have_names_of_their_own() {
        let names: HashSet<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), 38);
        for kind in EventType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(custom::check_kind_name(kind.as_str()), Ok(()));
        }
    }

    #[test]
    fn numbers_follow_the_list() {
        for (number, kind) in EventType::ALL.into_iter().enumerate() {
            assert_eq!(kind.number(), number);
        }
        assert_eq!(EventType::Unknown.number(), EventType::NUMBERS - 1);
    }

    #[test]
    fn every_error_is_critical() {
        for kind in EventType::ALL.into_iter().filter(|kind| kind.severity() == Severity::Error) {
            assert!(kind.is_critical(), "{kind}");
        }
    }

    #[test]
    fn a_payload_is_small() {
        assert!(size_of::<Payload>() <= 136, "{}", size_of::<Payload>());
    }
}
