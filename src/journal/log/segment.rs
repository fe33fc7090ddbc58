//! How a segment begins.
//!
//! 1. Its lines are written to a file of another name, synced.
//! 2. It is listed in the manifest.
//! 3. The file gets its name.
//!
//! Until the last step the segment before is the newest to readers. A writer that dies before the second leaves a file
//! that nobody looks at; once it is listed, whoever comes next puts it in its place before anything else, so that
//! nothing is ever written behind the end of the segment before.

use std::io;

use crate::journal::health::Problem;
use crate::journal::layout::{self, SEGMENTS};
use crate::journal::position::Position;
use crate::journal::storage::{Open, Storage, StorageFile, append_all};

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) first: Position,
    pub(super) file: Box<dyn StorageFile>,
}

impl Active {
    pub(super) fn name(&self) -> String {
        layout::segment(self.first)
    }
}

/// Writes the lines of a segment that is to be listed.
pub(super) fn prepare(storage: &dyn Storage, first: Position, lines: &[u8]) -> Result<(), Problem> {
    let name = layout::prepared(first);
    let write = || -> io::Result<()> {
        match storage.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _left_behind => {}
        }
        let file = create(storage, &name)?;
        append_all(&*file, lines)?;
        file.sync()?;
        storage.sync_folder(SEGMENTS)
    };
    write().map_err(Problem::io("write", name.clone()))
}

/// Creates a segment's file, and the folder of segments if somebody removed it.
fn create(storage: &dyn Storage, name: &str) -> io::Result<Box<dyn StorageFile>> {
    match storage.open(name, Open::Create) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage.create_folder(SEGMENTS)?;
            storage.sync_folder("")?;
            storage.open(name, Open::Create)
        }
        opened => opened,
    }
}

/// Gives the file of a listed segment its name, in place of what had it.
pub(super) fn place(storage: &dyn Storage, first: Position) -> Result<Box<dyn StorageFile>, Problem> {
    let name = layout::segment(first);
    let rename = storage.rename(&layout::prepared(first), &name).and_then(|()| storage.sync_folder(SEGMENTS));
    rename.map_err(Problem::io("create", name.clone()))?;
    open(storage, first)
}

/// Opens a segment to write to it.
pub(super) fn open(storage: &dyn Storage, first: Position) -> Result<Box<dyn StorageFile>, Problem> {
    let name = layout::segment(first);
    storage.open(&name, Open::Append).map_err(Problem::io("open", name))
}

/// Opens a listed segment to write to it; one that was listed and not placed is placed first. `None` if it is gone.
pub(super) fn open_listed(
    storage: &dyn Storage,
    first: Position,
) -> Result<Option<Box<dyn StorageFile>>, Problem> {
    let name = layout::segment(first);
    match storage.open(&name, Open::Append) {
        Ok(file) => return Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Problem::io("open", name)(error)),
    }
    match place(storage, first) {
        Ok(file) => Ok(Some(file)),
        Err(Problem::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}
