//! [`FileHandler`]: one file on disk.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cap_std::fs::Dir;
use rustix::io::Errno;

use super::dir::{DirHandler, read_to_end, write_at};
use super::error::HandlerError;
use super::handler::{ResourceEntry, ResourceHandler, ResourceStat, ResourceWriter, Written};
use super::place::{NO_FILE, folder_of};
use crate::service::sandbox::place::open_file;

/// One file on disk. Its path is empty, or its name; there need not be a file yet.
///
/// What holds for a [`DirHandler`] holds for it: it is written whole or not at all. No link of its name is followed, also
/// if it is put there later: another file of the folder is not this one.
#[derive(Debug)]
pub struct FileHandler {
    folder: DirHandler,
    name: PathBuf,
}

impl FileHandler {
    /// The file at `path`.
    ///
    /// # Errors
    /// Whatever the system says, if its folder cannot be opened; [`io::ErrorKind::InvalidInput`] if a folder, a link or
    /// something else stands there that is no file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not the path of a file");
        let path = path.as_ref();
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(no_file()) };
        let folder = DirHandler::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
        match folder.dir().symlink_metadata(name) {
            Ok(found) if !found.is_file() => return Err(no_file()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        Ok(Self { folder, name: PathBuf::from(name) })
    }

    /// The name in the folder, if this is the file that is meant.
    fn within(&self, path: &Path) -> Result<PathBuf, HandlerError> {
        if path.as_os_str().is_empty() || path == self.name {
            return Ok(self.name.clone());
        }
        Err(HandlerError::Absent)
    }
}

fn open_no_link(dir: &Dir, name: &Path) -> Result<File, HandlerError> {
    open_file(dir, name.as_os_str()).map_err(|error| {
        let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
        if is_link || error.kind() == io::ErrorKind::InvalidInput { NO_FILE } else { error.into() }
    })
}

#[async_trait]
impl ResourceHandler for FileHandler {
    async fn read(&self, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError> {
        let name = self.within(path)?;
        self.folder.with(move |dir| read_to_end(open_no_link(dir, &name)?, max)).await
    }

    async fn list(&self, path: &Path) -> Result<Vec<ResourceEntry>, HandlerError> {
        let stat = self.stat(path).await?;
        Ok(vec![ResourceEntry::new(&self.name, stat)])
    }

    async fn stat(&self, path: &Path) -> Result<ResourceStat, HandlerError> {
        self.folder.stat(&self.within(path)?).await
    }

    fn writer(&self) -> Option<&dyn ResourceWriter> {
        Some(self)
    }
}

#[async_trait]
impl ResourceWriter for FileHandler {
    async fn write(&self, path: &Path, content: Vec<u8>) -> Result<Written, HandlerError> {
        let name = self.within(path)?;
        self.folder
            .with(move |dir| {
                let (folder, name) = folder_of(dir, &name)?;
                write_at(&folder, &name, &content)
            })
            .await
    }

    async fn delete(&self, path: &Path) -> Result<(), HandlerError> {
        self.folder.delete(&self.within(path)?).await
    }
}
