//! The directory that a verb is to work on.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use agentbus::journal::{FileSystem, JournalReader, ReadError, Storage};

use super::VerbError;
use super::progress::Meter;

/// What a journal that is being made by another process has first, of no bytes.
const FIRST_FILE: &str = "lock";

/// One of these a journal has that holds anything.
const OWN_FILES: [&str; 2] = ["segments", "journal.json"];

/// The journal in that directory, to be read.
pub(super) fn reader(directory: &Path) -> Result<JournalReader, VerbError> {
    reader_on(directory, Arc::new(FileSystem::new(directory)))
}

/// The journal in that directory, to be read as a whole, and how much of it was read.
pub(super) fn metered(directory: &Path) -> Result<(JournalReader, Meter), VerbError> {
    let meter = Meter::new(directory);
    Ok((reader_on(directory, meter.storage())?, meter))
}

/// The journal on that storage, which is in that directory.
fn reader_on(directory: &Path, storage: Arc<dyn Storage>) -> Result<JournalReader, VerbError> {
    look(directory)?;
    JournalReader::on(storage).map_err(|error| match error {
        ReadError::NotAJournal { .. } => VerbError::NotAJournal { directory: directory.to_owned() },
        error => error.into(),
    })
}

/// Refuses a directory that is not there or is none.
pub(super) fn look(directory: &Path) -> Result<(), VerbError> {
    let owned = || directory.to_owned();
    match fs::metadata(directory) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(VerbError::NotADirectory { directory: owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(VerbError::NoDirectory { directory: owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(VerbError::NotADirectory { directory: owned() })
        }
        Err(source) => Err(VerbError::Look { directory: owned(), source }),
    }
}

/// Refuses a directory in which no journal should be begun: it holds other things. One that is not there is fine.
pub(super) fn check_for_writing(directory: &Path) -> Result<(), VerbError> {
    match look(directory) {
        Err(VerbError::NoDirectory { .. }) => return Ok(()),
        looked => looked?,
    }
    let failed = |source| VerbError::Look { directory: directory.to_owned(), source };
    let names: io::Result<Vec<_>> =
        fs::read_dir(directory).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let names = names.map_err(failed)?;
    let is_journal = names.iter().any(|name| OWN_FILES.iter().any(|file| name == file));
    // Others have files of that name too.
    let is_begun = || {
        let lock = fs::metadata(directory.join(FIRST_FILE));
        names.iter().all(|name| name == FIRST_FILE)
            && lock.is_ok_and(|lock| lock.is_file() && lock.len() == 0)
    };
    if is_journal || names.is_empty() || is_begun() {
        return Ok(());
    }
    Err(VerbError::Occupied { directory: directory.to_owned() })
}
