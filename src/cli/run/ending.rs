//! [`Ending`]: how a run ended that was not applied.

use std::io;

use agentbus::event::{EscalationReason, PlanErrorKind, PlanId};
use agentbus::service::actor::SinkError;
use agentbus::service::budget::BudgetError;
use agentbus::service::context::{ConfigureError, ContextError};
use agentbus::service::decision::DecisionError;
use agentbus::service::invariant::InvariantError;
use agentbus::service::plan::PlanError;
use agentbus::service::resource::{IndexError, RegisterResourceError};
use agentbus::service::sandbox::SandboxError;
use agentbus::service::session::SessionError;

use super::keeping::SaveError;

/// How a run ended that was not applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ending {
    #[error("cancelled by a signal")]
    Cancelled,
    #[error("the validations do not pass: {names}")]
    NotValid { names: String },
    #[error("the actor reached a limit, {reason}: {limit}")]
    Escalated { reason: EscalationReason, limit: String },
    #[error("the actor failed: {error}")]
    Actor { error: String, is_transient: bool },
    #[error("the plan cannot go on")]
    Plan(#[from] PlanError),
    #[error("the plan cannot go on without its decisions")]
    Decision(#[from] DecisionError),
    #[error("the session cannot go on")]
    Session(#[from] SessionError),
    #[error("the session does not take what is said")]
    Unsaid(#[from] SinkError),
    #[error("the sandbox cannot be used")]
    Sandbox(#[from] SandboxError),
    #[error("what was done before the run was interrupted is lost")]
    WorkLost(#[source] SandboxError),
    #[error("plan {plan} was given up; run the task anew")]
    GivenUp { plan: PlanId },
    #[error("cannot save how far the run has come")]
    Unsaved(#[source] SaveError),
    #[error("the run was given up: its checkpoint {file} is not active any more")]
    Withdrawn { file: String },
    #[error("the budget cannot be set")]
    Budget(#[from] BudgetError),
    #[error("the project cannot be opened")]
    Open(#[source] io::Error),
    #[error("the project cannot be looked at")]
    Register(#[from] RegisterResourceError),
    #[error("the files of the project cannot be found out")]
    Index(#[from] IndexError),
    #[error("the actor cannot be shown the project")]
    Configure(#[from] ConfigureError),
    #[error("the actor cannot be shown the project")]
    Context(#[from] ContextError),
    #[error("the invariants cannot be set")]
    Invariant(#[from] InvariantError),
}

impl From<SaveError> for Ending {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Ended { file } => Self::Withdrawn { file },
            error => Self::Unsaved(error),
        }
    }
}

impl Ending {
    /// Whether the same work may succeed when it is tried again.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Actor { is_transient: true, .. })
    }
}

/// What kind of error a plan tells.
pub(super) fn error_kind(is_transient: bool) -> PlanErrorKind {
    if is_transient { PlanErrorKind::Transient } else { PlanErrorKind::Permanent }
}
