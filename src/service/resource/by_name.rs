//! What a [`Resource`] does, by the name of one that is registered.

use std::path::Path;
use std::sync::Arc;

use super::ResourceService;
use super::error::{IndexError, ResourceError};
use super::handler::{ResourceEntry, ResourceStat};
use super::index::{Index, IndexReport};
use super::watch::{Watch, WatchError};

impl ResourceService {
    /// The content of a file; see [`Resource::read`](super::Resource::read).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn read(&self, name: &str, path: impl AsRef<Path>) -> Result<Vec<u8>, ResourceError> {
        self.get(name)?.read(path).await
    }

    /// What is in a folder; see [`Resource::list`](super::Resource::list).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn list(
        &self,
        name: &str,
        path: impl AsRef<Path>,
    ) -> Result<Vec<ResourceEntry>, ResourceError> {
        self.get(name)?.list(path).await
    }

    /// What is known of a file; see [`Resource::stat`](super::Resource::stat).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn stat(&self, name: &str, path: impl AsRef<Path>) -> Result<ResourceStat, ResourceError> {
        self.get(name)?.stat(path).await
    }

    /// Gives a file this content; see [`Resource::write`](super::Resource::write).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn write(
        &self,
        name: &str,
        path: impl AsRef<Path>,
        content: impl Into<Vec<u8>>,
    ) -> Result<(), ResourceError> {
        self.get(name)?.write(path, content).await
    }

    /// Deletes a file; see [`Resource::delete`](super::Resource::delete).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn delete(&self, name: &str, path: impl AsRef<Path>) -> Result<(), ResourceError> {
        self.get(name)?.delete(path).await
    }

    /// Gives a file another path; see [`Resource::rename`](super::Resource::rename).
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn rename(
        &self,
        name: &str,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<(), ResourceError> {
        self.get(name)?.rename(from, to).await
    }

    /// Finds out which files a folder has now; see [`Resource::index`](super::Resource::index).
    ///
    /// # Errors
    /// [`IndexError`].
    ///
    /// # Cancel safety
    /// Dropped, it stops soon; the last index is what it was, and nothing is told.
    pub async fn index(&self, name: &str) -> Result<IndexReport, IndexError> {
        self.get(name)?.index().await
    }

    /// Tells from now on what others change in a folder; see [`Resource::watch`](super::Resource::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing is watched.
    pub async fn watch(&self, name: &str) -> Result<Watch, WatchError> {
        self.get(name)?.watch().await
    }

    /// The last index of a folder, if there was one.
    ///
    /// # Errors
    /// [`ResourceError::Unknown`].
    pub fn indexed(&self, name: &str) -> Result<Option<Arc<Index>>, ResourceError> {
        Ok(self.get(name)?.indexed())
    }
}
