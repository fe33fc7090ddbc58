//! A database that is only read, where nothing can be written.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::SystemTime;
use std::{fs, io};

use rusqlite::{Connection, OpenFlags};

use super::{Database, failed};
use crate::audit::error::AuditError;
use crate::audit::files::{Folder, Generation};

/// The file as it was when it was opened without locks, where nothing can be written: its length, and when it changed.
pub(super) type Look = (u64, SystemTime);

impl Database {
    /// Opens a database of that number where nothing can be written, to be read alone: as SQLite cannot lock it there,
    /// its file must not change meanwhile, see [`check_still`](Self::check_still). `None` if it is not there.
    pub(in crate::audit) fn open_read_only(
        folder: &Folder,
        generation: Generation,
    ) -> Result<Option<Self>, AuditError> {
        let file = folder.file(generation);
        if !Folder::is_regular(&file) {
            return Err(AuditError::Damaged { file, source: None });
        }
        let Some(seen) = look(&file).map_err(folder.failed())? else { return Ok(None) };
        if !Folder::is_closed(&file) {
            return Err(AuditError::Unclosed { file });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri(&file), flags | OpenFlags::SQLITE_OPEN_URI)
            .map_err(|error| failed(&file, folder, error))?;
        let database = Self { connection, generation, folder: folder.clone(), file, seen: Some(seen) };
        database.recognise()?;
        database.tune().map_err(|error| database.failed(error))?;
        if database.objects().map_err(|error| database.failed(error))?.0 == 0 {
            return Err(database.damaged());
        }
        database.check_format()?;
        Ok(Some(database))
    }

    /// Whether what was read was not written meanwhile, if that was not locked out.
    pub(in crate::audit) fn check_still(&self) -> Result<(), AuditError> {
        let Some(seen) = self.seen else { return Ok(()) };
        let now = look(&self.file).map_err(self.folder.failed())?;
        let is_still = now == Some(seen) && Folder::is_closed(&self.file);
        if is_still { Ok(()) } else { Err(AuditError::Busy { folder: self.folder.path().to_owned() }) }
    }
}

/// `None` if it is not there.
fn look(file: &Path) -> io::Result<Option<Look>> {
    match fs::metadata(file).and_then(|meta| Ok((meta.len(), meta.modified()?))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        looked => looked.map(Some),
    }
}

/// The name by which SQLite opens a file that does not change.
fn uri(file: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            // Writing into a text cannot fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::database::Presence;

    #[test]
    fn who_writes_what_is_read_without_locks_is_told() {
        let temp = tempfile::Builder::new().prefix("odd ?#%e9").tempdir().unwrap();
        let folder = Folder::of(temp.path());
        folder.create().unwrap();
        assert!(Database::open_read_only(&folder, Generation::FIRST).unwrap().is_none());
        let open = || Database::open(&folder, Generation::FIRST, Presence::Optional).unwrap().unwrap();
        open().close().unwrap();
        let still = Database::open_read_only(&folder, Generation::FIRST).unwrap().unwrap();
        still.check_still().unwrap();
        let writing = open();
        writing.connection.pragma_update(None, "user_version", 7).unwrap();
        assert!(matches!(still.check_still(), Err(AuditError::Busy { .. })));
        let unclosed = Database::open_read_only(&folder, Generation::FIRST);
        assert!(matches!(unclosed, Err(AuditError::Unclosed { .. })), "{unclosed:?}");
        writing.close().unwrap();
        assert!(matches!(still.check_still(), Err(AuditError::Busy { .. })));
        let other = Database::open_read_only(&folder, Generation::FIRST);
        assert!(matches!(other, Err(AuditError::Format { found: 7, .. })), "{other:?}");
    }
}
