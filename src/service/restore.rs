//! Building a service anew from a journal: what plans and decisions have in common.
//!
//! Both services tell every change as an event that carries the `revision` of its plan, from 1 without gaps. So their
//! events alone say what they knew, and whether one is missing. A service is restored from the events of its own
//! kinds in the journal, those of each plan in the order of their revisions, wherever they stand; everything else in
//! the journal is passed over. An event that was recorded twice counts once.
//!
//! - A plan of which a revision is missing, or whose events contradict each other, is **broken**: it is not restored,
//!   what is asked of it is refused with the reason, and its id is not given away again. All others are restored.
//! - What no revision can show is told besides: lines that cannot be read, gaps that the journal tells of, events that
//!   retention removed. An event that was lost there may have been the last of a plan, which then stands where it
//!   stood before.
//! - A state is what its events tell as they were recorded. The journal masks secrets, so a text in which one stood
//!   comes back masked; and an operation that a crash cut in the middle comes back as far as it was told.
//!
//! All that is [`Restored`], which a restored service keeps; unless all is whole, the log has one line of it.
//!
//! - `restore` takes all that the journal has. What is still on its way there is not in it: flush the bus first, if it
//!   runs already. The service goes on where the events end: what is done next is told with the next revision.
//! - `state_at` takes what the journal has up to a position, or up to its end, if that is before. The service has no
//!   bus: what is done in it is told to nobody.
//! - `from_entries` takes what the caller read, in the order of the journal.
//!
//! Restoring reads the journal from its start, and blocks while it does. It takes the memory of the service that it
//! builds, and 32 bytes for each event of its kinds. Retention that removes the first events of a plan breaks it: keep
//! what you mean to restore. Restore one service from a journal, not two that then both lead its plans.

use crate::event::{Few, PlanId};
use crate::journal::{Position, ReadError, Unreadable};

mod history;
#[cfg(test)]
pub(super) mod line;
mod read;

pub(super) use history::{Rebuild, Restoring};
pub(super) use read::read;

/// What restoring a service came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The last place of the journal that is in the state; none if nothing was read.
    pub through: Option<Position>,
    /// The plans that could not be restored, by the place at which that showed.
    pub broken: Vec<BrokenPlan>,
    /// The lines that could not be read. What they told is not known.
    pub unreadable: Few<Unreadable>,
    /// How often the journal says that it lacks events: of any kind, that it could not keep; or of the service's, that
    /// could not be made into a line.
    pub gaps: u64,
    /// Up to this place the journal has nothing any more.
    pub removed: Option<Position>,
    /// How many events of the service's kinds name no plan.
    pub strays: u64,
}

impl Restored {
    /// Whether everything that was ever told is in the state, as far as the journal shows.
    pub fn is_whole(&self) -> bool {
        let Self { through: _, broken, unreadable, gaps, removed, strays } = self;
        broken.is_empty() && unreadable.is_empty() && *gaps == 0 && removed.is_none() && *strays == 0
    }

    /// The same, in order; and the log has a line of it unless it is whole.
    pub(super) fn settled(mut self, service: &'static str) -> Self {
        self.broken.sort_by(|one, other| {
            let place = |plan: &BrokenPlan| (plan.fault.position(), plan.plan_id.clone());
            place(one).cmp(&place(other))
        });
        if !self.is_whole() {
            let unreadable = self.unreadable.len() as u64 + self.unreadable.more();
            let removed = self.removed.map(Position::get);
            tracing::warn!(
                target: "agentbus::service",
                service,
                broken = self.broken.len(),
                unreadable,
                gaps = self.gaps,
                removed,
                strays = self.strays,
                "restored_with_losses"
            );
        }
        self
    }
}

/// A plan that could not be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenPlan {
    /// Its id.
    pub plan_id: PlanId,
    /// The root of its tree, as the first of its events says.
    pub root_plan_id: Option<PlanId>,
    /// Why.
    pub fault: RestoreFault,
}

/// Why a plan, or what was decided in it, could not be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreFault {
    /// An event is missing.
    #[error(
        "its revision {expected} is missing: revision {found}, at position {position}, is the next there is"
    )]
    Hole {
        /// The first revision that is missing.
        expected: u64,
        /// The first one behind it.
        found: u64,
        /// Where that one stands.
        position: Position,
    },
    /// All its events are missing.
    #[error("nothing tells of it but plan {child}, at position {position}, which it spawned")]
    Missing {
        /// A plan that names it as its parent.
        child: PlanId,
        /// Where that one is opened.
        position: Position,
    },
    /// An event does not fit the others.
    #[error("its revision {revision}, at position {position}, contradicts the others: {conflict}")]
    Contradiction {
        /// The revision that the event says it is.
        revision: u64,
        /// Where the event stands.
        position: Position,
        /// What does not fit.
        conflict: Conflict,
    },
}

impl RestoreFault {
    /// The place in the journal at which it shows.
    pub fn position(&self) -> Position {
        let (Self::Hole { position, .. }
        | Self::Missing { position, .. }
        | Self::Contradiction { position, .. }) = self;
        *position
    }
}

/// How an event does not fit the others of its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// Revisions count from 1.
    #[error("revisions count from 1")]
    Revision,
    /// Another event is that revision.
    #[error("another event is that revision")]
    Twice,
    /// What opens a plan, or its decisions, is revision 1, and nothing else is.
    #[error("what opens is revision 1, and nothing else is")]
    Opening,
    /// The plan, or the decision, cannot have done that from where it stood.
    #[error("nothing leads there from where it stood")]
    Move,
    /// The parent is not one that was there before.
    #[error("its parent was not there before")]
    Parent,
    /// The root of the tree is not the one that the plan, or its parent, has.
    #[error("its root is not that of its tree")]
    Root,
    /// A decision has not the next sequence of its plan.
    #[error("its sequence is not the next")]
    Sequence,
    /// There is a decision of that id.
    #[error("there is such a decision already")]
    Exists,
    /// There is no such decision in the plan.
    #[error("there is no such decision")]
    Unknown,
    /// A decision was superseded and cannot change any more.
    #[error("the decision is superseded")]
    Superseded,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The journal could not be read to the end.
    #[error("cannot read the journal to restore from it")]
    Read(#[from] ReadError),
    /// The events up to that place are not there any more.
    #[error("cannot tell the state at position {position}: the journal has nothing up to {through} any more")]
    Removed {
        /// The place that was asked for.
        position: Position,
        /// The last place that is gone.
        through: Position,
    },
}
