//! Who may say no: a [`Gate`] is asked before an operation and answers with its consent or its reasons.
//!
//! Services ask; invariants and hooks answer. A service that was refused does nothing and hands the reasons to its
//! caller. While a gate thinks, nothing is locked: what it was asked about may change meanwhile, and the service
//! looks again before it goes on.
//!
//! What goes wrong in a gate is a refusal: one that cannot say must not say yes. A panic of a gate goes to the
//! caller of the operation, which has then not happened.
//!
//! ```
//! use agentbus::event::PlanPhase;
//! use agentbus::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
//!
//! #[derive(Debug)]
//! struct NothingIsApplied;
//!
//! #[async_trait::async_trait]
//! impl Gate for NothingIsApplied {
//!     async fn ask(&self, question: &GateQuestion) -> GateAnswer {
//!         match question.operation {
//!             GateOperation::EnterPhase { to: PlanPhase::Apply, .. } => GateAnswer::refused(["it is Friday"]),
//!             _ => GateAnswer::Allowed,
//!         }
//!     }
//! }
//! ```

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::event::{Brief, Few, PlanId, PlanPhase, Text};

/// Somebody who may say no before an operation.
///
/// Implementors hold to this: an answer comes in bounded time, and one that cannot be found is a refusal; asking
/// changes nothing, so that a question may be asked again or given up half-way; any number of questions may be asked
/// at once. The question is asked in the scope of the plan, so that events told meanwhile carry its ids.
#[async_trait]
pub trait Gate: fmt::Debug + Send + Sync {
    /// Whether the operation may go on.
    ///
    /// # Cancel safety
    /// Must be cancel safe: a question that is dropped was never asked.
    async fn ask(&self, question: &GateQuestion) -> GateAnswer;
}

/// What a gate is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateQuestion {
    /// What is to be done.
    pub operation: GateOperation,
    /// The plan it is to be done to.
    pub plan_id: PlanId,
    /// The root of that plan's tree.
    pub root_plan_id: PlanId,
    /// The projects that the plan works on.
    pub project_names: Few<Text>,
    /// Who works on it.
    pub actor: Option<Text>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateOperation {
    /// A plan goes on to its next phase.
    EnterPhase {
        /// The phase it is in.
        from: PlanPhase,
        /// The phase it is to enter.
        to: PlanPhase,
    },
}

impl GateQuestion {
    /// Asks about an operation on a plan, that is the root of its tree until another is named.
    pub fn new(operation: GateOperation, plan_id: PlanId) -> Self {
        Self { operation, root_plan_id: plan_id.clone(), plan_id, project_names: Few::default(), actor: None }
    }

    /// The same question about a plan in the tree of that root.
    #[must_use]
    pub fn with_root_plan_id(mut self, root_plan_id: PlanId) -> Self {
        self.root_plan_id = root_plan_id;
        self
    }

    /// The same question about a plan that works on those projects.
    #[must_use]
    pub fn with_project_names(mut self, project_names: impl Into<Few<Text>>) -> Self {
        self.project_names = project_names.into();
        self
    }

    /// The same question about a plan that this actor works on.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<Text>) -> Self {
        self.actor = Some(actor.into());
        self
    }
}

/// What a gate answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal that nobody looks at refuses nothing"]
#[non_exhaustive]
pub enum GateAnswer {
    /// It may go on.
    Allowed,
    /// It may not.
    Refused {
        /// Why not; the caller of the operation gets to see it.
        reasons: Vec<Brief>,
    },
}

impl GateAnswer {
    /// A refusal for these reasons.
    pub fn refused(reasons: impl IntoIterator<Item = impl Into<Brief>>) -> Self {
        Self::Refused { reasons: reasons.into_iter().map(Into::into).collect() }
    }
}

/// Several gates as one: each is asked, in order, and the reasons of all that refuse are handed on.
#[async_trait]
impl Gate for Vec<Arc<dyn Gate>> {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        let mut refused = None;
        for gate in self {
            if let GateAnswer::Refused { reasons } = gate.ask(question).await {
                refused.get_or_insert_with(Vec::new).extend(reasons);
            }
        }
        refused.map_or(GateAnswer::Allowed, |reasons| GateAnswer::Refused { reasons })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Says(GateAnswer);

    #[async_trait]
    impl Gate for Says {
        async fn ask(&self, _question: &GateQuestion) -> GateAnswer {
            self.0.clone()
        }
    }

    fn question() -> GateQuestion {
        let operation = GateOperation::EnterPhase { from: PlanPhase::Execute, to: PlanPhase::Apply };
        GateQuestion::new(operation, "p".into())
    }

    #[tokio::test]
    async fn several_gates_hand_on_the_reasons_of_all_that_refuse() {
        let gates: Vec<Arc<dyn Gate>> = vec![
            Arc::new(Says(GateAnswer::refused(["one", "two"]))),
            Arc::new(Says(GateAnswer::Allowed)),
            Arc::new(Says(GateAnswer::refused(["three"]))),
        ];
        assert_eq!(gates.ask(&question()).await, GateAnswer::refused(["one", "two", "three"]));
    }

    #[tokio::test]
    async fn no_gate_at_all_refuses_nothing_and_a_refusal_without_reasons_is_one() {
        let none: Vec<Arc<dyn Gate>> = Vec::new();
        assert_eq!(none.ask(&question()).await, GateAnswer::Allowed);
        let silent: Vec<Arc<dyn Gate>> = vec![Arc::new(Says(GateAnswer::Refused { reasons: Vec::new() }))];
        assert_ne!(silent.ask(&question()).await, GateAnswer::Allowed);
    }
}
