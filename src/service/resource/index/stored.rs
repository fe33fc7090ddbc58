//! The JSON form of an index: format, schema version, checksum, index.
//!
//! `{"format":"agentbus.index","schema_version":1,"checksum":"<64 hex>","index":{..}}`. The checksum is the BLAKE3 hash
//! of the index written compactly with its keys in the order of [`Stored`].

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gather::Gathered;
use super::signature::Signature;
use super::{Folder, HiddenFiles, Index, IndexOptions, IndexedFile, Unread, UnreadReason};
use crate::event::{Hash, Text};
use crate::service::document::{self, Document, DocumentFault, checksum, json};
use crate::service::resource::path::plain;
use crate::service::resource::uri::{escape, unescape_path};

/// What a stored index calls itself.
const FORMAT: &str = "agentbus.index";

/// The version of the schema that is written and read.
const VERSION: u32 = 1;

/// Why an index that was stored cannot be gone on from. Nothing has changed then; the next run finds everything anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadIndexError {
    /// The file could not be read.
    #[error("cannot read the index in {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not an index, or was cut off, or changed.
    #[error("cannot read the index: it is not what was stored, at line {line}, column {column}; index anew")]
    Malformed {
        /// Where, from 1; 0 for the whole.
        line: usize,
        /// Where in the line, from 1; 0 for the whole.
        column: usize,
    },
    /// It was stored by another version.
    #[error("cannot read an index of version {actual}: this build reads version {expected}; index anew")]
    Version {
        /// The version that is read.
        expected: u32,
        /// The version of the file.
        actual: u64,
    },
    /// It was changed since it was stored.
    #[error("cannot read the index: its checksum is {actual}, and must be {expected}; index anew")]
    Checksum {
        /// What the file says.
        expected: Hash,
        /// What it is.
        actual: Hash,
    },
    /// It is that of another resource.
    #[error("cannot go on from the index of {actual} in {expected}")]
    Resource {
        /// The resource.
        expected: Text,
        /// The one that the index is of.
        actual: Text,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredIndex<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    schema_version: u32,
    checksum: Hash,
    index: Stored,
}

impl<'a> Document<'a> for StoredIndex<'a> {
    const FORMAT: &'static str = FORMAT;
    const VERSION: u32 = VERSION;
    type Content = Stored;

    fn into_parts(self) -> (Hash, Stored) {
        (self.checksum, self.index)
    }
}

/// The order of these fields is part of the schema.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    resource: Text,
    hidden: bool,
    max_file_bytes: u64,
    max_files: usize,
    threads: usize,
    files: Vec<StoredFile>,
    folders: Vec<StoredFolder>,
    unread: Vec<StoredUnread>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFile {
    path: StoredPath,
    signature: Signature,
    hash: Hash,
    is_settled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFolder {
    path: StoredPath,
    signature: Signature,
    is_settled: bool,
    others: Vec<(StoredPath, Signature)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredUnread {
    path: StoredPath,
    reason: StoredReason,
}

/// A reason without the kind of an error of the system: the next run meets it again, or does not.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredReason {
    TooLarge { bytes: u64 },
    Io,
    Patterns,
    Rules,
}

impl From<UnreadReason> for StoredReason {
    fn from(reason: UnreadReason) -> Self {
        match reason {
            UnreadReason::TooLarge { bytes } => Self::TooLarge { bytes },
            UnreadReason::Io { kind: _ } => Self::Io,
            UnreadReason::Patterns => Self::Patterns,
            UnreadReason::Rules => Self::Rules,
        }
    }
}

impl From<StoredReason> for UnreadReason {
    fn from(reason: StoredReason) -> Self {
        match reason {
            StoredReason::TooLarge { bytes } => Self::TooLarge { bytes },
            StoredReason::Io => Self::Io { kind: io::ErrorKind::Other },
            StoredReason::Patterns => Self::Patterns,
            StoredReason::Rules => Self::Rules,
        }
    }
}

/// A path, with everything escaped that is no plain character.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct StoredPath(PathBuf);

impl From<StoredPath> for String {
    fn from(path: StoredPath) -> Self {
        escape(&path.0)
    }
}

impl TryFrom<String> for StoredPath {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let path = unescape_path(&text).ok_or("a path is not escaped as it must be")?;
        match plain(&path) {
            Ok(plain) if plain.as_os_str() == path.as_os_str() => Ok(Self(path)),
            _ => Err("a path is not a plain one"),
        }
    }
}

impl Stored {
    fn of(index: &Index) -> Self {
        let files = index.files.iter().map(|file| StoredFile {
            path: StoredPath(file.path.clone()),
            signature: file.signature,
            hash: file.hash,
            is_settled: file.is_settled,
        });
        let others = |folder: &Folder| {
            folder.others.iter().map(|(path, signature)| (StoredPath(path.clone()), *signature)).collect()
        };
        let folders = index.folders.iter().map(|folder| StoredFolder {
            path: StoredPath(folder.path.clone()),
            signature: folder.signature,
            is_settled: folder.is_settled,
            others: others(folder),
        });
        let unread = index
            .unread
            .iter()
            .map(|one| StoredUnread { path: StoredPath(one.path.clone()), reason: one.reason.into() });
        Self {
            resource: index.resource.clone(),
            hidden: index.options.hidden == HiddenFiles::Included,
            max_file_bytes: index.options.max_file_bytes,
            max_files: index.options.max_files,
            threads: index.options.threads,
            files: files.collect(),
            folders: folders.collect(),
            unread: unread.collect(),
        }
    }

    fn into_index(self) -> Index {
        let files = self.files.into_iter().map(|file| IndexedFile {
            path: file.path.0,
            signature: file.signature,
            hash: file.hash,
            is_settled: file.is_settled,
        });
        let folders = self.folders.into_iter().map(|folder| Folder {
            path: folder.path.0,
            signature: folder.signature,
            is_settled: folder.is_settled,
            files: Vec::new(),
            others: folder.others.into_iter().map(|(path, signature)| (path.0, signature)).collect(),
        });
        let unread =
            self.unread.into_iter().map(|one| Unread { path: one.path.0, reason: one.reason.into() });
        let options = IndexOptions {
            hidden: if self.hidden { HiddenFiles::Included } else { HiddenFiles::LeftOut },
            max_file_bytes: self.max_file_bytes,
            max_files: self.max_files,
            threads: self.threads,
        };
        let gathered = Gathered {
            files: files.collect(),
            folders: folders.collect(),
            unread: unread.collect(),
            ..Gathered::default()
        };
        gathered.into_index(self.resource, options)
    }
}

/// The text to store.
pub(in crate::service::resource) fn write(index: &Index) -> String {
    let index = Stored::of(index);
    let checksum = checksum(&index);
    json(&StoredIndex { format: FORMAT.into(), schema_version: VERSION, checksum, index })
}

/// Reads what was stored, and verifies it.
pub(in crate::service::resource) fn read(text: &str) -> Result<Index, LoadIndexError> {
    document::read::<StoredIndex<'_>>(text).map(Stored::into_index).map_err(LoadIndexError::of)
}

impl LoadIndexError {
    fn of(fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::Malformed { line, column } => Self::Malformed { line, column },
            DocumentFault::Format => Self::Malformed { line: 0, column: 0 },
            DocumentFault::Version { actual } => Self::Version { expected: VERSION, actual },
            DocumentFault::Checksum { expected, actual } => Self::Checksum { expected, actual },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unread_comes_back_with_its_reason() {
        let reasons = [
            UnreadReason::TooLarge { bytes: 0 },
            UnreadReason::Io { kind: io::ErrorKind::Other },
            UnreadReason::Patterns,
            UnreadReason::Rules,
        ];
        let unread = reasons
            .iter()
            .enumerate()
            .map(|(nth, reason)| Unread { path: nth.to_string().into(), reason: *reason });
        let gathered = Gathered { unread: unread.collect(), ..Gathered::default() };
        let index = gathered.into_index("notes".into(), IndexOptions::default());
        assert_eq!(read(&write(&index)).unwrap(), index);
    }
}
