//! Making a folder.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, mkdirat};

use super::error::{FolderError, Indeterminate, NotApplied, Remedy};
use super::{Folder, without_trailing};
use crate::journal::storage::{create_durably, sync_where_allowed};

/// The mode of what is made above a folder: for its owner alone.
const OWN_MODE: u32 = 0o700;

impl Folder {
    /// Opens the folder at `path`, and makes it and what is missing above it if there is none: for its owner alone.
    /// One that is there may be of a call that died before it was durable, and is made so.
    pub(in crate::checkpoint) fn create_and_open(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| NotApplied { doing: "make", path: path.to_owned(), source };
        let plain = without_trailing(path);
        let above = parent_of(&plain);
        let mkdir = || mkdirat(CWD, &plain, Mode::RWXU).map_err(io::Error::from);
        let made = match mkdir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_durably(above, OWN_MODE).map_err(failed)?;
                mkdir()
            }
            made => made,
        };
        let synced = match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => sync_where_allowed(above),
            made => {
                made.map_err(failed)?;
                File::open(above).and_then(|above| above.sync_all())
            }
        };
        synced.map_err(|source| Indeterminate { path: path.to_owned(), remedy: Remedy::Again, source })?;
        Self::open(path)
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
