//! [`Journal`]: the handle of a journal that is open for writing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;

use super::consumer::{Consumer, ConsumerError, ConsumerOptions};
use super::durability::Durability;
use super::error::CloseError;
use super::health::Health;
use super::log::{OpenError, Recovery};
use super::open::JournalBuilder;
use super::queue::Ticket;
use super::queued::Queued;
use super::reader::{Follow, JournalReader, Missed, Reading, Tailed};
use super::record::{ReadError, ReadFrom};
use super::shared::{Handle, Progress, Shared};
use super::storage::Storage;
use crate::bus::{RecordError, Recorder};
use crate::event::{DomainEvent, Turn};
use crate::filter::Filter;
use crate::redact::Redactor;
use crate::stream::Lag;

mod append;

/// A journal that is open for writing. Cheap to clone; clones are the same journal.
///
/// Given to a bus as its recorder, it records what the bus emits. Dropping the last handle writes what is queued, for
/// at most five seconds, on the thread that drops it; [`Journal::close`] does so without blocking one.
#[derive(Debug)]
pub struct Journal {
    handle: Arc<Handle>,
    reader: JournalReader,
    redactor: Redactor,
    recovery: Arc<Recovery>,
    /// Losses up to this ticket were told to whoever flushed through this handle.
    told: AtomicU64,
}

impl Clone for Journal {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            reader: self.reader.clone(),
            redactor: self.redactor.clone(),
            recovery: Arc::clone(&self.recovery),
            told: AtomicU64::new(self.told.load(Ordering::Relaxed)),
        }
    }
}

impl Journal {
    /// Opens the journal in that directory, with what [`Journal::builder`] has by default.
    ///
    /// # Errors
    /// As [`JournalBuilder::open`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder(directory).open()
    }

    /// A journal in that directory, to be opened.
    pub fn builder(directory: impl AsRef<Path>) -> JournalBuilder {
        JournalBuilder::new(directory.as_ref().to_owned())
    }

    /// A journal on that storage, to be opened.
    pub fn builder_on(storage: Arc<dyn Storage>) -> JournalBuilder {
        JournalBuilder::on(storage)
    }

    pub(super) fn new(handle: Handle, reader: JournalReader, redactor: Redactor, recovery: Recovery) -> Self {
        let (handle, recovery) = (Arc::new(handle), Arc::new(recovery));
        Self { handle, reader, redactor, recovery, told: AtomicU64::new(0) }
    }

    /// The same journal to be read, also after this handle is gone.
    pub fn reader(&self) -> &JournalReader {
        &self.reader
    }

    /// What stands in it from there on; see [`JournalReader::read`].
    ///
    /// # Errors
    /// As [`JournalReader::read`].
    pub fn read(&self, from: ReadFrom, filter: Filter) -> Result<Reading, ReadError> {
        self.reader.read(from, filter)
    }

    /// What stands in it from there on, and then what is recorded; see [`JournalReader::follow`].
    ///
    /// # Errors
    /// As [`JournalReader::follow`].
    pub fn follow(&self, from: ReadFrom, filter: Filter) -> Result<Follow, ReadError> {
        self.reader.follow(from, filter)
    }

    /// The last `n` entries; see [`JournalReader::tail`].
    ///
    /// # Errors
    /// As [`JournalReader::tail`].
    pub fn tail(&self, n: usize, filter: Filter) -> Result<Tailed, ReadError> {
        self.reader.tail(n, filter)
    }

    /// What a slow stream missed; see [`JournalReader::missed`]. What the bus emitted before is found once it is
    /// flushed.
    ///
    /// ```
    /// use agentbus::event::SessionCreated;
    /// use agentbus::journal::Journal;
    /// use agentbus::{Delivery, DomainEvent, EventBus, Filter, ReactiveEventBus};
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let journal = Journal::open(directory.path())?;
    /// let bus = ReactiveEventBus::builder().capacity(2_usize).journal(journal.clone()).build();
    /// let mut stream = bus.stream(Filter::all());
    /// (0..5).for_each(|_| drop(bus.emit(DomainEvent::new(SessionCreated::new(false)))));
    /// bus.flush().await?;
    /// let Some(Delivery::Lagged(lag)) = stream.next().await else { panic!("it was too slow") };
    /// assert_eq!(journal.missed(&lag, Filter::all())?.count(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`JournalReader::missed`].
    pub fn missed(&self, lag: &Lag, filter: Filter) -> Result<Missed, ReadError> {
        self.reader.missed(lag, filter)
    }

    /// The consumer of that name; see [`JournalReader::consumer`]. Secrets in the reasons of failures are masked by the
    /// journal's own redactor.
    ///
    /// # Errors
    /// As [`JournalReader::consumer`].
    pub fn consumer(&self, name: impl AsRef<str>) -> Result<Consumer, ConsumerError> {
        self.reader.consumer_with(name, ConsumerOptions::new().redactor(self.redactor.clone()))
    }

    /// What masks secrets before a line is written; its [counts](Redactor::counts) tell how often which rule did.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it writes.
    pub fn health(&self) -> Health {
        self.shared().progress.borrow().health.clone()
    }

    /// Waits until it writes: to append again what [`AppendError::Failing`](super::AppendError::Failing) handed back.
    /// Returns at once while it does.
    ///
    /// # Errors
    /// [`RecordError`] if it is closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn healthy(&self) -> Result<(), RecordError> {
        let closed = || RecordError::new("the journal was closed");
        let mut progress = self.shared().progress.subscribe();
        let told = |progress: &Progress| progress.closed.is_some() || progress.health.is_healthy();
        let seen = progress.wait_for(told).await.map_err(|_gone| closed())?;
        if seen.closed.is_some() { Err(closed()) } else { Ok(()) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Waits until everything that was recorded or appended before is written and, unless with [`Durability::Os`],
    /// synced.
    ///
    /// # Errors
    /// [`RecordError`] at once if the journal cannot write now; it is kept in memory and written when it can. Also if
    /// events were lost since the last flush through this handle, as they did not fit into memory.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&self) -> Result<(), RecordError> {
        let (through, lost) = self.shared().queue.tickets();
        let told = self.told.load(Ordering::Relaxed);
        self.written(through).await?;
        // Only now are they told of: a flush that failed told something else.
        self.told.fetch_max(lost, Ordering::Relaxed);
        if lost > told {
            let reason =
                "events were lost while the journal could not write; a `journal.gap` line tells how many";
            return Err(RecordError::new(reason));
        }
        Ok(())
    }

    async fn written(&self, through: Ticket) -> Result<(), RecordError> {
        let syncs = matches!(self.shared().durability, Durability::Interval(_));
        if syncs {
            self.shared().queue.ask_sync(through);
        }
        let is_through = |progress: &Progress| {
            let reached = if syncs { progress.written.synced } else { progress.written.written };
            reached >= through
        };
        let mut progress = self.shared().progress.subscribe();
        let seen = progress
            .wait_for(|seen| is_through(seen) || !seen.health.is_healthy() || seen.closed.is_some())
            .await
            .map_err(|_gone| RecordError::new("the journal was closed"))?;
        match &seen.health {
            _ if is_through(&seen) => Ok(()),
            Health::Failing { reason, .. } => {
                Err(RecordError::new(format!("the journal cannot write: {reason}")))
            }
            Health::Healthy => Err(RecordError::new("the journal was closed")),
        }
    }

    /// Closes the journal: writes what is queued, syncs it, and marks the journal as cleanly closed, so that no
    /// position need be skipped should the machine restart. What is recorded later is lost, and flushes say so.
    ///
    /// # Errors
    /// [`CloseError`] if not everything was written before the deadline.
    ///
    /// # Cancel safety
    /// If dropped, closing goes on; it can be called again.
    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        // A deadline beyond a year is none for practical purposes, and no clock can tell every one.
        let deadline = deadline.min(Duration::from_hours(24 * 365));
        self.shared().queue.stop(Instant::now() + deadline);
        let mut progress = self.shared().progress.subscribe();
        // The thread keeps to the deadline by itself; the rest is for the system.
        let closed =
            timeout(deadline + Duration::from_secs(1), progress.wait_for(|seen| seen.closed.is_some()));
        let seen = closed.await.ok().and_then(Result::ok).map(|seen| seen.clone());
        let unwritten = match &seen {
            Some(progress) => progress.closed.unwrap_or_default(),
            None => self.shared().queue.len().max(1),
        };
        if unwritten == 0 {
            return Ok(());
        }
        let reason = match self.health() {
            Health::Failing { reason, .. } => Some(reason),
            Health::Healthy => None,
        };
        Err(CloseError { unwritten, reason })
    }
}

impl AsRef<JournalReader> for Journal {
    fn as_ref(&self) -> &JournalReader {
        &self.reader
    }
}

#[async_trait]
impl Recorder for Journal {
    fn record(&self, event: &Arc<DomainEvent>) {
        if !event.is_replayed() {
            self.shared().queue.push(Queued::event(Arc::clone(event)));
        }
    }

    fn relieve(&self) {
        self.shared().relieve();
    }

    /// Waits for everything recorded so far, which may be more than was asked for.
    async fn recorded(&self, _through: Turn) -> Result<(), RecordError> {
        self.flush().await
    }
}
