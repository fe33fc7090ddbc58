//! Making an index anew, from the journal and from what the old index has of lines that the journal has no more.

use std::path::{Path, PathBuf};

use rusqlite::{Transaction, TransactionBehavior};

use super::batch::Batch;
use super::block::{Block, Places};
use super::catch_up::{Halt, Indexed, Source};
use super::database::{Database, Presence};
use super::error::AuditError;
use super::files::{Folder, Generation};
use super::index::{AuditIndex, journal_id};
use super::query::event;
use super::row::Row;
use super::write::{Reached, Writer, places};
use crate::journal::{JournalReader, Position};
use crate::redact::Redactor;

/// What making an index anew came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// What was indexed from the journal.
    pub indexed: Indexed,
    /// How many events were taken over from the old index: those that the journal has no more, or cannot read.
    pub carried: u64,
    /// How many events of the old index were not: they cannot be read, or stand behind the end of the journal.
    pub left: u64,
    /// Where the old database is now, if not all of it could be taken over; else it is removed.
    pub set_aside: Option<PathBuf>,
}

/// What there was before.
enum Old {
    Nothing,
    Usable(Box<Database>),
    /// It is damaged, of another format or of another journal.
    Unusable,
}

impl AuditIndex {
    /// Makes the index of the journal in that directory anew, also if it is damaged: into a new file, which counts when
    /// it is whole; a crash before leaves all as it was. Others may ask the old one meanwhile; nobody adds to it.
    ///
    /// What retention of the index took comes back as far as the journal has it.
    ///
    /// # Errors
    /// [`AuditError`]: there is no journal or it cannot be read, somebody else makes the index anew, or writes for more
    /// than five seconds, or its files cannot be used.
    pub fn rebuild(directory: impl AsRef<Path>, redactor: &Redactor) -> Result<Rebuilt, AuditError> {
        let directory = directory.as_ref();
        let reader = JournalReader::open(directory)?;
        let folder = Folder::of(directory);
        folder.create()?;
        let _lock = folder.lock()?;
        let generations = folder.generations()?;
        let journal = journal_id(&reader)?;
        let mut old = Old::open(&folder, generations.last().copied(), journal.as_deref())?;
        let next = generations.last().map_or(Generation::FIRST, |last| last.next());
        let source = Source { reader: &reader, redactor, journal: journal.as_deref() };
        let mut made = make(&folder, next, &source, &old);
        if let (Err(AuditError::Damaged { .. }), Old::Usable(_)) = (&made, &old) {
            // Nothing of it can be taken over.
            old = Old::Unusable;
            made = make(&folder, next, &source, &old);
        }
        if made.is_err() {
            // It was begun here, under the lock, and is of no use; where it cannot be removed either, the next one does.
            let _stays = folder.remove(&folder.unfinished(next));
        }
        let mut rebuilt = made?;
        let is_whole = rebuilt.left == 0 && !matches!(old, Old::Unusable);
        // Closed before its files go.
        drop(old);
        for generation in generations {
            if is_whole || Some(generation) != next.previous() {
                folder.remove(&folder.file(generation))?;
            } else {
                rebuilt.set_aside = Some(folder.set_aside(generation)?);
            }
        }
        Ok(rebuilt)
    }
}

impl Old {
    fn open(folder: &Folder, newest: Option<Generation>, journal: Option<&str>) -> Result<Self, AuditError> {
        let Some(newest) = newest else { return Ok(Self::Nothing) };
        let database = match Database::open(folder, newest, Presence::Required) {
            Ok(None) => return Ok(Self::Nothing),
            Ok(Some(database)) => database,
            Err(AuditError::Damaged { .. } | AuditError::Format { .. }) => return Ok(Self::Unusable),
            Err(error) => return Err(error),
        };
        match Reached::read(&database.connection) {
            Ok(Reached { journal: Some(indexed), .. })
                if journal.is_some_and(|journal| journal != indexed) =>
            {
                Ok(Self::Unusable)
            }
            Ok(_) => Ok(Self::Usable(Box::new(database))),
            Err(_) => Ok(Self::Unusable),
        }
    }
}

/// Makes a database and lets it count. The old one is held meanwhile, so that nothing is added that would be lost.
fn make(folder: &Folder, next: Generation, source: &Source<'_>, old: &Old) -> Result<Rebuilt, AuditError> {
    let old = match old {
        Old::Usable(database) => Some(&**database),
        _ => None,
    };
    let _held = old
        .map(|old| {
            let held = Transaction::new_unchecked(&old.connection, TransactionBehavior::Immediate);
            held.map_err(|error| old.failed(error))
        })
        .transpose()?;
    let database = Database::create_unfinished(folder, next)?;
    let mut rebuilt = Rebuilt::default();
    match source.index(&database, &mut rebuilt.indexed) {
        Err(Halt::Failed(error)) => return Err(error),
        // Nobody but who has the lock names one, and nobody else knows this one.
        Err(Halt::Replaced | Halt::Overtaken) => return Err(database.damaged()),
        Ok(()) => {}
    }
    if let Some(old) = old {
        carry(old, &database, source.redactor, &mut rebuilt)?;
    }
    database.close()?;
    folder.name(next)?;
    Ok(rebuilt)
}

/// Takes over what only the old index has.
fn carry(
    old: &Database,
    new: &Database,
    redactor: &Redactor,
    rebuilt: &mut Rebuilt,
) -> Result<(), AuditError> {
    let failed = |error| new.failed(error);
    let mut writer = Writer::begin(&new.connection).map_err(failed)?;
    let reached = writer.reached().map_err(failed)?;
    for (block, mut missing) in blocks(old)? {
        missing.drop_all(&writer.present(block).map_err(failed)?);
        let mut batch = Batch::new(block);
        for position in missing.iter().filter_map(|place| block.position(place)) {
            let row = row_of(old, position, redactor).filter(|_| Some(position) <= reached.position);
            match row {
                Some(row) => batch.add(&row),
                None => rebuilt.left += 1,
            }
        }
        rebuilt.carried += writer.add(batch).map_err(failed)?;
    }
    writer.finish(&reached).map_err(failed)
}

fn row_of(old: &Database, position: Position, redactor: &Redactor) -> Option<Row> {
    let recorded = event(&old.connection, position).ok()?;
    Row::of(position, &recorded.event, redactor).ok()
}

/// Which positions a database has, by block.
fn blocks(of: &Database) -> Result<Vec<(Block, Places)>, AuditError> {
    let read = || -> rusqlite::Result<_> {
        let mut statement = of.connection.prepare("SELECT block, present FROM blocks ORDER BY block")?;
        let rows = statement
            .query_map([], |row| Ok((Block::numbered(row.get(0)?), places(row.get_ref(1)?.as_blob()?)?)))?;
        rows.collect::<rusqlite::Result<_>>()
    };
    read().map_err(|error| of.failed(error))
}
