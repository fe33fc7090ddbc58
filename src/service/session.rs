//! [`SessionService`]: conversations, and their way out of the process and back.
//!
//! A session belongs to an actor and takes messages, numbered from 1 without gaps, until it is closed. It can be
//! linked to the plans it led to. Events tell of a message how long it is and its hash, never what it says.
//!
//! Tokens are estimated: the bytes of the content divided by four, rounded up. That is about right for English and
//! code, too low for scripts of many characters per word, and not meant for billing.
//!
//! [`export`](SessionService::export) writes a session as JSON: its format, the version of its schema, the session,
//! and the BLAKE3 checksum of the session's canonical form, which is compact JSON with keys in the order of the
//! schema. So a file that was only reformatted is still good. [`import`](SessionService::import) takes nothing on
//! trust: format, version, checksum, numbering, sizes and ids are verified before anything is kept. The checksum
//! guards against accidents; it proves nothing about who wrote the file.
//!
//! Its events do not tell what was said, so a service cannot be restored from them:
//! [`snapshot`](SessionService::snapshot) takes all sessions at once, to go on from in another process by
//! [`from_snapshot`](SessionService::from_snapshot).
//!
//! What goes wrong: a closed session takes no messages and no links, a content above the size limit is refused
//! whole; nothing changes then, and nothing is told. The service keeps every session and message; how many those
//! are is up to the embedder.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use agentbus::event::MessageRole;
//! use agentbus::service::session::{Page, SessionService};
//!
//! let sessions = SessionService::new(None);
//! let session = sessions.create("agents/planner", Some("the greeter"))?;
//! sessions.append(&session.id, MessageRole::User, "mend the greeter", None)?;
//! sessions.append(&session.id, MessageRole::Assistant, "done", None)?;
//!
//! let first = sessions.messages(&session.id, Page::first(NonZeroUsize::MIN))?;
//! assert_eq!(&*first.messages[0].content, "mend the greeter");
//! let second = sessions.messages(&session.id, first.next.expect("one message is left"))?;
//! assert_eq!((second.messages[0].sequence, second.next), (2, None));
//!
//! let elsewhere = SessionService::new(None);
//! assert_eq!(elsewhere.import(&sessions.export(&session.id)?)?.messages, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use crate::bus::EventBus;
use crate::emitter::{Changes, Emitter, Outbox};
use crate::event::text::check_name;
use crate::event::{
    Brief, CallId, MessageId, MessageRole, PlanId, Scope, SessionCreated, SessionId, SessionMessageSent, Text,
};

mod error;
mod export;
mod snapshot;
mod state;

#[cfg(test)]
mod tests;

pub use error::{ImportError, MessageFault, SessionError};
pub use export::{EXPORT_FORMAT, EXPORT_VERSION};
pub use snapshot::SessionSnapshot;
use state::{Conversation, Sessions};
pub use state::{Message, Page, Session, SessionMessages};

/// The longest content of a message, in bytes, unless another is chosen: 1 MiB.
pub const DEFAULT_MAX_CONTENT_BYTES: usize = 1 << 20;

/// Keeps conversations. Cheap to clone; clones share their sessions.
#[derive(Clone, Debug)]
pub struct SessionService {
    sessions: Arc<Outbox<Sessions>>,
    max_content_bytes: usize,
}

impl SessionService {
    /// A service without sessions, that takes contents up to [`DEFAULT_MAX_CONTENT_BYTES`].
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::with_max_content_bytes(DEFAULT_MAX_CONTENT_BYTES, bus)
    }

    /// A service without sessions, that takes contents up to `max_content_bytes`.
    pub fn with_max_content_bytes(max_content_bytes: usize, bus: Option<Arc<dyn EventBus>>) -> Self {
        let sessions = Arc::new(Outbox::new(Sessions::default(), Emitter::new(bus)));
        Self { sessions, max_content_bytes }
    }

    /// Creates a session of `actor`. A title that is too long is cut, as in events.
    ///
    /// # Errors
    /// [`SessionError::Invalid`] if the actor has no name.
    pub fn create(&self, actor: impl Into<Text>, title: Option<&str>) -> Result<Session, SessionError> {
        let (actor, title) = (actor.into(), title.map(Brief::from));
        check_name(&actor).map_err(|source| SessionError::Invalid { what: "actor", source })?;
        let now = Scope::current();
        Ok(self.sessions.change(|sessions, events| {
            let session = Session::new(SessionId::generate(), actor, title);
            let conversation = opened(Conversation::new(session), now, events);
            let session = conversation.session.clone();
            sessions.insert(conversation);
            session
        }))
    }

    /// Appends a message. `tool_call_id` names the call that a message of a tool answers.
    ///
    /// # Errors
    /// [`SessionError::Closed`], [`SessionError::TooLarge`], [`SessionError::Unknown`]; [`SessionError::Invalid`] if
    /// the call's id cannot be one.
    pub fn append(
        &self,
        session: &SessionId,
        role: MessageRole,
        content: impl Into<Arc<str>>,
        tool_call_id: Option<CallId>,
    ) -> Result<Message, SessionError> {
        let content = content.into();
        let (actual, max) = (content.len(), self.max_content_bytes);
        if actual > max {
            return Err(SessionError::TooLarge { session: session.clone(), actual, max });
        }
        if let Some(call) = &tool_call_id {
            check_name(&call.to_string())
                .map_err(|source| SessionError::Invalid { what: "tool call id", source })?;
        }
        // Hashed before the lock is taken: a content may be long.
        let mut message = Message::new(MessageId::generate(), role, content, tool_call_id);
        let now = Scope::current();
        self.sessions.change(|sessions, events| {
            let conversation = sessions.open(session, "append to")?;
            message.sequence = conversation.session.messages + 1;
            let sent = || {
                SessionMessageSent::new(
                    message.id.clone(),
                    message.sequence,
                    message.role,
                    message.bytes(),
                    message.tokens,
                    message.content_hash,
                )
            };
            message.sent_at = events.emit_timed(&conversation.scope(&now), sent);
            conversation.push(message.clone());
            Ok(message)
        })
    }

    /// A page of a session's messages, by sequence. Contents are shared, not copied.
    ///
    /// # Errors
    /// [`SessionError::Unknown`].
    pub fn messages(&self, session: &SessionId, page: Page) -> Result<SessionMessages, SessionError> {
        self.sessions.read(|sessions| Ok(sessions.get(session)?.page(page)))
    }

    /// Links a session to a plan it led to. A second time does nothing.
    ///
    /// # Errors
    /// [`SessionError::Closed`], [`SessionError::Unknown`]; [`SessionError::Invalid`] if the plan's id cannot be one.
    pub fn link_plan(&self, session: &SessionId, plan: &PlanId) -> Result<Session, SessionError> {
        check_name(&plan.to_string()).map_err(|source| SessionError::Invalid { what: "plan id", source })?;
        self.sessions.change(|sessions, _events| {
            let conversation = sessions.open(session, "link")?;
            if !conversation.session.plan_ids.contains(plan) {
                conversation.session.plan_ids.push(plan.clone());
            }
            Ok(conversation.session.clone())
        })
    }

    /// Closes a session: it takes no more messages and links. A second time does nothing.
    ///
    /// # Errors
    /// [`SessionError::Unknown`].
    pub fn close(&self, session: &SessionId) -> Result<Session, SessionError> {
        self.sessions.change(|sessions, _events| match sessions.open(session, "close") {
            Ok(conversation) => {
                conversation.close();
                Ok(conversation.session.clone())
            }
            Err(SessionError::Closed { .. }) => Ok(sessions.get(session)?.session.clone()),
            Err(error) => Err(error),
        })
    }

    /// The session of that id.
    pub fn get(&self, session: &SessionId) -> Option<Session> {
        self.sessions.read(|sessions| sessions.get(session).ok().map(|found| found.session.clone()))
    }

    /// All sessions, in the order in which they were created or imported.
    pub fn list(&self) -> Vec<Session> {
        self.sessions.read(Sessions::list)
    }

    /// The scope for what happens inside a session: its id, its actor, and its opening event as the cause.
    pub fn scope(&self, session: &SessionId) -> Option<Scope> {
        self.sessions.read(|sessions| sessions.get(session).ok().map(|found| found.inside.clone()))
    }

    /// Writes a session with all its messages as JSON, for [`SessionService::import`]. It holds what was said.
    ///
    /// # Errors
    /// [`SessionError::Unknown`].
    pub fn export(&self, session: &SessionId) -> Result<String, SessionError> {
        // Copied under the lock (contents are shared), written without it.
        let (session, messages) = self.sessions.read(|sessions| {
            let found = sessions.get(session)?;
            Ok((found.session.clone(), found.messages.clone()))
        })?;
        Ok(export::write(session, messages))
    }

    /// Reads what [`SessionService::export`] wrote, here or elsewhere. It keeps its ids, numbers and times; no
    /// messages are told.
    ///
    /// # Errors
    /// [`ImportError`]; nothing was kept then.
    pub fn import(&self, json: &str) -> Result<Session, ImportError> {
        let conversation = export::read(json, self.max_content_bytes)?;
        let now = Scope::current();
        self.sessions.change(|sessions, events| {
            let session = conversation.session.clone();
            if sessions.get(&session.id).is_ok() {
                return Err(ImportError::Exists { session: session.id });
            }
            sessions.insert(opened(conversation, now, events));
            Ok(session)
        })
    }
}

/// Tells that a session is there. One that was created is as old as its event; one that was imported has its times.
fn opened(mut conversation: Conversation, now: Scope, events: &mut Changes<'_>) -> Conversation {
    let session = &mut conversation.session;
    let scope = now.with_session_id(&session.id).with_actor_name(session.actor.clone());
    let created = || {
        let mut created = SessionCreated::new(session.imported);
        created.title.clone_from(&session.title);
        created
    };
    let (inside, at) = events.open_timed(&scope, created);
    if !session.imported {
        session.created_at = at;
    }
    conversation.inside = inside;
    conversation
}
