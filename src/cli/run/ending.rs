//! [`Ending`]: how a run ended that was not applied.

use agentbus::event::EscalationReason;
use agentbus::service::actor::SinkError;
use agentbus::service::budget::BudgetError;
use agentbus::service::decision::DecisionError;
use agentbus::service::plan::PlanError;
use agentbus::service::sandbox::SandboxError;
use agentbus::service::session::SessionError;

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
    Actor { error: String },
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
    #[error("the budget cannot be set")]
    Budget(#[from] BudgetError),
}

impl Ending {
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}
