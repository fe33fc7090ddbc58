//! What is kept: [`Invariant`], and all of them in the order in which they were added.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{InvariantCheck, InvariantError, NewInvariant};
use crate::event::{Brief, InvariantId, InvariantScope, PlanId, Text};

/// How far an invariant reaches; the strongest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// One plan, without those below it.
    Plan(PlanId),
    /// One kind of action, whoever does it. For a plan at the gate that is the name of the phase it is to enter.
    Action(Text),
    /// The plans of one project.
    Project(Text),
    /// Everything.
    Global,
}

impl Reach {
    /// Its kind, as events name it.
    pub fn scope(&self) -> InvariantScope {
        match self {
            Self::Plan(_) => InvariantScope::Plan,
            Self::Action(_) => InvariantScope::Action,
            Self::Project(_) => InvariantScope::Project,
            Self::Global => InvariantScope::Global,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan {plan}"),
            Self::Action(action) => write!(f, "action {action}"),
            Self::Project(project) => write!(f, "project {project}"),
            Self::Global => f.write_str("everything"),
        }
    }
}

/// An invariant as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invariant {
    /// Its id.
    pub id: InvariantId,
    /// What it demands.
    pub text: Brief,
    /// How far it reaches.
    pub reach: Reach,
    /// What it is about: of those with one key only the strongest holds. Without one it conflicts with none.
    pub key: Option<Text>,
    /// Whether it is a global one that beats every other of its key.
    pub is_non_overridable: bool,
    /// Whether it was not removed.
    pub is_active: bool,
    /// How it is checked.
    pub check: CheckState,
}

/// How an invariant is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// Not at all: it is a statement for the model.
    Statement,
    /// By its check.
    Present,
    /// By a check that it had before it was read from a snapshot, and lacks now: it counts as violated until
    /// [`give_check`](super::InvariantService::give_check).
    Missing,
}

/// How strong an invariant is: the least is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    NonOverridable,
    Plan,
    Action,
    Project,
    Global,
}

impl Invariant {
    pub(super) fn strength(&self) -> Strength {
        match self.reach {
            _ if self.is_non_overridable => Strength::NonOverridable,
            Reach::Plan(_) => Strength::Plan,
            Reach::Action(_) => Strength::Action,
            Reach::Project(_) => Strength::Project,
            Reach::Global => Strength::Global,
        }
    }

    /// The key that nobody else can have with the same claim.
    fn claimed_key(&self) -> Option<&Text> {
        self.key.as_ref().filter(|_| self.is_non_overridable && self.is_active)
    }
}

/// An invariant and its check, unless it has none or lacks it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) invariant: Invariant,
    pub(super) check: Option<Arc<dyn InvariantCheck>>,
}

impl Entry {
    pub(super) fn new(new: NewInvariant) -> Self {
        let NewInvariant { id, text, reach, key, is_non_overridable, check } = new;
        let id = id.unwrap_or_else(InvariantId::generate);
        let state = if check.is_some() { CheckState::Present } else { CheckState::Statement };
        let invariant = Invariant { id, text, reach, key, is_non_overridable, is_active: true, check: state };
        Self { invariant, check }
    }
}

/// All invariants, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    entries: Vec<Entry>,
    /// Where each stands in `entries`.
    places: HashMap<InvariantId, usize>,
    /// The keys of the active ones that are non-overridable.
    claims: HashMap<Text, InvariantId>,
}

impl Invariants {
    pub(super) fn all(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn find(&self, id: &InvariantId) -> Result<&Invariant, InvariantError> {
        let entry = self.places.get(id).and_then(|place| self.entries.get(*place));
        entry.map(|entry| &entry.invariant).ok_or_else(|| unknown(id))
    }

    /// The invariant of that id, unless it was removed.
    fn active(&mut self, id: &InvariantId, asked: &'static str) -> Result<&mut Entry, InvariantError> {
        let place = self.places.get(id).ok_or_else(|| unknown(id))?;
        let entry = self.entries.get_mut(*place).ok_or_else(|| unknown(id))?;
        if entry.invariant.is_active {
            return Ok(entry);
        }
        Err(InvariantError::Removed { invariant: id.clone(), asked })
    }

    /// Adds it, unless its id is taken or its claim contradicts another's. It is taken by reference, since dropping
    /// a check that was refused must not happen under the lock.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), InvariantError> {
        let new = &entry.invariant;
        if self.places.contains_key(&new.id) {
            return Err(InvariantError::Exists { invariant: new.id.clone() });
        }
        if let Some(key) = new.claimed_key()
            && let Some(holder) = self.claims.get(key)
        {
            return Err(InvariantError::KeyTaken { key: key.clone(), holder: holder.clone() });
        }
        self.insert(entry.clone());
        Ok(())
    }

    /// Adds one whose id is free and whose claim contradicts none.
    pub(super) fn insert(&mut self, entry: Entry) {
        let new = &entry.invariant;
        if let Some(key) = new.claimed_key() {
            self.claims.insert(key.clone(), new.id.clone());
        }
        self.places.insert(new.id.clone(), self.entries.len());
        self.entries.push(entry);
    }

    pub(super) fn remove(&mut self, id: &InvariantId) -> Result<Invariant, InvariantError> {
        let invariant = &mut self.active(id, "remove")?.invariant;
        let claimed = invariant.claimed_key().cloned();
        invariant.is_active = false;
        let removed = invariant.clone();
        if let Some(key) = claimed {
            self.claims.remove(&key);
        }
        Ok(removed)
    }

    /// Takes `check` out, unless it is refused.
    pub(super) fn give_check(
        &mut self,
        id: &InvariantId,
        check: &mut Option<Arc<dyn InvariantCheck>>,
    ) -> Result<Invariant, InvariantError> {
        let entry = self.active(id, "give a check to")?;
        if entry.invariant.check != CheckState::Missing {
            return Err(InvariantError::CheckNotMissing { invariant: id.clone() });
        }
        entry.check = check.take();
        entry.invariant.check = CheckState::Present;
        Ok(entry.invariant.clone())
    }
}

fn unknown(id: &InvariantId) -> InvariantError {
    InvariantError::Unknown { invariant: id.clone() }
}
