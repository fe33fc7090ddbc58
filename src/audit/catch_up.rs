//! Indexing what is new in a journal: one thread reads, another writes.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::database::Database;
use super::error::AuditError;
use super::row::Row;
use super::write::{Reached, Writer};
use crate::event::Hash;
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, Position, ReadFrom, line};
use crate::redact::Redactor;

/// How many rows are handed over at once, and how many bytes of lines, about.
const BATCH_ROWS: usize = 512;
const BATCH_BYTES: usize = 2 << 20;

/// How many batches wait at most: more than a transaction has, so that the next is read while one is written.
const WAITING: usize = 16;

/// How many rows a transaction has, and how many bytes, about.
const TRANSACTION_ROWS: usize = 4_096;
const TRANSACTION_BYTES: usize = 16 << 20;

/// What indexing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Indexed {
    /// How many events were added.
    pub events: u64,
    /// How far the journal is indexed now.
    pub through: Option<Position>,
    /// How many lines that were new cannot be read, and so are not in the index.
    pub unreadable: u64,
    /// How many times lines were gone before they were indexed: removed by retention, or lost.
    pub removed: u64,
}

/// Rows, and how far the journal was read for them.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<Row>,
    bytes: usize,
    through: Option<Position>,
    unreadable: u64,
    removed: u64,
}

/// Why the index did not get further.
#[derive(Debug)]
pub(super) enum Halt {
    /// Another database counts now.
    Replaced,
    Failed(AuditError),
}

impl<E: Into<AuditError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is indexed, and with what.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) reader: &'a JournalReader,
    pub(super) redactor: &'a Redactor,
    /// The id of the journal, if it is told.
    pub(super) journal: Option<&'a str>,
}

impl Source<'_> {
    /// Indexes what is new, up to the end of the journal.
    pub(super) fn index(&self, database: &Database) -> Result<Indexed, Halt> {
        let reached = Reached::read(&database.connection).map_err(|error| database.failed(error))?;
        let mut indexed = Indexed { through: reached.position, ..Indexed::default() };
        thread::scope(|scope| {
            let (sender, batches) = sync_channel(WAITING);
            let decode = move || self.decode(&reached, &sender);
            let decoder = thread::Builder::new().name("audit".into()).spawn_scoped(scope, decode);
            let decoder = decoder.map_err(AuditError::Start)?;
            let written = self.write_all(database, batches, &mut indexed);
            let read = decoder.join().unwrap_or_else(|panic| resume_unwind(panic));
            written?;
            read?;
            Ok(indexed)
        })
    }

    /// Reads what stands behind what was reached, until nobody takes it any more.
    fn decode(&self, reached: &Reached, batches: &SyncSender<Batch>) -> Result<(), AuditError> {
        // The last line that was indexed is read again: it has to be the same.
        let from = ReadFrom::from(reached.position.and_then(Position::previous));
        let mut reading = self.reader.read(from, Filter::all())?;
        let mut batch = Batch::default();
        // Whether the line that was reached was met, or something in its place that may be it.
        let mut is_met = reached.position.is_none();
        while let Some(entry) = reading.next() {
            match entry? {
                Entry::Event(recorded) => {
                    let (position, chain) = (recorded.position, line::chain_of(reading.line()));
                    if Some(position) <= reached.position {
                        check(reached, position, chain)?;
                        is_met |= Some(position) == reached.position;
                        continue;
                    }
                    refuse_gone(reached, is_met)?;
                    batch.through = Some(position);
                    batch.bytes += reading.line().len();
                    match Row::of_line(position, recorded.event, reading.line(), self.redactor) {
                        Ok(row) => batch.rows.push(row),
                        Err(_no_event_any_more) => batch.unreadable += 1,
                    }
                }
                Entry::Unreadable(_) => {
                    is_met = true;
                    batch.unreadable += 1;
                }
                Entry::Removed { through } => {
                    is_met |= Some(through) >= reached.position;
                    batch.removed += u64::from(Some(through) > reached.position);
                    batch.through = batch.through.max(Some(through));
                }
            }
            let is_full = batch.rows.len() >= BATCH_ROWS || batch.bytes >= BATCH_BYTES;
            if is_full && batches.send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
        refuse_gone(reached, is_met)?;
        // Who takes no more has failed, and says so.
        batches.send(batch).unwrap_or_default();
        Ok(())
    }

    fn write_all(
        &self,
        database: &Database,
        batches: Receiver<Batch>,
        indexed: &mut Indexed,
    ) -> Result<(), Halt> {
        let (mut waiting, mut rows, mut bytes) = (Vec::new(), 0, 0);
        for batch in batches {
            rows += batch.rows.len();
            bytes += batch.bytes;
            indexed.unreadable += batch.unreadable;
            indexed.removed += batch.removed;
            waiting.push(batch);
            if rows >= TRANSACTION_ROWS || bytes >= TRANSACTION_BYTES {
                self.write(database, &waiting, indexed)?;
                waiting.clear();
                (rows, bytes) = (0, 0);
            }
        }
        if waiting.iter().any(|batch| batch.through > indexed.through) {
            self.write(database, &waiting, indexed)?;
        }
        Ok(())
    }

    /// Writes rows and how far the journal was read for them, in one transaction.
    fn write(&self, database: &Database, batches: &[Batch], indexed: &mut Indexed) -> Result<(), Halt> {
        let failed = |error| database.failed(error);
        let mut writer = begin(database)?;
        if !database.counts()? {
            return Err(Halt::Replaced);
        }
        let mut reached = writer.reached().map_err(failed)?;
        // Somebody else may have indexed some of it meanwhile.
        let before = reached.position;
        for row in batches.iter().flat_map(|batch| &batch.rows).filter(|row| Some(row.position) > before) {
            indexed.events += u64::from(writer.add(row).map_err(failed)?);
        }
        let through = batches.iter().filter_map(|batch| batch.through).max();
        if through > before {
            let last = batches.iter().rev().find_map(|batch| batch.rows.last());
            let last = last.filter(|row| Some(row.position) == through);
            reached.position = through;
            reached.chain = last.and_then(|row| row.chain).map(|chain| chain.to_string());
        }
        reached.journal = self.journal.map(str::to_owned).or(reached.journal);
        indexed.through = reached.position;
        Ok(writer.finish(&reached).map_err(failed)?)
    }
}

/// Begins a transaction, as soon as nobody else writes. One who writes for long but gets on with it is waited for.
fn begin(database: &Database) -> Result<Writer<'_>, AuditError> {
    let position = || -> Result<_, AuditError> {
        let reached = Reached::read(&database.connection).map_err(|error| database.failed(error))?;
        Ok(reached.position)
    };
    let mut seen = position()?;
    loop {
        match Writer::begin(&database.connection).map_err(|error| database.failed(error)) {
            Err(AuditError::Busy { .. }) if position()? > seen => seen = position()?,
            begun => return begun,
        }
    }
}

/// Refuses a journal in which the line that was reached is not there any more: it was cut behind the index.
fn refuse_gone(reached: &Reached, is_met: bool) -> Result<(), AuditError> {
    match reached.position {
        Some(position) if !is_met => Err(AuditError::Diverged { position }),
        _ => Ok(()),
    }
}

/// Refuses a journal whose line at the position that was reached is another one.
fn check(reached: &Reached, position: Position, chain: Option<Hash>) -> Result<(), AuditError> {
    let chain = chain.map(|chain| chain.to_string());
    let is_same = reached.position != Some(position) || reached.chain.is_none() || reached.chain == chain;
    if is_same { Ok(()) } else { Err(AuditError::Diverged { position }) }
}

#[cfg(test)]
mod tests;
