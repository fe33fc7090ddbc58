//! [`Queued`]: something to be recorded, and the [`Reply`] to whoever waits for that.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::position::Position;
use super::queue::Weighs;
use crate::event::DomainEvent;

/// Tells whoever appended something where it is recorded.
#[derive(Debug)]
pub(super) enum Reply {
    First(oneshot::Sender<Result<Position, Unanswered>>),
    /// It was told to be unsettled.
    Later(oneshot::Sender<Position>),
}

/// Why there is no position for something that was appended.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It was taken back before it was written.
    Withdrawn(String),
    /// It is being written; its position comes later, if it is.
    Unsettled(String, oneshot::Receiver<Position>),
}

impl Reply {
    pub(super) fn recorded(self, position: Position) {
        match self {
            // Nobody waits for it any more.
            Self::First(reply) => drop(reply.send(Ok(position))),
            Self::Later(reply) => drop(reply.send(position)),
        }
    }

    /// Tells that it is unsettled, once.
    pub(super) fn unsettled(self, reason: &str) -> Self {
        match self {
            Self::First(reply) => {
                let (later, position) = oneshot::channel();
                // Nobody waits for it any more.
                drop(reply.send(Err(Unanswered::Unsettled(reason.to_owned(), position))));
                Self::Later(later)
            }
            told @ Self::Later(_) => told,
        }
    }
}

/// Something to be recorded.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) what: What,
    pub(super) reply: Option<Reply>,
}

#[derive(Debug)]
pub(super) enum What {
    Event(Arc<DomainEvent>),
    /// Encoded by whoever appended it.
    Body(Vec<u8>),
    /// So many events that did not fit.
    Gap(u64),
}

impl Queued {
    pub(super) fn event(event: Arc<DomainEvent>) -> Self {
        Self { what: What::Event(event), reply: None }
    }

    pub(super) fn body(body: Vec<u8>, reply: Option<Reply>) -> Self {
        Self { what: What::Body(body), reply }
    }

    pub(super) fn has_reply(&self) -> bool {
        self.reply.is_some()
    }

    pub(super) fn answer(self, unanswered: Unanswered) {
        // What waits was never told of before.
        if let Some(Reply::First(reply)) = self.reply {
            // Nobody waits for it any more.
            drop(reply.send(Err(unanswered)));
        }
    }
}

impl Weighs for Queued {
    fn weight(&self) -> usize {
        size_of::<Self>()
            + match &self.what {
                What::Event(event) => event.weight(),
                What::Body(body) => body.capacity(),
                What::Gap(_) => 0,
            }
    }

    fn gap(events: u64) -> Self {
        Self { what: What::Gap(events), reply: None }
    }

    fn gap_mut(&mut self) -> Option<&mut u64> {
        match &mut self.what {
            What::Gap(events) => Some(events),
            _ => None,
        }
    }
}
