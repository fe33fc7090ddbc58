//! How a run of an actor ended, and what it did: [`ActorOutcome`], [`ActorReport`].

use std::time::Duration;

use super::model::{Conversation, Usage};
use crate::event::{ActorErrorKind, EscalationReason, Usd};

/// How a run of an actor ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ActorOutcome {
    /// The model answered without tools.
    Completed {
        /// The answer.
        answer: String,
        /// What it took.
        report: ActorReport,
    },
    /// A limit was reached.
    Escalated {
        /// Which.
        escalation: Escalation,
        /// What was done until then.
        report: ActorReport,
    },
    /// The model failed, or the failure policy ended it.
    Errored {
        /// Why.
        failure: ActorFailure,
        /// What was done until then.
        report: ActorReport,
    },
    /// It was cancelled.
    Cancelled {
        /// What was done until then.
        report: ActorReport,
    },
}

impl ActorOutcome {
    /// What was done.
    pub fn report(&self) -> &ActorReport {
        match self {
            Self::Completed { report, .. }
            | Self::Escalated { report, .. }
            | Self::Errored { report, .. }
            | Self::Cancelled { report } => report,
        }
    }
}

/// Which limit an actor reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Escalation {
    /// Which.
    pub reason: EscalationReason,
    /// How much was allowed, with its unit.
    pub limit: String,
}

/// Why an actor failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorFailure {
    /// What kind of failure it is.
    pub kind: ActorErrorKind,
    /// What happened.
    pub message: String,
    /// Whether the same run may succeed later, as when the model could not be reached.
    pub is_transient: bool,
}

/// What a run of an actor did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActorReport {
    /// How often it asked the model.
    pub iterations: u32,
    /// How many tools it called.
    pub tool_calls: u32,
    /// How many tokens that took, as far as the answers say.
    pub usage: Usage,
    /// What that cost; 0 without a budget. An answer that does not say what it took counts as it was estimated.
    pub cost: Usd,
    /// How long it took.
    pub duration: Duration,
    /// Everything that was said.
    pub conversation: Conversation,
    /// How many answers did not say what they took.
    pub unmetered: u32,
    /// How many messages the sink did not take.
    pub unrecorded: u32,
}

impl Default for ActorReport {
    fn default() -> Self {
        Self {
            iterations: 0,
            tool_calls: 0,
            usage: Usage::default(),
            cost: Usd::ZERO,
            duration: Duration::ZERO,
            conversation: Conversation::new(),
            unmetered: 0,
            unrecorded: 0,
        }
    }
}
