//! What is told about invariants.

use super::wire::{details, wire_enum};
use super::{Brief, Few, InvariantId};

wire_enum! {
    /// How far an invariant reaches; the strongest first.
    InvariantScope {
        /// One plan.
        Plan = "plan",
        /// One kind of action.
        Action = "action",
        /// One project.
        Project = "project",
        /// Everything.
        Global = "global",
    }
}

details! {
    /// The invariants that hold for a plan were reconciled.
    InvariantReconciled {
        /// How many hold.
        effective: u64,
        /// How many lost to a stronger one.
        overridden: u64,
        /// How many keys were contested.
        conflicts: u64,
        /// Those that hold.
        invariant_ids: Few<InvariantId>,
    }

    /// An invariant was violated.
    InvariantViolated {
        /// The invariant.
        invariant_id: InvariantId,
        /// How far it reaches.
        scope: InvariantScope,
        /// What it demands.
        text: Brief,
        /// What violates it.
        reason: Brief,
    }

    /// An invariant held.
    InvariantEnforced {
        /// The invariant.
        invariant_id: InvariantId,
        /// How far it reaches.
        scope: InvariantScope,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }
}
