//! [`SessionSnapshot`]: what a [`SessionService`] holds, to be kept outside of the process.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SessionService;
use super::error::MessageFault;
use super::export::{self, BadMessage, Exported};
use super::state::{Conversation, Sessions};
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::SessionId;
use crate::journal::Position;
use crate::service::scope::KeptScope;
use crate::service::snapshot::{self, Version};

/// All sessions of a service with all that was said, at one moment.
///
/// Made by [`SessionService::snapshot`], which shares contents and copies none. By serde it has a JSON form of version
/// 1: the journal's position, the size limit, and the sessions in the order in which they came, each with its body as
/// in an [export](SessionService::export), whether it was imported, and the scope of what happens inside it.
///
/// **It holds what was said**, secrets and all: keep it where you would keep the conversations. Its `Debug` form shows
/// only how many there are.
///
/// Reading takes nothing on trust. Refused are: another version, unknown keys, a session twice, messages that are not
/// numbered from 1 without gaps, one id for two messages of a session, a content above the size limit, more than 2^24
/// sessions. Lengths, tokens and hashes are not read but worked out again. What is refused is never quoted.
#[derive(Clone)]
pub struct SessionSnapshot {
    position: Option<Position>,
    max_content_bytes: usize,
    conversations: Vec<Conversation>,
}

/// Its JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: Version,
    position: Option<Position>,
    max_content_bytes: u64,
    #[serde(deserialize_with = "snapshot::list")]
    sessions: Vec<Kept>,
}

/// A session in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    imported: bool,
    scope: KeptScope,
    session: Exported,
}

/// What does not fit together in a snapshot.
#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("session {session} stands twice in the snapshot")]
    Twice { session: SessionId },
    #[error("session {session} of the snapshot has no good message {sequence}: {fault}")]
    Message { session: SessionId, sequence: u64, fault: MessageFault },
}

impl SessionSnapshot {
    /// The place in the journal at which it was taken, as the caller said.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// How many sessions it has.
    pub fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }
}

impl SessionService {
    /// All sessions with their messages, and the size limit, as they are now. `position` says at which place of the
    /// journal that is, if there is one: it is kept, not looked at.
    pub fn snapshot(&self, position: Option<Position>) -> SessionSnapshot {
        let conversations = self.sessions.read(|sessions| sessions.all().cloned().collect());
        SessionSnapshot { position, max_content_bytes: self.max_content_bytes, conversations }
    }

    /// A service that goes on from a snapshot, with its size limit. Nothing is told of what it already has.
    pub fn from_snapshot(snapshot: SessionSnapshot, bus: Option<Arc<dyn EventBus>>) -> Self {
        let mut sessions = Sessions::default();
        snapshot.conversations.into_iter().for_each(|conversation| sessions.insert(conversation));
        let sessions = Arc::new(Outbox::new(sessions, Emitter::new(bus)));
        Self { sessions, max_content_bytes: snapshot.max_content_bytes }
    }
}

impl From<&Conversation> for Kept {
    fn from(conversation: &Conversation) -> Self {
        let Conversation { session, inside, messages } = conversation;
        let imported = session.imported;
        let session = Exported::new(session.clone(), messages.clone());
        Self { imported, scope: KeptScope::of(inside), session }
    }
}

impl Kept {
    fn read(self, max_content_bytes: usize) -> Result<Conversation, Contradiction> {
        let session = self.session.id().clone();
        let mut conversation = export::conversation(self.session, max_content_bytes)
            .map_err(|BadMessage { sequence, fault }| Contradiction::Message { session, sequence, fault })?;
        conversation.session.imported = self.imported;
        conversation.inside = self.scope.into();
        Ok(conversation)
    }
}

impl TryFrom<Form> for SessionSnapshot {
    type Error = Contradiction;

    fn try_from(form: Form) -> Result<Self, Contradiction> {
        // A size that this machine cannot count is no limit on it.
        let max_content_bytes = usize::try_from(form.max_content_bytes).unwrap_or(usize::MAX);
        let mut ids = HashSet::new();
        let mut conversations = Vec::new();
        for kept in form.sessions {
            let conversation = kept.read(max_content_bytes)?;
            let session = &conversation.session.id;
            if !ids.insert(session.clone()) {
                return Err(Contradiction::Twice { session: session.clone() });
            }
            conversations.push(conversation);
        }
        Ok(Self { position: form.position, max_content_bytes, conversations })
    }
}

impl Serialize for SessionSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = Form {
            version: Version,
            position: self.position,
            max_content_bytes: self.max_content_bytes as u64,
            sessions: self.conversations.iter().map(Kept::from).collect(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SessionSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        snapshot::read::<D, Form>(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for SessionSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSnapshot")
            .field("position", &self.position)
            .field("sessions", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
