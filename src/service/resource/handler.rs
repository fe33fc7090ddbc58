//! What a resource is made of: [`ResourceHandler`], which reads, [`ResourceWriter`], which changes,
//! [`ResourceMover`].

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use async_trait::async_trait;

use super::DirHandler;
use super::error::HandlerError;
use super::index::Seen;
use crate::event::{ResourceChange, Timestamp};

/// What something in a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; it is not followed.
    Link,
    /// A pipe, a device, or the like.
    Other,
}

/// What is known of something in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStat {
    /// What it is.
    pub kind: EntryKind,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was changed last, if that is known.
    pub modified: Option<Timestamp>,
}

impl ResourceStat {
    /// Something of so many bytes, changed nobody knows when.
    pub fn new(kind: EntryKind, bytes: u64) -> Self {
        Self { kind, bytes, modified: None }
    }

    /// The same, changed last at that time.
    #[must_use]
    pub fn with_modified(mut self, modified: Timestamp) -> Self {
        self.modified = Some(modified);
        self
    }
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceEntry {
    /// Its name there.
    pub name: OsString,
    /// What is known of it.
    pub stat: ResourceStat,
}

impl ResourceEntry {
    /// Something of that name.
    pub fn new(name: impl Into<OsString>, stat: ResourceStat) -> Self {
        Self { name: name.into(), stat }
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Whether it was created or modified.
    pub change: ResourceChange,
    /// How many bytes it has now.
    pub bytes: u64,
    /// What the file system said of the file that was written, for the watcher to know it by.
    pub(super) seen: Option<Seen>,
}

impl Written {
    /// Something new.
    pub fn created(bytes: u64) -> Self {
        Self { change: ResourceChange::Created, bytes, seen: None }
    }

    /// Something that was there.
    pub fn modified(bytes: u64) -> Self {
        Self { change: ResourceChange::Modified, bytes, seen: None }
    }

    pub(super) fn with_seen(mut self, seen: Seen) -> Self {
        self.seen = Some(seen);
        self
    }
}

/// Opens what a resource holds.
///
/// Implementors hold to this: a path is relative, of plain names alone, and empty for the resource itself. Nothing
/// outside of the resource is read, whatever links lie in it. Calls come from many tasks at once. An implementation
/// does not block the thread, and does not come back to its own resource.
#[async_trait]
pub trait ResourceHandler: fmt::Debug + Send + Sync {
    /// The content of a file of at most `max` bytes.
    ///
    /// # Errors
    /// [`HandlerError`]; [`HandlerError::TooLarge`] if it has more.
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed.
    async fn read(&self, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError>;

    /// What is in a folder, by name.
    ///
    /// # Errors
    /// [`HandlerError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed.
    async fn list(&self, path: &Path) -> Result<Vec<ResourceEntry>, HandlerError>;

    /// What is known of a file, a folder or a link.
    ///
    /// # Errors
    /// [`HandlerError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed.
    async fn stat(&self, path: &Path) -> Result<ResourceStat, HandlerError>;

    /// Who changes it; none if it can only be read.
    fn writer(&self) -> Option<&dyn ResourceWriter> {
        None
    }

    /// Who moves what is in it; none if things stay where they are.
    fn mover(&self) -> Option<&dyn ResourceMover> {
        None
    }

    /// The folder on disk that it is, which can be indexed and watched; none if it is none.
    fn folder(&self) -> Option<&DirHandler> {
        None
    }
}

/// Changes what a resource holds.
///
/// Implementors hold to this, beside what holds for a [`ResourceHandler`]: changes of one resource are asked for one
/// after the other. One is done whole or not at all. Its future is driven to its end, also when nobody waits any more;
/// one that never ends keeps every later change of the resource waiting.
#[async_trait]
pub trait ResourceWriter: fmt::Debug + Send + Sync {
    /// Gives a file this content, and makes it and the folders that it needs if they are not there.
    ///
    /// # Errors
    /// [`HandlerError`]; the file is what it was then.
    ///
    /// # Cancel safety
    /// Never dropped before its end.
    async fn write(&self, path: &Path, content: Vec<u8>) -> Result<Written, HandlerError>;

    /// Deletes a file or a link.
    ///
    /// # Errors
    /// [`HandlerError`]; it is still there then.
    ///
    /// # Cancel safety
    /// Never dropped before its end.
    async fn delete(&self, path: &Path) -> Result<(), HandlerError>;
}

/// Gives what a resource holds other paths. What holds for a [`ResourceWriter`] holds for it.
#[async_trait]
pub trait ResourceMover: fmt::Debug + Send + Sync {
    /// Gives a file another path, at which nothing may stand, and says how many bytes it has.
    ///
    /// # Errors
    /// [`HandlerError`]; it stands where it stood then.
    ///
    /// # Cancel safety
    /// Never dropped before its end.
    async fn rename(&self, from: &Path, to: &Path) -> Result<Written, HandlerError>;
}
