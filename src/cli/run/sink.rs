//! Who hears what actors say: the session, and whoever keeps what it cost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentbus::event::{MessageRole, SessionId};
use agentbus::service::actor::{ConversationSink, Message, SinkError};
use agentbus::service::budget::BudgetService;
use agentbus::service::session::SessionService;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::keeping::{Keeping, SaveError};
use super::metering::Meter;
use super::recalling::Report;

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

/// Keeps what an actor spends: with each answer, which is paid before it is told, so that a run that goes on in another
/// process has no more to spend than this one. Where that cannot be kept, the actor is stopped: it spends nothing more.
#[derive(Debug)]
pub(super) struct Purse {
    keeping: Arc<Keeping>,
    budgets: BudgetService,
    meter: Meter,
    stop: CancellationToken,
    /// Guards why it could not be kept; held for single moves.
    failed: Mutex<Option<SaveError>>,
}

impl Purse {
    /// One for one run of an actor, which ends with `cancelled` in any case.
    pub(super) fn new(
        keeping: Arc<Keeping>,
        budgets: BudgetService,
        meter: Meter,
        cancelled: &CancellationToken,
    ) -> Self {
        Self { keeping, budgets, meter, stop: cancelled.child_token(), failed: Mutex::default() }
    }

    /// What stops the actor.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Keeps what was spent in the end: an answer that could not be used was paid too, and told to nobody.
    pub(super) fn close(&self) -> Result<(), SaveError> {
        self.keep();
        self.failed().take().map_or(Ok(()), Err)
    }

    fn hear(&self, message: &Message) {
        if matches!(message, Message::Assistant { .. }) {
            self.keep();
        }
    }

    fn keep(&self) {
        let kept = tokio::task::block_in_place(|| self.keeping.keep_spent(&self.budgets, &self.meter));
        if let Err(error) = kept {
            self.failed().get_or_insert(error);
            self.stop.cancel();
        }
    }

    fn failed(&self) -> MutexGuard<'_, Option<SaveError>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what a scout spends, and what it found out as soon as it says that: before anybody is told that it came back.
#[derive(Debug)]
pub(super) struct ScoutSink {
    pub(super) purse: Arc<Purse>,
    pub(super) report: Report,
}

#[async_trait]
impl ConversationSink for ScoutSink {
    async fn append(&self, message: &Message) -> Result<(), SinkError> {
        self.purse.hear(message);
        match message {
            // Its last words: it asks for nothing more.
            Message::Assistant { text, tool_calls } if tool_calls.is_empty() => self.report.keep(text),
            _ => {}
        }
        Ok(())
    }
}
