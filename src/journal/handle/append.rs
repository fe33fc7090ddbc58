//! Appending: events whose places the caller awaits, past any bus.
//!
//! Events are made into lines by the caller and written by the journal's thread, which answers for each of them. While
//! the journal cannot write, and once it is closed, events are handed back; that one has no line is recorded.

use tokio::sync::oneshot;

use super::Journal;
use crate::event::DomainEvent;
use crate::journal::encode::{self, Refused};
use crate::journal::error::AppendError;
use crate::journal::health::Health;
use crate::journal::kinds::Refusal;
use crate::journal::line::MAX_LINE_BYTES;
use crate::journal::position::Position;
use crate::journal::queue;
use crate::journal::queued::{Queued, Reply, Unanswered};
use crate::journal::settling::{Answer, Settling};

impl Journal {
    /// Appends one event and gives its place, once it is as durable as the journal's
    /// [`Durability`](crate::journal::Durability) says: synced with `Sync`, else written. Its secrets are masked.
    ///
    /// # Errors
    /// [`AppendError`]. But for [`AppendError::Unsettled`] the event is not recorded then.
    ///
    /// # Cancel safety
    /// Once polled the event is queued, and is recorded also if this is dropped.
    #[expect(clippy::missing_panics_doc, reason = "one event has one position")]
    pub async fn append(&self, event: DomainEvent) -> Result<Position, AppendError> {
        let positions = self.append_many(vec![event]).await?;
        Ok(positions.first().copied().expect("one event has one position"))
    }

    /// Appends events side by side in their order, like [`Journal::append`].
    ///
    /// # Errors
    /// [`AppendError`]. If one of them cannot be made into a line, none is recorded. If the journal fails on the way,
    /// those before may be.
    ///
    /// # Cancel safety
    /// Once polled the events are queued, and are recorded also if this is dropped.
    pub async fn append_many(&self, events: Vec<DomainEvent>) -> Result<Vec<Position>, AppendError> {
        let mut queued = Vec::with_capacity(events.len());
        let mut replies = Vec::with_capacity(events.len());
        for event in &events {
            let mut body = Vec::new();
            if let Err(refused) = encode::body(&self.redactor, event, &mut body) {
                return Err(self.refuse(event, &refused));
            }
            let (reply, answer) = oneshot::channel();
            queued.push(Queued::body(body, Some(Reply::First(reply))));
            replies.push(answer);
        }
        match self.shared().queue.offer(queued) {
            Ok(()) => {}
            Err(queue::Refused::Stopped) => return Err(AppendError::Closed { events }),
            Err(queue::Refused::Failing) => {
                return Err(AppendError::Failing { reason: self.reason(), events });
            }
        }
        self.shared().relieve();
        self.positions(replies, events).await
    }

    /// What the writing thread answers for `events`.
    async fn positions(
        &self,
        replies: Vec<oneshot::Receiver<Result<Position, Unanswered>>>,
        events: Vec<DomainEvent>,
    ) -> Result<Vec<Position>, AppendError> {
        let mut positions = Vec::with_capacity(replies.len());
        let mut replies = replies.into_iter();
        while let Some(answer) = replies.next() {
            let (reason, position) = match answer.await {
                Ok(Ok(position)) => {
                    positions.push(position);
                    continue;
                }
                Ok(Err(Unanswered::Withdrawn(reason))) => {
                    return Err(AppendError::Failing { reason, events });
                }
                Ok(Err(Unanswered::Unsettled(reason, position))) => (reason, position),
                // Without an answer the thread that writes is gone, and whoever would tell it later.
                Err(_gone) => ("the journal was closed".to_owned(), oneshot::channel().1),
            };
            let answers = positions.into_iter().map(Answer::Known);
            let answers = answers.chain([Answer::Later(position)]).chain(replies.map(Answer::First));
            let settling = Settling::new(answers.collect(), self.shared().progress.subscribe());
            return Err(AppendError::Unsettled { reason, settling });
        }
        Ok(positions)
    }

    /// Records that an event was refused.
    fn refuse(&self, event: &DomainEvent, refused: &Refused) -> AppendError {
        let mut stub = Vec::new();
        encode::stub(&self.redactor, event, refused, &mut stub);
        self.shared().queue.push(Queued::body(stub, None));
        match refused.reason {
            Refusal::TooLong => AppendError::TooLong { bytes: refused.bytes.unwrap_or(MAX_LINE_BYTES) },
            Refusal::ReservedKey => AppendError::ReservedKey,
            Refusal::ReservedKind => AppendError::ReservedKind,
            Refusal::NoJson => AppendError::NoJson,
        }
    }

    fn reason(&self) -> String {
        match self.health() {
            Health::Failing { reason, .. } => reason,
            Health::Healthy => "it was failing a moment ago".to_owned(),
        }
    }
}
