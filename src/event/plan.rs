//! What is told about plans.

use super::wire::{details, wire_enum};
use super::{Brief, Few, PlanId, Text};

wire_enum! {
    /// A phase of a plan.
    PlanPhase {
        /// What is to be done is known.
        Action = "action",
        /// How it is to be done is being decided.
        Strategize = "strategize",
        /// It is being done.
        Execute = "execute",
        /// What was done is being taken over.
        Apply = "apply",
    }
}

wire_enum! {
    /// The state of a plan within its phase.
    PlanState {
        /// Waits to be started.
        Queued = "queued",
        /// Under way.
        Processing = "processing",
        /// The phase is done.
        Complete = "complete",
        /// The phase failed; it can be retried or reverted.
        Errored = "errored",
        /// Applying is done; final.
        Applied = "applied",
        /// Applying was refused for a reason to be re-strategised.
        Constrained = "constrained",
        /// Given up; final.
        Cancelled = "cancelled",
    }
}

wire_enum! {
    /// Whether trying again can help.
    PlanErrorKind {
        /// It can.
        Transient = "transient",
        /// It can not.
        Permanent = "permanent",
    }
}

details! {
    /// A plan was created.
    PlanCreated {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// What the plan is called.
        name: Brief,
        /// Its first phase.
        phase: PlanPhase,
        /// The projects it works on.
        project_names: Few<Text>,
        /// How often it may be reverted.
        max_reversions: u32,
        @optional
        /// The plan that spawned it.
        parent_plan_id: PlanId,
        /// Who works on it.
        actor: Text,
    }

    /// A plan entered another phase, in which it is queued.
    PlanPhaseChanged {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The phase it left.
        from: PlanPhase,
        /// The phase it entered.
        to: PlanPhase,
        /// Whether it went back.
        reversion: bool,
        /// How often it has gone back.
        reversion_count: u32,
        @optional
        /// Why.
        reason: Brief,
    }

    /// A plan changed its state within a phase.
    PlanStateChanged {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The phase.
        phase: PlanPhase,
        /// The state before.
        from: PlanState,
        /// The state now.
        to: PlanState,
        @optional
        /// Why.
        reason: Brief,
    }

    /// A plan was applied.
    PlanApplied {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The projects it changed.
        project_names: Few<Text>,
        /// How many files were added, changed or removed.
        files_changed: u64,
        /// How many lines were added.
        lines_added: u64,
        /// How many lines were removed.
        lines_removed: u64,
        /// How many validations passed.
        validations_passed: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// A plan was cancelled.
    PlanCancelled {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// Why.
        reason: Brief,
        /// The phase it was in.
        phase: PlanPhase,
        /// The state it was in before.
        state: PlanState,
        /// How many of its descendants were cancelled with it.
        children_cancelled: u64,
    }

    /// A phase of a plan failed.
    PlanErrored {
        /// The plan service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The phase.
        phase: PlanPhase,
        /// What failed.
        error: Brief,
        /// Whether trying again can help.
        error_kind: PlanErrorKind,
        /// Which attempt at the phase it was, from 1.
        attempt: u32,
    }
}
