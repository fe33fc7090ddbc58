//! [`Plan`]: what is known of a plan, which is exactly what its events tell.

use serde::Serialize;

use super::moves::{is_final, lead};
use super::{PlanError, PlanMove};
use crate::event::{
    Brief, Few, Payload, PlanApplied, PlanCancelled, PlanCreated, PlanErrored, PlanId, PlanPhase,
    PlanPhaseChanged, PlanState, PlanStateChanged, SessionId, Text, Timestamp,
};

/// A plan as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The root of its tree: itself, unless it is a child.
    pub root_id: PlanId,
    /// The plan that spawned it.
    pub parent_id: Option<PlanId>,
    /// The session it belongs to.
    pub session_id: Option<SessionId>,
    /// What it is called.
    pub name: Brief,
    /// The projects it works on.
    pub project_names: Few<Text>,
    /// Who works on it.
    pub actor: Option<Text>,
    /// How often it may be reverted.
    pub max_reversions: u32,
    /// The phase it is in.
    pub phase: PlanPhase,
    /// Its state within the phase.
    pub state: PlanState,
    /// Counts its events, from 1 without gaps.
    pub revision: u64,
    /// How often it has gone back.
    pub reversion_count: u32,
    /// Which attempt at its phase this is, from 1.
    pub attempt: u32,
    /// Why it is as it is: the reason of its last change, if one was given.
    pub reason: Option<Brief>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Something that happened to a plan, as its event tells it.
#[derive(Debug)]
pub(super) enum Fact {
    PhaseChanged(PlanPhaseChanged),
    StateChanged(PlanStateChanged),
    Applied(PlanApplied),
    Cancelled(PlanCancelled),
    Errored(PlanErrored),
}

/// Whose plan it is; in its events this stands in the envelope.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) id: PlanId,
    pub(super) root_id: PlanId,
    pub(super) session_id: Option<SessionId>,
}

impl Fact {
    /// What an event tells of a plan that was created before.
    pub(super) fn told(payload: &Payload) -> Option<Self> {
        Some(match payload {
            Payload::PlanPhaseChanged(moved) => Self::PhaseChanged(moved.clone()),
            Payload::PlanStateChanged(changed) => Self::StateChanged(changed.clone()),
            Payload::PlanApplied(applied) => Self::Applied(applied.clone()),
            Payload::PlanCancelled(cancelled) => Self::Cancelled(cancelled.clone()),
            Payload::PlanErrored(errored) => Self::Errored(errored.clone()),
            _ => return None,
        })
    }
}

impl Plan {
    /// The plan that was created.
    pub(super) fn created(identity: Identity, fact: &PlanCreated, at: Timestamp) -> Self {
        Self {
            id: identity.id,
            root_id: identity.root_id,
            parent_id: fact.parent_plan_id.clone(),
            session_id: identity.session_id,
            name: fact.name.clone(),
            project_names: fact.project_names.clone(),
            actor: fact.actor.clone(),
            max_reversions: fact.max_reversions,
            phase: fact.phase,
            state: PlanState::Queued,
            revision: fact.revision,
            reversion_count: 0,
            attempt: 1,
            reason: None,
            created_at: at,
            changed_at: at,
        }
    }

    /// Changes as the fact tells. Facts come in the order of their revisions.
    pub(super) fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::PhaseChanged(moved) => {
                self.revision = moved.revision;
                self.phase = moved.to;
                self.state = PlanState::Queued;
                self.reversion_count = moved.reversion_count;
                self.attempt = 1;
                self.reason.clone_from(&moved.reason);
            }
            Fact::StateChanged(changed) => {
                self.revision = changed.revision;
                self.state = changed.to;
                self.attempt +=
                    u32::from(changed.from == PlanState::Errored && changed.to == PlanState::Queued);
                self.reason.clone_from(&changed.reason);
            }
            Fact::Applied(PlanApplied { revision, .. })
            | Fact::Cancelled(PlanCancelled { revision, .. })
            | Fact::Errored(PlanErrored { revision, .. }) => self.revision = *revision,
        }
    }

    /// Whether it is applied or cancelled: nothing can be done to it any more.
    pub fn is_final(&self) -> bool {
        is_final(self.state)
    }

    /// Whether that can be asked of it as it stands; a gate may still refuse.
    pub fn allows(&self, asked: PlanMove) -> bool {
        match asked {
            PlanMove::SpawnChild => !self.is_final(),
            asked => lead(self, asked).is_ok(),
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { id: self.id.clone(), root_id: self.root_id.clone(), session_id: self.session_id.clone() }
    }

    pub(super) fn refusal(&self, asked: PlanMove) -> PlanError {
        PlanError::Refused { plan: self.id.clone(), asked, phase: self.phase, state: self.state }
    }
}
