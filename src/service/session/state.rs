//! [`Session`], [`Message`], and the pages of messages.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::SessionError;
use crate::event::{Brief, CallId, Hash, MessageId, MessageRole, PlanId, Scope, SessionId, Text, Timestamp};

/// A session as it stands, without its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub actor: Text,
    /// What it is called.
    pub title: Option<Brief>,
    /// Whether it came from an export.
    pub imported: bool,
    /// The plans it led to, in the order in which they were linked.
    pub plan_ids: Vec<PlanId>,
    /// How many messages it has: the sequence of the last.
    pub messages: u64,
    /// How long they are together, in bytes.
    pub bytes: u64,
    /// How long they are together, in tokens, as estimated.
    pub tokens: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was closed; none while it takes messages.
    pub closed_at: Option<Timestamp>,
}

impl Session {
    pub(super) fn new(id: SessionId, actor: Text, title: Option<Brief>) -> Self {
        Self {
            id,
            actor,
            title,
            imported: false,
            plan_ids: Vec::new(),
            messages: 0,
            bytes: 0,
            tokens: 0,
            created_at: Timestamp::now(),
            closed_at: None,
        }
    }

    /// Whether it takes no more messages.
    pub fn is_closed(&self) -> bool {
        self.closed_at.is_some()
    }
}

/// A message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its number within the session, from 1 without gaps.
    pub sequence: u64,
    /// Who speaks.
    pub role: MessageRole,
    /// What is said.
    pub content: Arc<str>,
    /// The call that a message of a tool answers.
    pub tool_call_id: Option<CallId>,
    /// How long the content is, in tokens, as estimated.
    pub tokens: u64,
    /// The hash of the content.
    pub content_hash: Hash,
    /// When it was appended.
    pub sent_at: Timestamp,
}

impl Message {
    /// A message that was not appended yet: it has no number, and the time of now.
    pub(super) fn new(
        id: MessageId,
        role: MessageRole,
        content: Arc<str>,
        tool_call_id: Option<CallId>,
    ) -> Self {
        let (tokens, content_hash) = (estimate_tokens(&content), Hash::of(&*content));
        Self { id, sequence: 0, role, content, tool_call_id, tokens, content_hash, sent_at: Timestamp::now() }
    }

    /// How long the content is, in bytes.
    pub fn bytes(&self) -> u64 {
        self.content.len() as u64
    }
}

/// Which messages of a session: so many behind a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    after: u64,
    at_most: NonZeroUsize,
}

impl Page {
    /// The first messages, `at_most` of them.
    pub fn first(at_most: NonZeroUsize) -> Self {
        Self::after(0, at_most)
    }

    /// The messages behind the one of that sequence, `at_most` of them.
    pub fn after(sequence: u64, at_most: NonZeroUsize) -> Self {
        Self { after: sequence, at_most }
    }
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionMessages {
    /// The messages, by sequence.
    pub messages: Vec<Message>,
    /// The next page; none if there are no more by now.
    pub next: Option<Page>,
}

/// A session with its messages.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) session: Session,
    /// The scope of what happens inside the session.
    pub(super) inside: Scope,
    /// The message of sequence `n` stands at `n - 1`.
    pub(super) messages: Vec<Message>,
}

impl Conversation {
    pub(super) fn new(session: Session) -> Self {
        Self { session, inside: Scope::new(), messages: Vec::new() }
    }

    /// Takes the message, whose sequence is the next.
    pub(super) fn push(&mut self, message: Message) {
        self.session.messages = message.sequence;
        self.session.bytes += message.bytes();
        self.session.tokens += message.tokens;
        self.messages.push(message);
    }

    pub(super) fn close(&mut self) {
        self.session.closed_at = Some(Timestamp::now());
    }

    pub(super) fn page(&self, page: Page) -> SessionMessages {
        let start = usize::try_from(page.after).unwrap_or(usize::MAX).min(self.messages.len());
        let behind = self.messages.get(start..).unwrap_or_default();
        let messages: Vec<_> = behind.iter().take(page.at_most.get()).cloned().collect();
        let last = messages.last().map(|message| message.sequence);
        let next = last.filter(|last| *last < self.session.messages);
        SessionMessages { next: next.map(|last| Page::after(last, page.at_most)), messages }
    }

    /// The scope in which an event of this session is told: that of what runs now, with the session's id; what it
    /// does not say, above all a cause and a correlation, it has from the session.
    pub(super) fn scope(&self, now: &Scope) -> Scope {
        let mut scope = now.clone().with_session_id(&self.session.id);
        if scope.actor_name().is_none() {
            scope = scope.with_actor_name(self.session.actor.clone());
        }
        if let (None, Some(cause)) = (now.causation_id(), self.inside.causation_id()) {
            scope = scope.with_causation_id(*cause);
        }
        if let (None, Some(correlation)) = (now.correlation_id(), self.inside.correlation_id()) {
            scope = scope.with_correlation_id(correlation.clone());
        }
        scope
    }
}

/// All sessions of a service.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_id: HashMap<SessionId, Conversation>,
    /// The ids in the order in which they came.
    order: Vec<SessionId>,
}

impl Sessions {
    pub(super) fn get(&self, id: &SessionId) -> Result<&Conversation, SessionError> {
        self.by_id.get(id).ok_or_else(|| SessionError::Unknown { session: id.clone() })
    }

    /// A session that is not closed.
    pub(super) fn open(
        &mut self,
        id: &SessionId,
        asked: &'static str,
    ) -> Result<&mut Conversation, SessionError> {
        let unknown = || SessionError::Unknown { session: id.clone() };
        let conversation = self.by_id.get_mut(id).ok_or_else(unknown)?;
        if conversation.session.is_closed() {
            return Err(SessionError::Closed { session: id.clone(), asked });
        }
        Ok(conversation)
    }

    pub(super) fn insert(&mut self, conversation: Conversation) {
        let id = conversation.session.id.clone();
        self.order.push(id.clone());
        self.by_id.insert(id, conversation);
    }

    /// The sessions in the order in which they came.
    pub(super) fn all(&self) -> impl Iterator<Item = &Conversation> {
        self.order.iter().filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn list(&self) -> Vec<Session> {
        self.all().map(|conversation| conversation.session.clone()).collect()
    }
}

/// Tokens of a content, as estimated: its bytes divided by four, rounded up.
fn estimate_tokens(content: &str) -> u64 {
    (content.len() as u64).div_ceil(4)
}
