//! `list` and `search`: what there is.

use std::cmp::Reverse;

use super::error::{InvalidPart, MemoryError, MemoryFault, MemoryPart};
use super::model::{MAX_KEY_BYTES, MAX_MEMORIES, Memory};
use super::{BEGINNING, ENDING, MemoryStore};
use crate::checkpoint::fold::fold;
use crate::event::NameError;

/// Which memories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a filter does nothing by itself"]
pub struct MemoryFilter {
    prefix: Option<String>,
    author: Option<String>,
}

impl MemoryFilter {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those whose key begins so.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Only those that were last set by that author.
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    fn admits(&self, memory: &Memory) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| memory.key.starts_with(prefix.as_str()))
            && self.author.as_ref().is_none_or(|author| memory.author == author.as_str())
    }
}

/// What was found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct MemoryListing {
    /// The memories.
    pub memories: Vec<Memory>,
    /// Files that cannot be used, whatever was asked for, by name.
    pub damaged: Vec<DamagedMemory>,
    /// How many more there are: memories that match beyond as many as were asked for, or files beyond
    /// [`MAX_MEMORIES`], which were not looked at.
    pub left_out: usize,
}

/// A file in which a memory should be.
#[derive(Debug)]
#[non_exhaustive]
pub struct DamagedMemory {
    /// Its name, without what is not UTF-8.
    pub file: String,
    /// Why it cannot be used, and what to do.
    pub error: MemoryError,
}

impl MemoryStore {
    /// The memories that the filter lets through, by key. It changes nothing.
    ///
    /// # Errors
    /// [`MemoryError::Io`] if the folder cannot be listed.
    pub fn list(&self, filter: &MemoryFilter) -> Result<MemoryListing, MemoryError> {
        let mut listing = self.read_all()?;
        listing.memories.retain(|memory| filter.admits(memory));
        listing.memories.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(listing)
    }

    /// The memories whose key or summary holds that text, in whatever case of whatever alphabet, the newest first; at most
    /// so many. What they were before is not searched. It changes nothing.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`], [`MemoryError::TooLarge`] if nothing, or more than [`MAX_KEY_BYTES`], is looked for;
    /// [`MemoryError::Io`] if the folder cannot be listed.
    pub fn search(&self, text: &str, at_most: usize) -> Result<MemoryListing, MemoryError> {
        let part = MemoryPart::Search;
        if text.trim().is_empty() {
            return Err(MemoryError::Invalid { part, reason: InvalidPart::Name(NameError::Empty) });
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(MemoryError::TooLarge { part, actual: text.len(), at_most: MAX_KEY_BYTES });
        }
        let wanted = fold(text);
        let holds = |text: &str| fold(text).contains(&wanted);
        let mut listing = self.read_all()?;
        listing.memories.retain(|memory| holds(&memory.key) || holds(&memory.summary));
        listing
            .memories
            .sort_by(|one, other| (Reverse(one.at), &one.key).cmp(&(Reverse(other.at), &other.key)));
        listing.left_out += listing.memories.len().saturating_sub(at_most);
        listing.memories.truncate(at_most);
        Ok(listing)
    }

    /// Everything there is, up to a bound.
    fn read_all(&self) -> Result<MemoryListing, MemoryError> {
        let mut names = self.folder.names()?;
        names.retain(|name| name.as_encoded_bytes().starts_with(BEGINNING.as_bytes()));
        // Names that no memory has take no room from those that one may have.
        names.sort_unstable_by_key(|name| (!name.to_str().is_some_and(is_memory_name), name.clone()));
        let left_out = names.len().saturating_sub(MAX_MEMORIES);
        let mut listing = MemoryListing { left_out, ..MemoryListing::default() };
        for name in names.iter().take(MAX_MEMORIES) {
            let file = name.to_string_lossy().into_owned();
            let loaded = match name.to_str() {
                Some(name) if is_memory_name(name) => self.load(name),
                _ => Err(MemoryError::Corrupt { file: file.clone(), fault: MemoryFault::Name }),
            };
            match loaded {
                Ok(loaded) => listing.memories.push(loaded.kept.memory()),
                // It was deleted meanwhile.
                Err(MemoryError::NotFound) => {}
                Err(error) => listing.damaged.push(DamagedMemory { file, error }),
            }
        }
        Ok(listing)
    }
}

/// Whether the file of a memory has such a name.
pub(super) fn is_memory_name(name: &str) -> bool {
    let hash = name.strip_prefix(BEGINNING).and_then(|rest| rest.strip_suffix(ENDING));
    hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}
