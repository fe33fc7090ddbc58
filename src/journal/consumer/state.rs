//! What is known of all consumers of a journal, without opening any.

use std::io;

use super::cursor::{Cursor, Retry, Unusable};
use super::{ConsumerError, ConsumerName, dead};
use crate::event::Timestamp;
use crate::journal::layout::CURSORS;
use crate::journal::position::Position;
use crate::journal::reader::JournalReader;
use crate::journal::record::ReadError;
use crate::journal::storage::{Open, Storage};

/// What is known of a consumer.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConsumerState {
    /// Its name.
    pub name: ConsumerName,
    /// How far it has come, or why that is not known.
    pub cursor: Result<CursorState, ConsumerError>,
    /// How many dead letters it has, or why they cannot be read.
    pub dead_letters: Result<u64, ConsumerError>,
}

/// How far a consumer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorState {
    /// The last position acknowledged; `None` if none was.
    pub position: Option<Position>,
    /// How many positions the journal is ahead of it: as many lines, or fewer where positions are left out. Lines
    /// that its filter leaves out count too.
    pub lag: u64,
    /// The event that failed and is to be tried again.
    pub retry: Option<Retry>,
    /// When the cursor was last written.
    pub updated: Timestamp,
}

impl JournalReader {
    /// All consumers that were ever opened, by name. Nothing is written and no lock taken.
    ///
    /// # Errors
    /// [`ReadError`] if the journal or the folders cannot be read. What is wrong with the files of one is told there.
    pub fn consumers(&self) -> Result<Vec<ConsumerState>, ReadError> {
        let storage = &**self.storage();
        let failed = |source| ReadError::Read { file: CURSORS.to_owned(), source };
        let cursors = cursors(storage).map_err(failed)?;
        let last = self.last()?.map_or(0, Position::get);
        let states = cursors
            .into_iter()
            .map(|(name, cursor)| {
                let dead_letters = dead::count(storage, &name)
                    .map_err(|source| ConsumerError::File { file: name.dead_file(), source });
                let cursor =
                    cursor.map(|cursor| state_of(cursor, last)).map_err(|unusable| unusable.of(&name));
                ConsumerState { name, cursor, dead_letters }
            })
            .collect();
        Ok(states)
    }

    /// Whether the consumer of that name was ever opened.
    ///
    /// # Errors
    /// What keeps its cursor from being looked for.
    pub fn has_consumer(&self, name: &ConsumerName) -> Result<bool, ReadError> {
        let file = name.cursor_file();
        match self.storage().open(&file, Open::Read) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(ReadError::Read { file, source }),
        }
    }
}

fn state_of(cursor: Cursor, last: u64) -> CursorState {
    let Cursor { position, updated, retry } = cursor;
    CursorState { position, lag: last.saturating_sub(position.map_or(0, Position::get)), retry, updated }
}

/// The cursors there are, by name.
pub(crate) fn cursors(storage: &dyn Storage) -> io::Result<Vec<(ConsumerName, Result<Cursor, Unusable>)>> {
    let files = match storage.list(CURSORS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed?,
    };
    let mut names: Vec<_> = files.iter().filter_map(|file| ConsumerName::of_cursor_file(file)).collect();
    names.sort_unstable();
    let read = |name| Some((Cursor::read(storage, &name).transpose()?, name));
    Ok(names.into_iter().filter_map(read).map(|(cursor, name)| (name, cursor)).collect())
}
