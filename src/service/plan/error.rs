//! [`PlanError`]: why a plan stayed as it was.

use super::PlanMove;
use crate::event::{Brief, NameError, PlanId, PlanPhase, PlanState};
use crate::service::restore::RestoreFault;

/// Why nothing was done. Nothing has changed then, and nothing was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There is no such plan.
    #[error("no plan {plan}")]
    Unknown {
        /// The id asked for.
        plan: PlanId,
    },
    /// There is a plan of that id.
    #[error("cannot create plan {plan}: there is one already")]
    Exists {
        /// The id.
        plan: PlanId,
    },
    /// A name or an id cannot be one.
    #[error("cannot create a plan with that {what}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// The move does not lead anywhere from the plan's phase and state.
    #[error("cannot {asked} plan {plan}: it is {state} in phase {phase}")]
    Refused {
        /// The plan.
        plan: PlanId,
        /// What was asked of it.
        asked: PlanMove,
        /// The phase it is in.
        phase: PlanPhase,
        /// Its state there.
        state: PlanState,
    },
    /// It went back as often as it may.
    #[error(
        "cannot revert plan {plan}: it went back {max} times, as often as it may; cancel it and begin anew"
    )]
    TooManyReversions {
        /// The plan.
        plan: PlanId,
        /// How often it may.
        max: u32,
    },
    /// The gate said no.
    #[error("cannot advance plan {plan} to {to}: {}", listed(reasons))]
    Gate {
        /// The plan.
        plan: PlanId,
        /// The phase it was to enter.
        to: PlanPhase,
        /// What the gate said.
        reasons: Vec<Brief>,
    },
    /// The plan changed while the gate was asked.
    #[error(
        "cannot advance plan {plan}: it went from revision {expected} to {actual} while the gate was asked"
    )]
    Changed {
        /// The plan.
        plan: PlanId,
        /// The revision that the gate was asked about.
        expected: u64,
        /// The revision now.
        actual: u64,
    },
    /// It could not be restored from the journal.
    #[error("cannot use plan {plan}: it could not be restored from the journal; begin another")]
    Broken {
        /// The plan.
        plan: PlanId,
        /// What its events lack.
        #[source]
        source: RestoreFault,
    },
}

fn listed(reasons: &[Brief]) -> String {
    if reasons.is_empty() { "the gate refused without a reason".to_owned() } else { reasons.join("; ") }
}
