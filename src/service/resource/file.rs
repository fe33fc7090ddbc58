//! [`FileHandler`]: one file on disk.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::dir::DirHandler;
use super::error::HandlerError;
use super::handler::{ResourceEntry, ResourceHandler, ResourceStat, ResourceWriter, Written};

/// One file on disk. Its path is empty, or its name; there need not be a file yet.
///
/// What holds for a [`DirHandler`] holds for it: it is written whole or not at all, and no link leads elsewhere.
#[derive(Debug)]
pub struct FileHandler {
    folder: DirHandler,
    name: OsString,
}

impl FileHandler {
    /// The file at `path`. If a link stands there, it is the file that the link leads to.
    ///
    /// # Errors
    /// Whatever the system says, if its folder cannot be opened; [`io::ErrorKind::InvalidInput`] if it is a folder.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let path = path.canonicalize().unwrap_or_else(|_absent| path.to_owned());
        let (Some(folder), Some(name), false) = (path.parent(), path.file_name(), path.is_dir()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the path of a file"));
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Ok(Self { folder: DirHandler::open(folder)?, name: name.to_owned() })
    }

    /// The path in the folder, if this is the file that is meant.
    fn within(&self, path: &Path) -> Result<PathBuf, HandlerError> {
        if path.as_os_str().is_empty() || path == self.name {
            return Ok(PathBuf::from(&self.name));
        }
        Err(HandlerError::Absent)
    }
}

#[async_trait]
impl ResourceHandler for FileHandler {
    async fn read(&self, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError> {
        self.folder.read(&self.within(path)?, max).await
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
        self.folder.write(&self.within(path)?, content).await
    }

    async fn delete(&self, path: &Path) -> Result<(), HandlerError> {
        self.folder.delete(&self.within(path)?).await
    }
}
