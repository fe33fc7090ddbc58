//! `set` and `delete`: what changes a memory.

use serde::Serialize;

use super::error::MemoryError;
use super::events::{MemoryDeleted, MemorySet};
use super::look::is_memory_name;
use super::model::{Kept, MAX_MEMORIES, Memory, Set};
use super::rules::check_key;
use super::{Loaded, MemoryStore};
use crate::checkpoint::folder::{FolderError, Lock};
use crate::event::{Scope, Text, Timestamp};

/// A memory that is gone, with its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeletedMemory {
    /// Its key.
    pub key: Text,
    /// How often it had been set: so many revisions are gone.
    pub revisions: u64,
}

impl MemoryStore {
    /// Sets a memory; what it was before stays in its history, as long as there is room.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`], [`MemoryError::TooLarge`], [`MemoryError::Secret`] for what cannot be kept;
    /// [`MemoryError::TooMany`]; [`MemoryError::Corrupt`] if what is there is no memory, which stays as it is;
    /// [`MemoryError::NotApplied`] if nothing has changed; [`MemoryError::Indeterminate`] if it has, and a crash of the
    /// machine may undo it: the same call again makes it durable, as one more revision.
    pub fn set(&self, key: &str, summary: &str, author: &str) -> Result<Memory, MemoryError> {
        let (key, author) = self.rules.check(key, summary, author)?;
        let (file, summary) = (Self::file_of(&key), summary.to_owned());
        let lock = self.lock()?;
        // Under the lock: what is set later has a later time, as far as the clock does not go back.
        let set = Set { at: Timestamp::now(), author, summary };
        let kept = match self.load(&file) {
            Ok(Loaded { found, mut kept }) => {
                kept.set(set);
                self.folder.replace(&lock, &found, &kept.to_line())?;
                kept
            }
            Err(MemoryError::NotFound) => {
                self.check_room()?;
                let kept = Kept::new(key, set);
                self.folder.create(&lock, &file, &kept.to_line())?;
                kept
            }
            Err(error) => return Err(error),
        };
        drop(lock);
        let memory = kept.memory();
        let scope = Scope::current().with_actor_name(memory.author.clone());
        self.emitter.emit_in(&scope, || MemorySet {
            memory: self.rules.masked(&memory.key),
            revision: memory.revision,
            author: self.rules.masked(&memory.author),
            bytes: memory.summary.len() as u64,
        });
        Ok(memory)
    }

    /// Deletes a memory, and its history with it.
    ///
    /// # Errors
    /// [`MemoryError::NotFound`]; [`MemoryError::Corrupt`] and [`MemoryError::Secret`] for a file that is no sound
    /// memory, which stays; [`MemoryError::UnsafeTarget`] if something else was put in its place meanwhile, which stays
    /// too; [`MemoryError::NotApplied`] if nothing has changed; [`MemoryError::Indeterminate`] if it is deleted, and a
    /// crash of the machine may bring it back: then the same call again makes sure that it does not, and says
    /// [`MemoryError::NotFound`].
    pub fn delete(&self, key: &str) -> Result<DeletedMemory, MemoryError> {
        check_key(key)?;
        let file = Self::file_of(key);
        let lock = self.lock()?;
        let Loaded { found, kept } = match self.load(&file) {
            Err(MemoryError::NotFound) => {
                // A call before may have been told that a crash of the machine may bring it back.
                self.folder.sync()?;
                return Err(MemoryError::NotFound);
            }
            loaded => loaded?,
        };
        self.folder.remove_found(&lock, &found)?;
        self.folder.sync()?;
        drop(lock);
        let deleted = DeletedMemory { revisions: kept.revision(), key: kept.key };
        self.emitter.emit_in(&Scope::current(), || MemoryDeleted {
            memory: self.rules.masked(&deleted.key),
            revisions: deleted.revisions,
        });
        Ok(deleted)
    }

    fn lock(&self) -> Result<Lock, MemoryError> {
        match self.folder.lock() {
            Err(FolderError::Missing { .. }) => {
                Err(MemoryError::NoFolder { path: self.folder.path().to_owned() })
            }
            locked => Ok(locked?),
        }
    }

    /// Refuses one more memory where there are as many as there may be. The caller holds the lock.
    fn check_room(&self) -> Result<(), MemoryError> {
        let names = self.folder.names()?;
        let memories = names.iter().filter_map(|name| name.to_str()).filter(|name| is_memory_name(name));
        if memories.count() < MAX_MEMORIES { Ok(()) } else { Err(MemoryError::TooMany) }
    }
}
