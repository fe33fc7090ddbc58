//! Who hears what actors say: the session, and whoever keeps what it cost.

use std::sync::Arc;

use agentbus::event::{MessageRole, SessionId};
use agentbus::service::actor::{ConversationSink, Message, SinkError};
use agentbus::service::budget::BudgetService;
use agentbus::service::session::SessionService;
use async_trait::async_trait;

use super::keeping::Keeping;

/// Keeps what is said in a session.
#[derive(Debug)]
pub(super) struct SessionSink {
    pub(super) sessions: SessionService,
    pub(super) session: SessionId,
    pub(super) purse: Option<Arc<Purse>>,
}

#[async_trait]
impl ConversationSink for SessionSink {
    async fn append(&self, message: &Message) -> Result<(), SinkError> {
        if let Some(purse) = &self.purse {
            purse.hear(message);
        }
        let (role, content, call) = match message {
            Message::System(text) => (MessageRole::System, text.clone(), None),
            Message::User(text) => (MessageRole::User, text.clone(), None),
            Message::Assistant { text, tool_calls } => {
                let asked: Vec<_> = tool_calls.iter().map(|call| format!("[calls {}]", call.name)).collect();
                let words = [text.as_str()].into_iter().chain(asked.iter().map(String::as_str));
                (MessageRole::Assistant, words.collect::<Vec<_>>().join("\n"), None)
            }
            // An id that cannot be one is left out: the message counts more than what it answers.
            Message::Tool { id, content, .. } => (MessageRole::Tool, content.clone(), id.parse().ok()),
        };
        let appended = self.sessions.append(&self.session, role, content, call);
        appended.map(|_message| ()).map_err(|error| SinkError::new(error.to_string()))
    }
}

/// Keeps what was spent: with each answer, which is paid before it is told, so that a run that goes on in another process
/// has no more to spend than this one.
#[derive(Debug)]
pub(super) struct Purse {
    pub(super) keeping: Arc<Keeping>,
    pub(super) budgets: BudgetService,
}

impl Purse {
    fn hear(&self, message: &Message) {
        if matches!(message, Message::Assistant { .. }) {
            self.keep();
        }
    }

    pub(super) fn keep(&self) {
        tokio::task::block_in_place(|| self.keeping.keep_budgets(&self.budgets));
    }
}

#[async_trait]
impl ConversationSink for Purse {
    async fn append(&self, message: &Message) -> Result<(), SinkError> {
        self.hear(message);
        Ok(())
    }
}
