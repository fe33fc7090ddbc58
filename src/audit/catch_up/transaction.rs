//! Writing what was read, many events in one transaction.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::checkpoint::Checkpointer;
use super::decode::Part;
use super::{Halt, Indexed, Source};
use crate::audit::database::Database;
use crate::audit::error::AuditError;
use crate::audit::write::{Reached, Writer};

/// How many events a transaction has, and how many bytes, about: the more, the fewer lists of words have to be merged.
const EVENTS: usize = 16_384;
const BYTES: usize = 32 << 20;

/// How long it lasts, about: whoever else wants to write waits for it, and is given up after some seconds.
const LASTS: Duration = Duration::from_secs(1);

impl Source<'_> {
    /// Writes all parts.
    pub(super) fn write(
        &self,
        database: &Database,
        parts: Receiver<Part>,
        mut checkpointer: Checkpointer<'_, '_>,
        indexed: &mut Indexed,
    ) -> Result<(), Halt> {
        let mut open = None;
        for part in parts {
            if part.through <= indexed.through {
                indexed.unreadable += part.unreadable;
                continue;
            }
            let mut transaction = match open.take() {
                Some(open) => open,
                None => Open::begin(self, database, indexed)?,
            };
            transaction.add(part)?;
            if transaction.is_full() {
                transaction.finish(indexed)?;
                checkpointer.begin()?;
            } else {
                open = Some(transaction);
            }
        }
        open.map_or(Ok(()), |transaction| transaction.finish(indexed))?;
        Ok(checkpointer.finish()?)
    }
}

/// A transaction that is not ended.
struct Open<'c> {
    database: &'c Database,
    writer: Writer<'c>,
    reached: Reached,
    began: Instant,
    events: usize,
    bytes: usize,
    /// What it comes to.
    indexed: Indexed,
}

impl<'c> Open<'c> {
    fn begin(source: &Source<'_>, database: &'c Database, indexed: &Indexed) -> Result<Self, Halt> {
        let writer = begin(database)?;
        if !database.counts()? {
            return Err(Halt::Replaced);
        }
        let mut reached = writer.reached().map_err(|error| database.failed(error))?;
        if reached.position != indexed.through {
            return Err(Halt::Overtaken);
        }
        reached.journal = source.journal.map(str::to_owned).or(reached.journal);
        Ok(Self { database, writer, reached, began: Instant::now(), events: 0, bytes: 0, indexed: *indexed })
    }

    fn add(&mut self, part: Part) -> Result<(), AuditError> {
        self.events += part.events();
        self.bytes += part.bytes;
        self.indexed.unreadable += part.unreadable;
        self.indexed.removed += part.removed;
        self.indexed.through = part.through;
        self.reached.position = part.through;
        self.reached.chain = part.chain.map(|chain| chain.to_string());
        if let Some(batch) = part.batch {
            self.indexed.events += self.writer.add(batch).map_err(|error| self.database.failed(error))?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.events >= EVENTS || self.bytes >= BYTES || self.began.elapsed() >= LASTS
    }

    /// Ends it: what was added is there.
    fn finish(self, indexed: &mut Indexed) -> Result<(), AuditError> {
        self.writer.finish(&self.reached).map_err(|error| self.database.failed(error))?;
        *indexed = self.indexed;
        Ok(())
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
