//! Indexing what is new in a journal: one thread reads, another writes, a third moves what was written into the database.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use self::checkpoint::Checkpointer;
use super::database::Database;
use super::error::AuditError;
use super::write::Reached;
use crate::journal::{JournalReader, Position};
use crate::redact::Redactor;

mod checkpoint;
mod decode;
mod transaction;

/// How many parts that were read wait at most, until they are written.
const WAITING: usize = 16;

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

/// Why the index did not get further.
#[derive(Debug)]
pub(super) enum Halt {
    /// Another database counts now.
    Replaced,
    /// Somebody else indexed what was read here.
    Overtaken,
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
    /// Indexes what is new, up to the end of the journal; what it came to is added to `indexed`.
    pub(super) fn index(&self, database: &Database, indexed: &mut Indexed) -> Result<(), Halt> {
        let reached = Reached::read(&database.connection).map_err(|error| database.failed(error))?;
        indexed.through = reached.position;
        thread::scope(|scope| {
            let (sender, parts) = sync_channel(WAITING);
            let decode = move || self.decode(&reached, &sender);
            let decoder = thread::Builder::new().name("audit".into()).spawn_scoped(scope, decode);
            let decoder = decoder.map_err(AuditError::Start)?;
            let written = self.write(database, parts, Checkpointer::new(scope, database), indexed);
            let read = decoder.join().unwrap_or_else(|panic| resume_unwind(panic));
            written?;
            Ok(read?)
        })
    }
}

#[cfg(test)]
mod tests;
