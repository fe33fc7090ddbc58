//! [`Writer`]: takes what waits, makes it into lines, and answers whoever waits for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::batch::Batch;
use super::durability::Durability;
use super::encode::{self, Told};
use super::health::Problem;
use super::line;
use super::log::Log;
use super::position::Position;
use super::queue::{Queue, Ticket, Weighs};
use super::record::Recorded;
use super::tail::Tail;
use crate::event::DomainEvent;
use crate::redact::Redactor;

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
    fn recorded(self, position: Position) {
        match self {
            // Nobody waits for it any more.
            Self::First(reply) => drop(reply.send(Ok(position))),
            Self::Later(reply) => drop(reply.send(position)),
        }
    }

    /// Tells that it is unsettled, once.
    fn unsettled(self, reason: &str) -> Self {
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
    what: What,
    reply: Option<Reply>,
}

#[derive(Debug)]
enum What {
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

/// What has been written, as whoever waits for it needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Up to there everything is written.
    pub(super) written: Ticket,
    /// Up to there it is synced as well.
    pub(super) synced: Ticket,
}

#[derive(Debug)]
pub(super) struct Writer {
    log: Log,
    redactor: Redactor,
    durability: Durability,
    /// Past so many bytes that are not synced a sync is due at once.
    retained_bound: usize,
    tail: Arc<Tail>,
    /// What is being written: kept until it is.
    taken: Vec<Queued>,
    told: Vec<Told>,
    batch: Batch,
    /// The ticket of the last of it.
    taken_through: Ticket,
    written: Written,
    /// Since when lines wait for a sync.
    unsynced_since: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        log: Log,
        redactor: Redactor,
        durability: Durability,
        retained_bound: usize,
        tail: Arc<Tail>,
    ) -> Self {
        Self {
            log,
            redactor,
            durability,
            retained_bound,
            tail,
            taken: Vec::new(),
            told: Vec::new(),
            batch: Batch::default(),
            taken_through: 0,
            written: Written::default(),
            unsynced_since: None,
        }
    }

    pub(super) fn written(&self) -> Written {
        self.written
    }

    /// Whether something was taken and not written yet.
    pub(super) fn has_begun(&self) -> bool {
        !self.taken.is_empty()
    }

    /// How long until a sync is due; none if none is.
    pub(super) fn sync_due_in(&self) -> Option<Duration> {
        match (self.durability, self.unsynced_since) {
            (Durability::Interval(interval), Some(since)) => Some(interval.saturating_sub(since.elapsed())),
            _ => None,
        }
    }

    /// Writes the next batch, or goes on with the one that could not be written. `patience` is for the lock.
    pub(super) fn write(&mut self, queue: &Queue<Queued>, patience: Duration) -> Result<(), Problem> {
        if self.taken.is_empty() {
            self.take(queue);
        }
        if self.taken.is_empty() {
            return Ok(());
        }
        self.log.write(&self.batch, patience)?;
        let (is_awaited, positions) = (self.log.is_awaited(), self.log.positions());
        if is_awaited {
            let bodies = self.batch.bodies().zip(&self.told).zip(&self.taken);
            let recorded = bodies.zip(positions).filter_map(|(((body, told), queued), position)| {
                let event = recorded_event(&queued.what, *told, body)?;
                Some(Recorded { position: *position, event })
            });
            self.tail.published(&recorded.collect::<Vec<_>>());
        }
        for (queued, position) in self.taken.drain(..).zip(positions) {
            if let Some(reply) = queued.reply {
                reply.recorded(*position);
            }
        }
        self.batch.clear();
        self.told.clear();
        self.written.written = self.taken_through;
        match self.durability {
            Durability::Sync => self.written.synced = self.taken_through,
            Durability::Interval(_) => {
                self.unsynced_since.get_or_insert_with(Instant::now);
            }
            Durability::Os => {}
        }
        Ok(())
    }

    /// Takes what waits and encodes it, outside of the journal's lock.
    fn take(&mut self, queue: &Queue<Queued>) {
        self.taken_through = queue.take(&mut self.taken);
        if self.taken.is_empty() {
            // What waited was withdrawn.
            self.written.written = self.written.written.max(self.taken_through);
            return;
        }
        let redactor = &self.redactor;
        for queued in &self.taken {
            let told = self.batch.push(|into| match &queued.what {
                What::Event(event) => match encode::body(redactor, event, into) {
                    Ok(told) => told,
                    Err(refused) => {
                        encode::stub(redactor, event, &refused, into);
                        Told::Masked
                    }
                },
                What::Body(body) => {
                    into.extend_from_slice(body);
                    Told::Masked
                }
                What::Gap(events) => {
                    encode::gap(redactor, *events, into);
                    Told::Masked
                }
            });
            self.told.push(told);
        }
    }

    /// Syncs if one is due by the interval, by the memory that unsynced lines take, or as somebody asked for it.
    pub(super) fn sync_if_due(&mut self, asked: Ticket, patience: Duration) -> Result<(), Problem> {
        let Durability::Interval(_) = self.durability else { return Ok(()) };
        let is_asked = asked > self.written.synced;
        let is_due = self.sync_due_in().is_some_and(|left| left.is_zero());
        let is_full = self.log.retained_bytes() >= self.retained_bound;
        if !(is_asked || is_due || is_full) {
            return Ok(());
        }
        if self.log.is_unsynced() {
            self.log.sync(patience)?;
        }
        self.unsynced_since = None;
        self.written.synced = self.written.written;
        Ok(())
    }

    /// Tells those who wait for what is being written that it is not known when it will be.
    pub(super) fn leave_unsettled(&mut self, reason: &str) {
        for queued in &mut self.taken {
            queued.reply = queued.reply.take().map(|reply| reply.unsettled(reason));
        }
    }

    /// How much was taken and is not written.
    pub(super) fn unwritten(&self) -> u64 {
        self.taken.len() as u64
    }

    /// Whether lines are written and not synced.
    pub(super) fn has_unsynced(&self) -> bool {
        self.log.is_unsynced()
    }

    /// Marks the journal as closed cleanly.
    pub(super) fn close(&mut self, patience: Duration) -> Result<(), Problem> {
        self.log.close(patience)?;
        self.written.synced = self.written.written;
        Ok(())
    }
}

/// The event as it is recorded: what was emitted, unless the line tells something else.
fn recorded_event(what: &What, told: Told, body: &[u8]) -> Option<Arc<DomainEvent>> {
    match (what, told) {
        (What::Event(event), Told::AsItIs) => Some(Arc::clone(event)),
        _ => line::decode_body(body, &mut Vec::new()).ok().map(Arc::new),
    }
}
