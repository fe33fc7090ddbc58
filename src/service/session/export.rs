//! The JSON form of a session: format, schema version, checksum, session.
//!
//! `{"format":"agentbus.session","schema_version":1,"checksum":"<64 hex>","session":{..}}`. The checksum is the
//! BLAKE3 hash of the session written compactly with its keys in the order of [`Exported`]. No unknown key is
//! allowed, so that there is nothing in a file that the checksum does not guard.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{ImportError, MessageFault};
use super::state::{Conversation, Message, Session};
use crate::event::{Brief, CallId, Hash, MessageId, MessageRole, PlanId, SessionId, Text, Timestamp};
use crate::service::document::{self, Document, DocumentFault, checksum, json};

/// What an export calls itself.
pub const EXPORT_FORMAT: &str = "agentbus.session";

/// The version of the schema that is written and read.
pub const EXPORT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    schema_version: u32,
    checksum: Hash,
    session: Exported,
}

impl<'a> Document<'a> for Export<'a> {
    const FORMAT: &'static str = EXPORT_FORMAT;
    const VERSION: u32 = EXPORT_VERSION;
    type Content = Exported;

    fn into_parts(self) -> (Hash, Exported) {
        (self.checksum, self.session)
    }
}

/// The order of these fields is part of the schema.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exported {
    id: SessionId,
    actor: Text,
    title: Option<Brief>,
    plan_ids: Vec<PlanId>,
    created_at: Timestamp,
    closed_at: Option<Timestamp>,
    messages: Vec<ExportedMessage>,
}

/// The order of these fields is part of the schema.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportedMessage {
    id: MessageId,
    sequence: u64,
    role: MessageRole,
    content: Arc<str>,
    tool_call_id: Option<CallId>,
    sent_at: Timestamp,
}

impl Exported {
    pub(super) fn new(session: Session, messages: Vec<Message>) -> Self {
        let messages = messages.into_iter().map(|message| ExportedMessage {
            id: message.id,
            sequence: message.sequence,
            role: message.role,
            content: message.content,
            tool_call_id: message.tool_call_id,
            sent_at: message.sent_at,
        });
        Self {
            id: session.id,
            actor: session.actor,
            title: session.title,
            plan_ids: session.plan_ids,
            created_at: session.created_at,
            closed_at: session.closed_at,
            messages: messages.collect(),
        }
    }

    pub(super) fn id(&self) -> &SessionId {
        &self.id
    }
}

/// Writes a session with its messages.
pub(super) fn write(session: Session, messages: Vec<Message>) -> String {
    let session = Exported::new(session, messages);
    let checksum = checksum(&session);
    json(&Export { format: EXPORT_FORMAT.into(), schema_version: EXPORT_VERSION, checksum, session })
}

/// Reads a session with its messages, and verifies it.
pub(super) fn read(text: &str, max_content_bytes: usize) -> Result<Conversation, ImportError> {
    let session = document::read::<Export<'_>>(text).map_err(ImportError::of)?;
    conversation(session, max_content_bytes)
        .map_err(|BadMessage { sequence, fault }| ImportError::Message { sequence, fault })
}

impl ImportError {
    fn of(fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::Malformed { line, column } => Self::Malformed { line, column },
            DocumentFault::Format => Self::Format { expected: EXPORT_FORMAT },
            DocumentFault::Version { actual } => Self::Version { expected: EXPORT_VERSION, actual },
            DocumentFault::Checksum { expected, actual } => Self::Checksum { expected, actual },
        }
    }
}

/// A message that is not the one that must stand there.
pub(super) struct BadMessage {
    pub(super) sequence: u64,
    pub(super) fault: MessageFault,
}

/// The conversation of an export, its messages verified.
pub(super) fn conversation(exported: Exported, max_content_bytes: usize) -> Result<Conversation, BadMessage> {
    let mut session = Session::new(exported.id, exported.actor, exported.title);
    session.imported = true;
    let mut linked = HashSet::new();
    session.plan_ids = exported.plan_ids.into_iter().filter(|plan| linked.insert(plan.clone())).collect();
    session.created_at = exported.created_at;
    session.closed_at = exported.closed_at;
    let mut conversation = Conversation::new(session);
    let mut ids = HashSet::new();
    for (sequence, read) in (1..).zip(exported.messages) {
        let fault = if read.sequence != sequence {
            Some(MessageFault::Sequence { actual: read.sequence })
        } else if read.content.len() > max_content_bytes {
            Some(MessageFault::TooLarge { actual: read.content.len(), max: max_content_bytes })
        } else {
            (!ids.insert(read.id.clone())).then_some(MessageFault::Duplicate)
        };
        if let Some(fault) = fault {
            return Err(BadMessage { sequence, fault });
        }
        let mut message = Message::new(read.id, read.role, read.content, read.tool_call_id);
        message.sequence = sequence;
        message.sent_at = read.sent_at;
        conversation.push(message);
    }
    Ok(conversation)
}
