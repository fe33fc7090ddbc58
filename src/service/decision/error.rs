//! [`DecisionError`]: why a decision was not taken, or stayed as it was.

use crate::event::{DecisionId, DecisionType, NameError, PlanId};
use crate::service::restore::RestoreFault;

/// Why nothing was done. Nothing has changed then, and nothing was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// There is no such decision.
    #[error("no decision {decision}")]
    Unknown {
        /// The id asked for.
        decision: DecisionId,
    },
    /// There is a decision of that id.
    #[error("cannot record decision {decision}: there is one already")]
    Exists {
        /// The id.
        decision: DecisionId,
    },
    /// A name or an id cannot be one.
    #[error("cannot take that {what}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// The decision is the root of its plan, which can only be appended to.
    #[error("cannot {asked} decision {decision}: it is the root of its plan and can only be appended to")]
    Root {
        /// The root.
        decision: DecisionId,
        /// What was asked: revert or supersede.
        asked: &'static str,
    },
    /// The plan has a root, and the decision would be another.
    #[error("cannot record another prompt_definition in plan {plan}: its root is decision {root}")]
    SecondRoot {
        /// The plan.
        plan: PlanId,
        /// Its root.
        root: DecisionId,
    },
    /// Only a root, of type `prompt_definition`, has no parent.
    #[error("cannot record a decision of type {decision_type} in plan {plan} without a parent")]
    Rootless {
        /// The plan.
        plan: PlanId,
        /// The type of the decision.
        decision_type: DecisionType,
    },
    /// A decision that was named, as parent or as successor, belongs to another plan.
    #[error("cannot relate a decision of plan {plan} to decision {other}: that is of plan {actual}")]
    OtherPlan {
        /// The plan.
        plan: PlanId,
        /// The decision that was named.
        other: DecisionId,
        /// Its plan.
        actual: PlanId,
    },
    /// The decision was superseded and cannot change any more.
    #[error("cannot {asked} decision {decision}: it is superseded")]
    Superseded {
        /// The decision.
        decision: DecisionId,
        /// What was asked.
        asked: &'static str,
    },
    /// The decision would be superseded by one that falls with it.
    #[error("cannot supersede decision {decision} by {by}, which would fall with it")]
    Within {
        /// The decision.
        decision: DecisionId,
        /// The one that was to take its place.
        by: DecisionId,
    },
    /// What was decided in the plan could not be restored from the journal.
    #[error("cannot use the decisions of plan {plan}: they could not be restored from the journal")]
    Broken {
        /// The plan.
        plan: PlanId,
        /// What its events lack.
        #[source]
        source: RestoreFault,
    },
}
