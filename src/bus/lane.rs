//! The two lanes of a channel: chatter, and what is critical.

use std::ops::{Index, IndexMut};

use crate::event::{EventType, Turn};

/// A lane. What is critical has one of its own, so that chatter cannot overrun it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Chatter,
    Critical,
}

impl Lane {
    pub(super) const BOTH: [Self; 2] = [Self::Chatter, Self::Critical];

    /// The lane whose head has the lower turn, if either has one.
    pub(super) fn with_lower(chatter: Option<Turn>, critical: Option<Turn>) -> Option<Self> {
        match (chatter, critical) {
            (Some(chatter), Some(critical)) if chatter > critical => Some(Self::Critical),
            (Some(_), _) => Some(Self::Chatter),
            (None, Some(_)) => Some(Self::Critical),
            (None, None) => None,
        }
    }

    /// The lane that events of this kind travel in.
    pub(super) fn of(event_type: EventType) -> Self {
        if event_type.is_critical() { Self::Critical } else { Self::Chatter }
    }
}

/// One of a thing for each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lanes<T> {
    pub(super) chatter: T,
    pub(super) critical: T,
}

impl<T> Lanes<T> {
    pub(super) fn each_ref(&self) -> [&T; 2] {
        [&self.chatter, &self.critical]
    }
}

impl<T> Index<Lane> for Lanes<T> {
    type Output = T;
    fn index(&self, lane: Lane) -> &T {
        match lane {
            Lane::Chatter => &self.chatter,
            Lane::Critical => &self.critical,
        }
    }
}

impl<T> IndexMut<Lane> for Lanes<T> {
    fn index_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Chatter => &mut self.chatter,
            Lane::Critical => &mut self.critical,
        }
    }
}
