//! [`Index`]: which files a folder has, with sizes and hashes, and how that is found out again at little cost.
//!
//! An index run walks over the folder with several threads and hashes what it finds. The next run reads a file again
//! only if the file system says something else of it than before: size, inode, time of modification, time of change. A
//! file that was changed shortly before the last run began is read in any case, because it could have been changed once
//! more without a newer time. If no folder and no ignore file has changed, the walk is left out too, and only what is
//! known is looked at: on a file system that does not change the time of a folder when a name in it comes or goes, new
//! files would be missed; one whose times have no fractions of a second is not trusted that far.
//!
//! Left out are: what `.gitignore` and `.ignore` files in the folder say; `.git`; hidden files, unless the options say
//! otherwise; folders marked as caches by a [`CACHEDIR.TAG`](https://bford.info/cachedir/); links, pipes and devices.
//! What cannot be read, or is too large, is in [`Index::unread`], and not among the files. An ignore file is one of the
//! folder or none: a link of that name has no say, nor has one with more than 256 KiB; both are in [`Index::unread`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Hash, Text, Timestamp};

mod gather;
mod quick;
mod rules;
mod run;
mod signature;
pub(super) mod stored;
mod walk;

#[cfg(test)]
mod tests;

pub(super) use gather::{Outcome, Reader};
pub(super) use rules::{RULES, Rules};
pub(super) use run::Run;
pub(super) use signature::{Seen, Signature};
pub use stored::LoadIndexError;

/// What holds for every index run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Whether hidden files are in it: no.
    pub hidden: HiddenFiles,
    /// Larger files are not read: 16 MiB.
    pub max_file_bytes: u64,
    /// A folder with more files is not indexed: 200,000.
    pub max_files: usize,
    /// How many threads walk and hash: as many as there are cores, at most 8.
    pub threads: usize,
}

/// Whether files and folders whose names begin with a dot are in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenFiles {
    /// They are not.
    LeftOut,
    /// They are; `.git` never is.
    Included,
}

impl Default for IndexOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            hidden: HiddenFiles::LeftOut,
            max_file_bytes: 16 << 20,
            max_files: 200_000,
            threads: cores.min(8),
        }
    }
}

impl IndexOptions {
    /// The same with hidden files, or without.
    #[must_use]
    pub fn with_hidden(mut self, hidden: HiddenFiles) -> Self {
        self.hidden = hidden;
        self
    }

    /// The same with another limit of what is read of one file, in bytes.
    #[must_use]
    pub fn with_max_file_bytes(mut self, bytes: u64) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// The same with another limit of files.
    #[must_use]
    pub fn with_max_files(mut self, files: usize) -> Self {
        self.max_files = files;
        self
    }

    /// The same with so many threads; 0 counts as 1.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }
}

/// A file of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    pub(super) path: PathBuf,
    pub(super) signature: Signature,
    pub(super) hash: Hash,
    /// Whether its signature alone tells that it is unchanged.
    pub(super) is_settled: bool,
}

impl IndexedFile {
    /// Its path, relative to the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.signature.bytes()
    }

    /// The hash of its content.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// When it was modified last, as the file system says.
    pub fn modified(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.signature.modified())
    }
}

/// Something that is there and is not in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// Its path, relative to the folder.
    pub path: PathBuf,
    /// Why.
    pub reason: UnreadReason,
}

/// Why something is not in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadReason {
    /// It has more bytes than are read of one file.
    TooLarge {
        /// How many it has.
        bytes: u64,
    },
    /// The system refused it.
    Io {
        /// In what way.
        kind: std::io::ErrorKind,
    },
    /// It is an ignore file, and some of its lines are no patterns; the others hold.
    Patterns,
    /// It has the name of an ignore file and no say: it is a link, a pipe, a device, a folder, or too long. Or its patterns
    /// take too much, alone or with those of the other ignore files; then all that is in its folder is left out.
    Rules,
}

impl fmt::Display for UnreadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(f, "it has {bytes} bytes"),
            Self::Io { kind } => write!(f, "{kind}"),
            Self::Patterns => f.write_str("some lines are no patterns"),
            Self::Rules => f.write_str("it is no file whose patterns can be used"),
        }
    }
}

/// A folder that was walked over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) signature: Signature,
    /// Whether its signature alone tells that no name in it came or went.
    pub(super) is_settled: bool,
    /// Which of the files are directly in it.
    pub(super) files: Vec<usize>,
    /// What else must be as it was for the index to be the same: ignore files, files that are too large, marks of caches.
    pub(super) others: Vec<(PathBuf, Signature)>,
}

/// The files of a folder at one time. It never changes; the next run makes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub(super) resource: Text,
    pub(super) options: IndexOptions,
    /// By path.
    pub(super) files: Vec<IndexedFile>,
    /// By path.
    pub(super) folders: Vec<Folder>,
    /// By path.
    pub(super) unread: Vec<Unread>,
}

impl Index {
    /// The name of the resource.
    pub fn resource(&self) -> &Text {
        &self.resource
    }

    /// The files, by path.
    pub fn files(&self) -> &[IndexedFile] {
        &self.files
    }

    /// The file at that path.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&IndexedFile> {
        let found = self.files.binary_search_by(|file| file.path.as_path().cmp(path.as_ref()));
        self.files.get(found.ok()?)
    }

    /// What is there and could not be read, by path.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// The folders that were walked over, by path.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|folder| folder.path.as_path())
    }

    /// How many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(IndexedFile::bytes).sum()
    }
}

/// What an index run found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexReport {
    /// The files as they are now.
    pub index: Arc<Index>,
    /// Which are new, by path.
    pub added: Vec<PathBuf>,
    /// Which have another content, by path.
    pub changed: Vec<PathBuf>,
    /// Which are in the index no more, by path.
    pub removed: Vec<PathBuf>,
    /// How long it took.
    pub duration: Duration,
    /// Whether there was an index before, so that what was unchanged was left alone.
    pub incremental: bool,
}
