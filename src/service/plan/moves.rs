//! What a plan can do next: the whole state machine as one table, and the facts that tell of each move.

use std::fmt;

use super::{ApplySummary, Fact, Plan, PlanError};
use crate::event::{
    Brief, PlanApplied, PlanCancelled, PlanErrorKind, PlanErrored, PlanPhase, PlanPhaseChanged, PlanState,
    PlanStateChanged,
};
use crate::service::time::millis;

/// What can be asked of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlanMove {
    /// To enter the next phase.
    Advance,
    /// To be worked on.
    Start,
    /// To end its phase, strategize or execute.
    Complete,
    /// To end apply.
    Apply,
    /// To fail in its phase.
    Fail,
    /// To have its applying refused.
    Constrain,
    /// To try its phase again.
    Retry,
    /// To go back to a phase.
    RevertTo(PlanPhase),
    /// To be given up.
    Cancel,
    /// To spawn a child.
    SpawnChild,
}

impl fmt::Display for PlanMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advance => f.write_str("advance"),
            Self::Start => f.write_str("start"),
            Self::Complete => f.write_str("complete"),
            Self::Apply => f.write_str("apply"),
            Self::Fail => f.write_str("fail"),
            Self::Constrain => f.write_str("constrain"),
            Self::Retry => f.write_str("retry"),
            Self::RevertTo(phase) => write!(f, "revert to {phase}"),
            Self::Cancel => f.write_str("cancel"),
            Self::SpawnChild => f.write_str("spawn a child of"),
        }
    }
}

/// Where a move leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Into another phase, queued.
    Phase(PlanPhase),
    /// Into another state of the same phase.
    State(PlanState),
}

/// The state machine: where `asked` leads from here, if it leads anywhere.
pub(super) fn target(phase: PlanPhase, state: PlanState, asked: PlanMove) -> Option<Target> {
    use PlanPhase::{Action, Apply, Execute, Strategize};
    use PlanState::{Applied, Cancelled, Complete, Constrained, Errored, Processing, Queued};
    Some(match (asked, phase, state) {
        (PlanMove::Advance, Action, Queued) => Target::Phase(Strategize),
        (PlanMove::Advance, Strategize, Complete) => Target::Phase(Execute),
        (PlanMove::Advance, Execute, Complete) => Target::Phase(Apply),
        (PlanMove::Start, Strategize | Execute | Apply, Queued) => Target::State(Processing),
        (PlanMove::Complete, Strategize | Execute, Processing) => Target::State(Complete),
        (PlanMove::Apply, Apply, Processing) => Target::State(Applied),
        (PlanMove::Fail, _, Processing) => Target::State(Errored),
        (PlanMove::Constrain, Apply, Processing) => Target::State(Constrained),
        (PlanMove::Retry, _, Errored) => Target::State(Queued),
        (PlanMove::RevertTo(to), from, Processing | Complete | Errored | Constrained)
            if matches!((from, to), (Execute, Strategize) | (Apply, Strategize | Execute)) =>
        {
            Target::Phase(to)
        }
        (PlanMove::Cancel, _, state) if !is_final(state) => Target::State(Cancelled),
        _ => return None,
    })
}

/// Whether nothing leads out of that state.
pub(super) fn is_final(state: PlanState) -> bool {
    matches!(state, PlanState::Applied | PlanState::Cancelled)
}

/// The moves that can lead to another state of the same phase.
const WITHIN_A_PHASE: [PlanMove; 7] = [
    PlanMove::Start,
    PlanMove::Complete,
    PlanMove::Apply,
    PlanMove::Fail,
    PlanMove::Constrain,
    PlanMove::Retry,
    PlanMove::Cancel,
];

/// What is asked of a plan, with what it takes.
#[derive(Debug)]
pub(super) enum Ask {
    Advance,
    Start,
    Complete,
    Apply(ApplySummary),
    Fail { error: Brief, kind: PlanErrorKind },
    Constrain { reason: Brief },
    Retry,
    RevertTo { phase: PlanPhase, reason: Brief },
    Cancel { reason: Brief, children_cancelled: u64 },
}

impl Ask {
    pub(super) fn asked(&self) -> PlanMove {
        match self {
            Self::Advance => PlanMove::Advance,
            Self::Start => PlanMove::Start,
            Self::Complete => PlanMove::Complete,
            Self::Apply(_) => PlanMove::Apply,
            Self::Fail { .. } => PlanMove::Fail,
            Self::Constrain { .. } => PlanMove::Constrain,
            Self::Retry => PlanMove::Retry,
            Self::RevertTo { phase, .. } => PlanMove::RevertTo(*phase),
            Self::Cancel { .. } => PlanMove::Cancel,
        }
    }

    fn reason(&self) -> Option<&Brief> {
        match self {
            Self::Fail { error: reason, .. }
            | Self::Constrain { reason }
            | Self::RevertTo { reason, .. }
            | Self::Cancel { reason, .. } => Some(reason),
            Self::Advance | Self::Start | Self::Complete | Self::Apply(_) | Self::Retry => None,
        }
    }
}

/// Where `asked` leads `plan`.
pub(super) fn lead(plan: &Plan, asked: PlanMove) -> Result<Target, PlanError> {
    let Some(target) = target(plan.phase, plan.state, asked) else {
        return Err(plan.refusal(asked));
    };
    if matches!(asked, PlanMove::RevertTo(_)) && plan.reversion_count >= plan.max_reversions {
        return Err(PlanError::TooManyReversions { plan: plan.id.clone(), max: plan.max_reversions });
    }
    Ok(target)
}

/// The facts by which `ask` changes `plan`, in their order, or why it does not.
pub(super) fn decide(plan: &Plan, ask: Ask) -> Result<Vec<Fact>, PlanError> {
    let reason = ask.reason().cloned();
    match lead(plan, ask.asked())? {
        Target::Phase(to) => {
            let reversion = matches!(ask, Ask::RevertTo { .. });
            let count = plan.reversion_count + u32::from(reversion);
            let mut moved = PlanPhaseChanged::new(plan.revision + 1, plan.phase, to, reversion, count);
            moved.reason = reason;
            Ok(vec![Fact::PhaseChanged(moved)])
        }
        Target::State(to) => {
            let mut changed = PlanStateChanged::new(plan.revision + 1, plan.phase, plan.state, to);
            changed.reason = reason;
            let special = special(plan, ask);
            Ok(std::iter::once(Fact::StateChanged(changed)).chain(special).collect())
        }
    }
}

/// The fact of its own that follows a change of state, if there is one.
fn special(plan: &Plan, ask: Ask) -> Option<Fact> {
    let revision = plan.revision + 2;
    Some(match ask {
        Ask::Apply(done) => applied(plan, revision, done),
        Ask::Fail { error, kind } => {
            Fact::Errored(PlanErrored::new(revision, plan.phase, error, kind, plan.attempt))
        }
        Ask::Cancel { reason, children_cancelled } => {
            Fact::Cancelled(PlanCancelled::new(revision, reason, plan.phase, plan.state, children_cancelled))
        }
        _ => return None,
    })
}

/// The fact that tells what applying came to.
pub(super) fn applied(plan: &Plan, revision: u64, done: ApplySummary) -> Fact {
    Fact::Applied(PlanApplied::new(
        revision,
        plan.project_names.clone(),
        done.files_changed,
        done.lines_added,
        done.lines_removed,
        done.validations_passed,
        millis(done.duration),
    ))
}

/// Whether a fact that was told can have happened to `plan`. `last` is the change of state, from and to, that the fact
/// before it told; a fact of its own follows that directly.
pub(super) fn can_follow(plan: &Plan, last: Option<(PlanState, PlanState)>, fact: &Fact) -> bool {
    let leads = |asked, to| target(plan.phase, plan.state, asked) == Some(to);
    match fact {
        Fact::PhaseChanged(moved) => {
            let (asked, count) = if moved.reversion {
                (PlanMove::RevertTo(moved.to), plan.reversion_count.saturating_add(1))
            } else {
                (PlanMove::Advance, plan.reversion_count)
            };
            let fits = moved.from == plan.phase && moved.reversion_count == count;
            fits && count <= plan.max_reversions && leads(asked, Target::Phase(moved.to))
        }
        Fact::StateChanged(changed) => {
            let fits = changed.phase == plan.phase && changed.from == plan.state;
            fits && WITHIN_A_PHASE.iter().any(|asked| leads(*asked, Target::State(changed.to)))
        }
        Fact::Applied(_) => last.is_some_and(|(_, to)| to == PlanState::Applied),
        Fact::Cancelled(cancelled) => {
            cancelled.phase == plan.phase && last == Some((cancelled.state, PlanState::Cancelled))
        }
        Fact::Errored(errored) => {
            let fits = errored.phase == plan.phase && errored.attempt == plan.attempt;
            fits && last.is_some_and(|(_, to)| to == PlanState::Errored)
        }
    }
}
