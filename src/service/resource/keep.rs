//! Indexes that outlive the process.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::handle::Resource;
use super::index::{Index, LoadIndexError, stored};
use crate::service::blocking::blocking;
use crate::service::regular;

/// A longer file is not read as an index, in bytes.
const MAX_STORED_BYTES: u64 = 1 << 30;

impl Resource {
    /// Stores the last index in a file, as JSON with a version and a checksum, whole or not at all; whether there is
    /// one.
    ///
    /// # Errors
    /// Whatever the system says; a file that was there is what it was then.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end.
    pub async fn save_index(&self, path: impl AsRef<Path>) -> io::Result<bool> {
        let Some(index) = self.indexed() else {
            return Ok(false);
        };
        let path = path.as_ref().to_owned();
        blocking(move |_stop| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(stored::write(&index).as_bytes())?;
            file.as_file().sync_data()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(true)
        })
        .await
    }

    /// Goes on from an index that was stored: the next run reads what has changed since.
    ///
    /// # Errors
    /// [`LoadIndexError`]: the last index is what it was then.
    ///
    /// # Cancel safety
    /// Dropped, the last index is what it was.
    pub async fn load_index(&self, path: impl AsRef<Path>) -> Result<Arc<Index>, LoadIndexError> {
        let path = path.as_ref().to_owned();
        let index = blocking(move |_stop| {
            let text = regular::read_text(&path, MAX_STORED_BYTES);
            stored::read(&text.map_err(|source| LoadIndexError::Io { path, source })?)
        })
        .await?;
        if index.resource() != self.name() {
            let (expected, actual) = (self.name().clone(), index.resource().clone());
            return Err(LoadIndexError::Resource { expected, actual });
        }
        let index = Arc::new(index);
        self.go_on_from(Arc::clone(&index));
        Ok(index)
    }
}
