//! Lines of a journal for tests: events numbered as they come.

use std::sync::Arc;

use super::{BrokenPlan, Conflict, RestoreFault, Restored};
use crate::event::{Details, DomainEvent};
use crate::journal::{Entry, Position, Recorded};

/// The events as a journal has them, from position 1.
pub(in crate::service) fn lines(events: impl IntoIterator<Item = Arc<DomainEvent>>) -> Vec<Entry> {
    (1..)
        .zip(events)
        .map(|(number, event)| Entry::Event(Recorded { position: Position::new(number).unwrap(), event }))
        .collect()
}

/// An event of that plan, which is the root of its tree.
pub(in crate::service) fn of(plan: &str, details: impl Details) -> Arc<DomainEvent> {
    Arc::new(DomainEvent::new(details).with_plan_id(plan).with_root_plan_id(plan))
}

/// The one plan that is broken.
#[track_caller]
pub(in crate::service) fn only_broken(restored: Option<&Restored>) -> BrokenPlan {
    let restored = restored.expect("it was restored");
    assert!(!restored.is_whole());
    let [broken] = restored.broken.as_slice() else { panic!("not one is broken: {restored:?}") };
    broken.clone()
}

pub(in crate::service) fn contradiction(revision: u64, position: u64, conflict: Conflict) -> RestoreFault {
    RestoreFault::Contradiction { revision, position: Position::new(position).unwrap(), conflict }
}

pub(in crate::service) fn hole(expected: u64, found: u64, position: u64) -> RestoreFault {
    RestoreFault::Hole { expected, found, position: Position::new(position).unwrap() }
}
