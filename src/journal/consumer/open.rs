//! Opening a consumer: its name, its lock, its cursor.

use std::io;

use super::cursor::Cursor;
use super::{Consumer, ConsumerError, ConsumerName, ConsumerOptions};
use crate::filter::FilterError;
use crate::journal::layout::CURSORS;
use crate::journal::reader::JournalReader;
use crate::journal::record::ReadFrom;
use crate::journal::storage::{Open, Storage, StorageFile};

impl JournalReader {
    /// Opens the consumer of that name, for every event; one that is new begins at the start.
    ///
    /// # Errors
    /// [`ConsumerError`]: the name is none, it is open elsewhere, its cursor is corrupt, a file cannot be used.
    pub fn consumer(&self, name: impl AsRef<str>) -> Result<Consumer, ConsumerError> {
        self.consumer_with(name, ConsumerOptions::new())
    }

    /// Opens the consumer of that name as the options say.
    ///
    /// # Errors
    /// [`ConsumerError`]: as [`consumer`](Self::consumer), and if the filter
    /// [needs history](crate::Filter::needs_history).
    pub fn consumer_with(
        &self,
        name: impl AsRef<str>,
        options: ConsumerOptions,
    ) -> Result<Consumer, ConsumerError> {
        let name: ConsumerName = name.as_ref().parse()?;
        name.check()?;
        if options.filter.needs_history() {
            return Err(ConsumerError::Filter(FilterError::NeedsHistory));
        }
        let storage = &**self.storage();
        check_unlike(storage, &name)?;
        let lock = lock(storage, &name)?;
        let anew = options.reset_to.map(|from| self.cursor_from(from)).transpose()?;
        let found = if anew.is_some() { None } else { read(storage, &name)? };
        let cursor = if let Some(cursor) = found {
            cursor
        } else {
            // Written at once: from now on retention keeps what this consumer needs.
            let cursor = anew.unwrap_or_else(|| Cursor::at(None));
            let failed = |source| ConsumerError::File { file: name.cursor_file(), source };
            cursor.write(storage, &name).map_err(failed)?;
            cursor
        };
        let seen = cursor.position;
        Ok(Consumer { reader: self.clone(), name, options, cursor, lock, seen })
    }

    /// Lets the consumer of that name begin anew there, whatever its cursor says, also if it is corrupt.
    ///
    /// # Errors
    /// [`ConsumerError`]: the name is none, it is open elsewhere, there is no such position yet, a file cannot be
    /// used.
    pub fn reset_consumer(&self, name: impl AsRef<str>, from: ReadFrom) -> Result<(), ConsumerError> {
        self.consumer_with(name, ConsumerOptions::new().reset_to(from)).map(drop)
    }

    /// A cursor to begin anew with.
    fn cursor_from(&self, from: ReadFrom) -> Result<Cursor, ConsumerError> {
        let last = self.last()?;
        match from {
            ReadFrom::Start => Ok(Cursor::at(None)),
            ReadFrom::End => Ok(Cursor::at(last)),
            ReadFrom::After(asked) if Some(asked) > last => Err(ConsumerError::Ahead { last, asked }),
            ReadFrom::After(asked) => Ok(Cursor::at(Some(asked))),
        }
    }
}

/// Refuses a new name that differs from another one by case alone: on some disks their files are the same.
fn check_unlike(storage: &dyn Storage, name: &ConsumerName) -> Result<(), ConsumerError> {
    let listed = match storage.list(CURSORS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(|source| ConsumerError::File { file: CURSORS.to_owned(), source })?,
    };
    let mut known = listed.iter().filter_map(|file| ConsumerName::of_cursor_file(file));
    let is_alike = |other: &ConsumerName| other.as_str().eq_ignore_ascii_case(name.as_str());
    match known.find(is_alike) {
        Some(other) if other != *name && !listed.iter().any(|file| name.is_cursor_file(file)) => {
            Err(ConsumerError::Alike { name: name.clone(), other })
        }
        _ => Ok(()),
    }
}

/// Takes the lock of a consumer.
fn lock(storage: &dyn Storage, name: &ConsumerName) -> Result<Box<dyn StorageFile>, ConsumerError> {
    let file = name.lock_file();
    let failed = |source| ConsumerError::File { file: file.clone(), source };
    let lock = open_lock(storage, &file).map_err(failed)?;
    if !lock.try_lock().map_err(failed)? {
        return Err(ConsumerError::Busy { name: name.clone() });
    }
    if !lock.is_current().map_err(failed)? {
        return Err(failed(io::Error::other("it was removed or replaced meanwhile")));
    }
    Ok(lock)
}

fn open_lock(storage: &dyn Storage, file: &str) -> io::Result<Box<dyn StorageFile>> {
    match storage.open(file, Open::Lock) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage.create_folder(CURSORS)?;
            storage.sync_folder("")?;
            storage.open(file, Open::Lock)
        }
        opened => opened,
    }
}

fn read(storage: &dyn Storage, name: &ConsumerName) -> Result<Option<Cursor>, ConsumerError> {
    Cursor::read(storage, name).map_err(|unusable| unusable.of(name))
}
