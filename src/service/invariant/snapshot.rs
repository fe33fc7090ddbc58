//! [`InvariantSnapshot`]: what an [`InvariantService`] holds, to be kept outside of the process.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::state::{Entry, Invariants};
use super::{CheckState, Invariant, InvariantError, InvariantOptions, InvariantService, Reach};
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::{Brief, InvariantId, InvariantScope, PlanId, Text};
use crate::journal::Position;
use crate::service::snapshot::{self, Version};

/// All invariants, those removed too, at one moment; without their checks, which are code.
///
/// Made by [`InvariantService::snapshot`]. By serde it has a JSON form of version 1, the invariants in the order in
/// which they were added:
///
/// ```json
/// {"version":1,"position":42,"invariants":[
///   {"id":"no-friday","text":"nothing is applied on a Friday","scope":"action","scope_id":"apply",
///    "key":"weekday","non_overridable":false,"active":true,"checked":true}]}
/// ```
///
/// Reading takes nothing on trust. Refused are: another version, unknown keys, an invariant twice, an empty text, a
/// scope without its id, a non-overridable invariant that is not global or has the key of another one, more than
/// 2^24 invariants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvariantSnapshot {
    version: Version,
    position: Option<Position>,
    invariants: Vec<Kept>,
}

/// An invariant in it. One that is checked lacks its check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Form", try_from = "Form")]
struct Kept(Invariant);

/// Its JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    id: InvariantId,
    text: Brief,
    scope: InvariantScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Text>,
    non_overridable: bool,
    active: bool,
    checked: bool,
}

/// A snapshot as it is read, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    version: Version,
    position: Option<Position>,
    #[serde(deserialize_with = "snapshot::list")]
    invariants: Vec<Kept>,
}

#[derive(Debug, thiserror::Error)]
#[error("must have a text, the id of its scope, and be global if it is non-overridable")]
struct FormError;

/// What does not fit together in a snapshot.
#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("invariant {place} of the snapshot has the id of another one")]
    Twice { place: usize },
    #[error("invariant {place} of the snapshot is non-overridable, and so is another one of its key")]
    KeyTaken { place: usize },
}

impl From<Kept> for Form {
    fn from(Kept(invariant): Kept) -> Self {
        let Invariant { id, text, reach, key, is_non_overridable, is_active, check } = invariant;
        let scope = reach.scope();
        let scope_id = match reach {
            Reach::Plan(plan) => Some(Text::from(&plan)),
            Reach::Action(name) | Reach::Project(name) => Some(name),
            Reach::Global => None,
        };
        let (non_overridable, active, checked) =
            (is_non_overridable, is_active, check != CheckState::Statement);
        Self { id, text, scope, scope_id, key, non_overridable, active, checked }
    }
}

impl TryFrom<Form> for Kept {
    type Error = FormError;

    fn try_from(form: Form) -> Result<Self, FormError> {
        let reach = match (form.scope, form.scope_id) {
            (InvariantScope::Plan, Some(id)) => Reach::Plan(PlanId::from(id.as_str())),
            (InvariantScope::Action, Some(name)) => Reach::Action(name),
            (InvariantScope::Project, Some(name)) => Reach::Project(name),
            (InvariantScope::Global, None) => Reach::Global,
            _ => return Err(FormError),
        };
        if form.text.is_empty() || (form.non_overridable && reach != Reach::Global) {
            return Err(FormError);
        }
        Ok(Self(Invariant {
            id: form.id,
            text: form.text,
            reach,
            key: form.key,
            is_non_overridable: form.non_overridable,
            is_active: form.active,
            check: if form.checked { CheckState::Missing } else { CheckState::Statement },
        }))
    }
}

impl From<&Entry> for Kept {
    fn from(entry: &Entry) -> Self {
        let mut invariant = entry.invariant.clone();
        if invariant.check == CheckState::Present {
            invariant.check = CheckState::Missing;
        }
        Self(invariant)
    }
}

impl From<Kept> for Entry {
    fn from(Kept(invariant): Kept) -> Self {
        Self { invariant, check: None }
    }
}

impl InvariantSnapshot {
    /// The place in the journal at which it was taken, as the caller said.
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl InvariantService {
    /// All invariants as they are now. `position` says at which place of the journal that is, if there is one: it is
    /// kept, not looked at.
    pub fn snapshot(&self, position: Option<Position>) -> InvariantSnapshot {
        let invariants = self.invariants.read(|all| all.all().iter().map(Kept::from).collect());
        InvariantSnapshot { version: Version, position, invariants }
    }

    /// A service that goes on from a snapshot, with the default options.
    ///
    /// A snapshot has no checks. Every invariant that was checked is [`CheckState::Missing`] its check now, and counts
    /// as violated until it is given one by [`InvariantService::give_check`].
    pub fn from_snapshot(snapshot: InvariantSnapshot, bus: Option<Arc<dyn EventBus>>) -> Self {
        let mut invariants = Invariants::default();
        snapshot.invariants.into_iter().for_each(|kept| invariants.insert(kept.into()));
        let invariants = Arc::new(Outbox::new(invariants, Emitter::new(bus)));
        Self { invariants, options: InvariantOptions::default() }
    }
}

impl TryFrom<Unchecked> for InvariantSnapshot {
    type Error = Contradiction;

    fn try_from(read: Unchecked) -> Result<Self, Contradiction> {
        let mut all = Invariants::default();
        for (place, kept) in (1..).zip(&read.invariants) {
            match all.add(&kept.clone().into()) {
                Ok(()) => {}
                Err(InvariantError::KeyTaken { .. }) => return Err(Contradiction::KeyTaken { place }),
                Err(_exists) => return Err(Contradiction::Twice { place }),
            }
        }
        let Unchecked { version, position, invariants } = read;
        Ok(Self { version, position, invariants })
    }
}

impl<'de> Deserialize<'de> for InvariantSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        snapshot::read::<D, Unchecked>(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
