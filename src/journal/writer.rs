//! [`Writer`]: takes what waits, makes it into lines, and answers whoever waits for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::durability::Durability;
use super::health::Problem;
use super::log::Log;
use super::queue::{Queue, Ticket};
use super::queued::Queued;
use super::tail::Tail;
use super::taken::Taken;
use crate::redact::Redactor;

/// What has been written, as whoever waits for it needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Up to there everything is written.
    pub(super) written: Ticket,
    /// Up to there it is synced as well.
    pub(super) synced: Ticket,
}

/// Whether what comes next may be taken from the queue before what is being written is synced: only by somebody who
/// writes that too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    Encode,
    Leave,
}

#[derive(Debug)]
pub(super) struct Writer {
    log: Log,
    redactor: Redactor,
    durability: Durability,
    /// Past so many bytes that are not synced a sync is due at once.
    retained_bound: usize,
    tail: Arc<Tail>,
    /// What is being written.
    now: Taken,
    /// What is written next, if it was taken already.
    next: Taken,
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
            now: Taken::default(),
            next: Taken::default(),
            written: Written::default(),
            unsynced_since: None,
        }
    }

    pub(super) fn written(&self) -> Written {
        self.written
    }

    /// Whether something was taken and not written yet.
    pub(super) fn has_begun(&self) -> bool {
        !self.now.is_empty() || !self.next.is_empty()
    }

    /// How long until a sync is due; none if none is.
    pub(super) fn sync_due_in(&self) -> Option<Duration> {
        match (self.durability, self.unsynced_since) {
            (Durability::Interval(interval), Some(since)) => Some(interval.saturating_sub(since.elapsed())),
            _ => None,
        }
    }

    /// Writes the next batch, or goes on with the one that could not be written. `patience` is for the lock. With
    /// [`Ahead::Encode`] the batch behind it is encoded while this one is synced.
    pub(super) fn write(
        &mut self,
        queue: &Queue<Queued>,
        patience: Duration,
        ahead: Ahead,
    ) -> Result<(), Problem> {
        let Self { log, redactor, now, next, .. } = self;
        if now.is_empty() {
            std::mem::swap(now, next);
        }
        if now.is_empty() {
            // Outside of the journal's lock.
            now.take(queue, redactor);
        }
        if now.is_empty() {
            // What waited was withdrawn.
            self.written.written = self.written.written.max(now.through());
            return Ok(());
        }
        log.write(now.batch(), patience, || {
            if ahead == Ahead::Encode && next.is_empty() {
                next.take(queue, redactor);
            }
        })?;
        if log.is_awaited() {
            self.tail.published(&now.recorded(log.positions()));
        }
        now.answer(log.positions());
        self.written.written = now.through();
        match self.durability {
            Durability::Sync => self.written.synced = self.written.written,
            Durability::Interval(_) => {
                self.unsynced_since.get_or_insert_with(Instant::now);
            }
            Durability::Os => {}
        }
        Ok(())
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
        self.now.leave_unsettled(reason);
        self.next.leave_unsettled(reason);
    }

    /// How much was taken and is not written.
    pub(super) fn unwritten(&self) -> u64 {
        self.now.events() + self.next.events()
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
