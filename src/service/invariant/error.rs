//! [`InvariantError`]: why nothing was done.

use super::Reach;
use crate::event::{InvariantId, NameError, PlanId, Text};

/// Why nothing was done. Nothing has changed then, and nothing was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvariantError {
    /// There is no such invariant.
    #[error("no invariant {invariant}")]
    Unknown {
        /// The id asked for.
        invariant: InvariantId,
    },
    /// There is an invariant of that id, removed or not.
    #[error("cannot add invariant {invariant}: there is one already")]
    Exists {
        /// The id.
        invariant: InvariantId,
    },
    /// A name, an id or a text cannot be one.
    #[error("cannot take that {what}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// Only a global invariant can be marked non-overridable.
    #[error("cannot add a non-overridable invariant for {reach}: only a global one can be that")]
    NotGlobal {
        /// How far it was to reach.
        reach: Reach,
    },
    /// Two non-overridable invariants of one key could not both beat all.
    #[error(
        "cannot add another non-overridable invariant of key {key}: invariant {holder} is one; remove it first"
    )]
    KeyTaken {
        /// The key.
        key: Text,
        /// The one that has it.
        holder: InvariantId,
    },
    /// The invariant was removed.
    #[error("cannot {asked} invariant {invariant}: it was removed")]
    Removed {
        /// The invariant.
        invariant: InvariantId,
        /// What was asked of it.
        asked: &'static str,
    },
    /// The invariant needs no check: it has one, or is a statement.
    #[error("cannot give invariant {invariant} a check: it lacks none")]
    CheckNotMissing {
        /// The invariant.
        invariant: InvariantId,
    },
    /// Of the plan's projects some are not named, and an invariant might be of one of those.
    #[error(
        "cannot tell which invariants hold for plan {plan}: {unnamed} of its projects are not named, and \
         invariant {invariant} might be of one of them; give the plan fewer projects"
    )]
    UnnamedProjects {
        /// The plan.
        plan: PlanId,
        /// How many are not named.
        unnamed: u64,
        /// The invariant, of a project that is not among those named.
        invariant: InvariantId,
    },
}
