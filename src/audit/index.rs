//! [`AuditIndex`]: what a journal holds, in a database, to be asked.

use std::path::Path;

use super::catch_up::{Halt, Indexed, Source};
use super::database::{Database, Presence};
use super::error::{AuditError, AuditQueryError};
use super::files::{Folder, Generation};
use super::query::{self, AuditPage, AuditQuery};
use super::retention::{self, AuditRetention, Retained};
use super::write::Reached;
use crate::event::Timestamp;
use crate::journal::{JournalReader, Position};
use crate::redact::Redactor;

/// The index of a journal.
///
/// Any number of processes may have it open, index and ask at once. It blocks: in async code it belongs into a
/// blocking task.
#[derive(Debug)]
pub struct AuditIndex {
    reader: JournalReader,
    folder: Folder,
    redactor: Redactor,
    database: Database,
    access: Access,
}

/// What may be done with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    All,
    /// Nothing can be written there: it is asked alone.
    Asking,
}

impl AuditIndex {
    /// Opens the index of the journal in that directory; it is made, empty, if there is none.
    ///
    /// # Errors
    /// [`AuditError`]: there is no journal, the index is damaged, of another format or of another journal, or its
    /// files cannot be used.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, AuditError> {
        let directory = directory.as_ref();
        let reader = JournalReader::open(directory)?;
        let folder = Folder::of(directory);
        folder.create()?;
        Self::with(reader, folder, Access::All)
    }

    /// Opens the index to be asked alone, also where nothing can be written: then it is not made if there is none,
    /// has to have been closed, and who writes it meanwhile is told at the next question. To index or retain fails there.
    ///
    /// # Errors
    /// As [`AuditIndex::open`], and [`AuditError::NoIndex`], [`AuditError::Unclosed`].
    pub fn open_to_ask(directory: impl AsRef<Path>) -> Result<Self, AuditError> {
        let directory = directory.as_ref();
        let folder = Folder::of(directory);
        if !folder.is_read_only() {
            return Self::open(directory);
        }
        Self::with(JournalReader::open(directory)?, folder, Access::Asking)
    }

    fn with(reader: JournalReader, folder: Folder, access: Access) -> Result<Self, AuditError> {
        let database = newest(&folder, access)?;
        let index = Self { reader, folder, redactor: Redactor::new(), database, access };
        index.check_journal()?;
        Ok(index)
    }

    /// The same index, which masks by that redactor what it adds.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Adds what is new in the journal, each event once, whoever else does so at the same time.
    ///
    /// # Errors
    /// [`AuditError`]: the journal cannot be read or has another line than the one that was indexed last, somebody else
    /// writes and does not get on with it for five seconds, the database cannot be used. What was added before stays,
    /// and is not added again.
    pub fn index(&mut self) -> Result<Indexed, AuditError> {
        let journal = journal_id(&self.reader)?;
        let mut indexed = Indexed::default();
        loop {
            self.stay_current()?;
            let source =
                Source { reader: &self.reader, redactor: &self.redactor, journal: journal.as_deref() };
            match source.index(&self.database, &mut indexed) {
                Err(Halt::Overtaken) => {}
                Err(Halt::Replaced) => indexed = Indexed::default(),
                Err(Halt::Failed(error)) => return Err(error),
                Ok(()) => return Ok(indexed),
            }
        }
    }

    /// How far the journal is indexed: the last position that was, or was passed since it cannot be read.
    ///
    /// # Errors
    /// [`AuditError`] if the database cannot be used.
    pub fn indexed_through(&mut self) -> Result<Option<Position>, AuditError> {
        self.stay_current()?;
        Ok(self.reached()?.position)
    }

    /// Answers a query with a page of events, from what is indexed.
    ///
    /// # Errors
    /// [`AuditQueryError`]: it would look at too much, its token is that of another query, the database cannot be used.
    pub fn query(&mut self, query: &AuditQuery) -> Result<AuditPage, AuditQueryError> {
        self.stay_current()?;
        let page = query::run(&mut self.database, query);
        self.database.check_still()?;
        page
    }

    /// Takes what is older than the retention says from the index; the journal is not touched. What was taken does not
    /// come back by indexing, but by [`rebuild`](Self::rebuild) as far as the journal has it.
    ///
    /// How old an event is its timestamp says. Each transaction takes at most 4,096. The bytes of what was taken may stand
    /// in free parts of the file until these are used again; where the journal has them no more either, `rebuild` leaves
    /// none of them.
    ///
    /// # Errors
    /// [`AuditError`]: somebody else writes for more than five seconds, the database cannot be used. What was taken
    /// before is gone.
    pub fn retain(&mut self, retention: &AuditRetention) -> Result<Retained, AuditError> {
        self.stay_current()?;
        retention::retain(&self.database, retention, Timestamp::now())
    }

    #[cfg(test)]
    pub(super) fn database_mut(&mut self) -> &mut Database {
        &mut self.database
    }

    fn reached(&self) -> Result<Reached, AuditError> {
        Reached::read(&self.database.connection).map_err(|error| self.database.failed(error))
    }

    /// Turns to the database that counts, if the index was made anew meanwhile.
    fn stay_current(&mut self) -> Result<(), AuditError> {
        if !self.database.counts()? {
            self.database = newest(&self.folder, self.access)?;
            self.check_journal()?;
        }
        Ok(())
    }

    fn check_journal(&self) -> Result<(), AuditError> {
        let (indexed, now) = (self.reached()?.journal, journal_id(&self.reader)?);
        if indexed.is_some() && now.is_some() && indexed != now {
            return Err(AuditError::OtherJournal { file: self.database.file().to_owned() });
        }
        Ok(())
    }
}

/// The id of a journal, unless its manifest is gone.
pub(super) fn journal_id(reader: &JournalReader) -> Result<Option<String>, AuditError> {
    Ok(reader.id()?.map(|id| id.to_string()))
}

/// Opens the database that counts; the first one is made.
fn newest(folder: &Folder, access: Access) -> Result<Database, AuditError> {
    loop {
        let newest = folder.newest()?;
        if access == Access::Asking {
            let newest = newest.ok_or_else(|| AuditError::NoIndex { folder: folder.path().to_owned() })?;
            match Database::open_read_only(folder, newest)? {
                Some(database) => return Ok(database),
                None => continue,
            }
        }
        let (generation, presence) = match newest {
            Some(newest) => (newest, Presence::Required),
            None => (Generation::FIRST, Presence::Optional),
        };
        // One that is gone by now was made anew.
        if let Some(database) = Database::open(folder, generation, presence)? {
            return Ok(database);
        }
    }
}
