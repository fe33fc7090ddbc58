//! What is told of memories: custom kinds, emitted after the fact. None tells what is to be known.

use serde::{Deserialize, Serialize};

use crate::event::Text;

/// A memory was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemorySet {
    /// Its key.
    pub memory: Text,
    /// How often it was set, this time included.
    pub revision: u64,
    /// Who set it.
    pub author: Text,
    /// How long its summary is, in bytes.
    pub bytes: u64,
}

/// A memory was deleted, with its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryDeleted {
    /// Its key.
    pub memory: Text,
    /// How often it had been set.
    pub revisions: u64,
}

crate::custom_kinds! {
    MemorySet = "memory.set",
    MemoryDeleted = "memory.deleted",
}
