//! [`JournalReader`]: a journal, read.

use std::path::Path;
use std::sync::Arc;

use super::manifest::Manifest;
use super::position::Position;
use super::record::{ReadError, ReadFrom};
use super::storage::{FileSystem, Storage};
use crate::filter::Filter;

mod lines;
mod reading;
mod scan;
mod sequence;

pub use reading::{Events, Reading};

/// A view of a journal that never writes, takes no lock and recovers nothing. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalReader {
    storage: Arc<dyn Storage>,
}

impl JournalReader {
    /// A view of the journal in that directory.
    ///
    /// # Errors
    /// [`ReadError::NotAJournal`] if there is none, else what keeps its manifest from being read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, ReadError> {
        let directory = directory.as_ref();
        Self::checked(Arc::new(FileSystem::new(directory)), || directory.display().to_string())
    }

    /// A view of the journal on that storage.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn on(storage: Arc<dyn Storage>) -> Result<Self, ReadError> {
        let name = format!("{storage:?}");
        Self::checked(storage, || name)
    }

    fn checked(storage: Arc<dyn Storage>, name: impl FnOnce() -> String) -> Result<Self, ReadError> {
        if Manifest::read(&*storage)?.is_none() && scan::list(&*storage)?.is_empty() {
            return Err(ReadError::NotAJournal { directory: name() });
        }
        Ok(Self::of(storage))
    }

    /// A view of a journal that is known to be one.
    pub(crate) fn of(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// What stands in it from there on.
    ///
    /// # Errors
    /// What keeps the last position from being found, for [`ReadFrom::End`].
    pub fn read(&self, from: ReadFrom, filter: Filter) -> Result<Reading, ReadError> {
        let after = match from {
            ReadFrom::Start => None,
            ReadFrom::After(position) => Some(position),
            ReadFrom::End => self.last()?,
        };
        Ok(Reading::new(Arc::clone(&self.storage), after, filter))
    }

    /// The position of the last line; `None` if there are no lines.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn last(&self) -> Result<Option<Position>, ReadError> {
        // Segments may be without lines.
        for first in scan::list(&*self.storage)?.into_iter().rev() {
            let mut scan = scan::Scan::new(Arc::clone(&self.storage), first.previous());
            let mut last = None;
            loop {
                match scan.step()? {
                    scan::Step::Line { position, .. } => last = Some(position),
                    scan::Step::End => break,
                    _ => {}
                }
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
