//! [`MessageSource`]: what was said in the session.

use std::num::NonZeroUsize;

use async_trait::async_trait;

use super::{beginning, first_line, relevances};
use crate::event::MessageRole;
use crate::redact::Redactor;
use crate::service::context::{ContextRequest, ContextSource, Fragment, SourceError};
use crate::service::session::{Message, Page, SessionService};

/// How many messages are given, unless another number is chosen: the last hundred.
pub const DEFAULT_MESSAGES: NonZeroUsize = NonZeroUsize::new(100).expect("a hundred is not zero");

/// How long the outline of a message is, in bytes.
const MAX_OUTLINE_BYTES: usize = 400;

/// Gives the last messages of the request's session, in the order in which they were sent. Without a session it gives
/// nothing. It is called `messages`.
///
/// The outline of a message is its beginning, its line its first line. All are at the top, and what people and system
/// say has quality 1, what the assistant says 0.8, what a tool says 0.5.
///
/// A session that there is not is refused.
#[derive(Debug, Clone)]
pub struct MessageSource {
    sessions: SessionService,
    last: NonZeroUsize,
    redactor: Redactor,
}

impl MessageSource {
    /// Gives the last [`DEFAULT_MESSAGES`] of what that service has.
    pub fn new(sessions: SessionService) -> Self {
        Self { sessions, last: DEFAULT_MESSAGES, redactor: Redactor::untagged() }
    }

    /// The same source, that gives the last so many.
    #[must_use]
    pub fn with_last(mut self, last: NonZeroUsize) -> Self {
        self.last = last;
        self
    }

    /// The same source, that masks secrets by another redactor before it cuts a message short.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }
}

#[async_trait]
impl ContextSource for MessageSource {
    fn name(&self) -> &'static str {
        "messages"
    }

    async fn gather(&self, request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        let Some(id) = request.session_id() else { return Ok(Vec::new()) };
        let unknown = || SourceError::refused(format!("there is no session {id}"));
        let session = self.sessions.get(id).ok_or_else(unknown)?;
        let page = Page::after(session.messages.saturating_sub(self.last.get() as u64), self.last);
        let messages = self.sessions.messages(id, page).map_err(|_unknown| unknown())?.messages;
        let texts: Vec<String> = messages.iter().map(|message| message.content.to_string()).collect();
        let relevances = relevances(request.query(), &texts);
        let fragments = messages.into_iter().zip(relevances);
        Ok(fragments
            .map(|(message, relevance)| fragment(&message, &self.redactor).with_relevance(relevance))
            .collect())
    }
}

fn fragment(message: &Message, redactor: &Redactor) -> Fragment {
    // Of half a secret nobody knows that it is one.
    let masked = redactor.redact_text(&message.content);
    let quality = match message.role {
        MessageRole::User | MessageRole::System => 1.0,
        MessageRole::Assistant => 0.8,
        MessageRole::Tool => 0.5,
    };
    Fragment::new(message.id.to_string(), &*message.content)
        .with_title(format!("{}, {}", message.sequence, message.role))
        .with_outline(beginning(&masked, MAX_OUTLINE_BYTES))
        .with_line(first_line(&masked))
        .with_quality(quality)
        .with_time(message.sent_at)
}
