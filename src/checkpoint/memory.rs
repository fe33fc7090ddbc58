//! Memories: what an agent, or its successor, is to know later, by key.
//!
//! A memory is a short text, its summary, under a key, with who set it and when. [`MemoryStore`] keeps each in a file of
//! its own in one folder, with the revisions before: so many, the oldest are dropped and counted.
//!
//! It promises that
//!
//! - a change is whole or not at all, also where the process or the machine dies within it;
//! - no update is lost, whoever sets what at the same time, in any number of processes: a memory is read, changed and
//!   written under the lock of the folder;
//! - one damaged file harms no other memory: it is named with what is wrong, and is neither read over nor written over;
//! - no key leads out of the folder: the name of a file is made from the hash of its key ([`MemoryStore::file_of`]);
//!   links are not followed, pipes and devices not waited for, and no more is read than a memory can have;
//! - what the redactor calls a secret is not kept, nor read; events tell the key, never the summary.
//!
//! What goes wrong is [`MemoryError`], never with what a memory holds. A file that is no memory has to be moved away by
//! hand; its key can be set anew then. A file that holds another key than its name says is refused: it was copied.
//!
//! ```
//! use agentbus::checkpoint::memory::{MemoryFilter, MemoryStore};
//!
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("memories");
//! let memories = MemoryStore::open(&directory)?;
//! memories.set("deploy/target", "The staging cluster; ask before production.", "agents/deployer")?;
//! memories.set("deploy/target", "Production, since the review.", "agents/deployer")?;
//!
//! assert_eq!(memories.get("deploy/target")?.revision, 2);
//! assert_eq!(memories.history("deploy/target")?.revisions.len(), 2);
//! assert_eq!(memories.search("STAGING", 10)?.memories.len(), 0, "what is now, not what was");
//! assert_eq!(memories.list(&MemoryFilter::all().prefix("deploy/"))?.memories.len(), 1);
//! memories.delete("deploy/target")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;
use std::sync::Arc;

use super::folder::{Folder, FolderError, Found};
use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::Hash;
use crate::redact::Redactor;

mod change;
mod error;
mod events;
mod look;
mod model;
mod parse;
mod rules;

pub use change::DeletedMemory;
pub use error::{InvalidPart, MemoryError, MemoryFault, MemoryPart};
pub use events::{MemoryDeleted, MemorySet};
pub use look::{DamagedMemory, MemoryFilter, MemoryListing};
pub use model::{
    MAX_HISTORY_BYTES, MAX_KEY_BYTES, MAX_MEMORIES, MAX_REVISIONS, MAX_SUMMARY_BYTES, Memory, MemoryHistory,
    MemoryRevision,
};

use model::Kept;
use rules::Rules;

/// What the file of a memory is called before and behind the hash of its key.
const BEGINNING: &str = "memory-";
const ENDING: &str = ".json";

/// The memories in a folder. Cheap to clone; clones share the folder.
///
/// Any number of stores, in any number of processes, may work on one folder, which may hold checkpoints too. Every call
/// may block: on the disk, and those that write for at most ten seconds on others that write.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    folder: Arc<Folder>,
    rules: Rules,
    emitter: Emitter,
}

/// A memory's file, open, and what stands in it.
struct Loaded {
    found: Found,
    kept: Kept,
}

impl MemoryStore {
    /// The store in that folder, which is made if there is none. A link in place of the folder is refused.
    ///
    /// # Errors
    /// [`MemoryError::UnsafeTarget`], [`MemoryError::NotApplied`] if it cannot be made, [`MemoryError::Io`] if it cannot
    /// be opened.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, MemoryError> {
        Ok(Self::on(Folder::create_and_open(directory.as_ref())?))
    }

    /// The store in that folder, which has to be there.
    ///
    /// # Errors
    /// [`MemoryError::NoFolder`] if there is none, else as [`MemoryStore::open`].
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<Self, MemoryError> {
        match Folder::open(directory.as_ref()) {
            Err(FolderError::Missing { path }) => Err(MemoryError::NoFolder { path }),
            opened => Ok(Self::on(opened?)),
        }
    }

    pub(super) fn on(folder: Folder) -> Self {
        let rules = Rules { redactor: Redactor::new() };
        Self { folder: Arc::new(folder), rules, emitter: Emitter::none() }
    }

    /// The same that tells on a bus what it did.
    #[must_use]
    pub fn with_bus(self, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { emitter: Emitter::new(bus), ..self }
    }

    /// The same that asks this redactor what is a secret. Without it one with the built-in rules is asked.
    #[must_use]
    pub fn with_redactor(self, redactor: Redactor) -> Self {
        Self { rules: Rules { redactor }, ..self }
    }

    /// The name of the file that holds the memory of a key, whatever stands in the key.
    pub fn file_of(key: &str) -> String {
        format!("{BEGINNING}{}{ENDING}", Hash::of(key))
    }

    /// Looks whether a memory could be set so, before there is a folder; secrets are those of the built-in rules.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`], [`MemoryError::TooLarge`], [`MemoryError::Secret`] for what cannot be kept.
    pub fn check(key: &str, summary: &str, author: &str) -> Result<(), MemoryError> {
        Rules { redactor: Redactor::new() }.check(key, summary, author).map(drop)
    }

    /// Reads a memory as it is now.
    ///
    /// # Errors
    /// [`MemoryError::NotFound`]; [`MemoryError::Invalid`] if no memory can have that key; what is wrong with its file.
    pub fn get(&self, key: &str) -> Result<Memory, MemoryError> {
        Ok(self.load_of(key)?.kept.memory())
    }

    /// Reads a memory with what it was before.
    ///
    /// # Errors
    /// As [`MemoryStore::get`].
    pub fn history(&self, key: &str) -> Result<MemoryHistory, MemoryError> {
        Ok(self.load_of(key)?.kept.history())
    }

    fn load_of(&self, key: &str) -> Result<Loaded, MemoryError> {
        rules::check_key(key)?;
        self.load(&Self::file_of(key))
    }

    /// Reads the file of a memory.
    fn load(&self, file: &str) -> Result<Loaded, MemoryError> {
        let found = match self.folder.find(file) {
            Err(FolderError::Missing { .. }) => return Err(MemoryError::NotFound),
            found => found?,
        };
        let bytes = match self.folder.read(&found, model::MAX_FILE_BYTES) {
            Err(FolderError::TooLarge { .. }) => Err(MemoryFault::TooLarge),
            read => Ok(read?),
        };
        let kept = bytes.and_then(|bytes| parse::kept(&bytes, file));
        let kept = kept.map_err(|fault| MemoryError::Corrupt { file: file.to_owned(), fault })?;
        if self.rules.holds_secret(&kept) {
            return Err(MemoryError::Secret { part: MemoryPart::File(file.to_owned()) });
        }
        Ok(Loaded { found, kept })
    }
}

#[cfg(test)]
mod tests;
