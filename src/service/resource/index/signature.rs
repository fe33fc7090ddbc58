//! [`Signature`]: what the file system says of a file, by which it is known to be unchanged.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

use crate::event::Hash;

/// A file that was changed so shortly before a run, in nanoseconds, may be changed again without a newer time: the
/// clock of a file system goes in ticks of up to ten milliseconds.
const TICK: i64 = 100_000_000;

/// The same of a file system that has no fractions of a second, of which some count only every other one.
const COARSE_TICK: i64 = 3_000_000_000;

const SECOND: i64 = 1_000_000_000;

/// What the file system says of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::service::resource) struct Signature {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When the content was changed, in nanoseconds since 1970; anybody can set it.
    modified: i64,
    /// When anything was changed; nobody can set it.
    changed: i64,
}

/// What was last seen of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::service::resource) struct Seen {
    pub(in crate::service::resource) signature: Signature,
    /// The hash of its content; none if that is not known.
    pub(in crate::service::resource) hash: Option<Hash>,
}

impl Signature {
    pub(in crate::service::resource) fn of(metadata: &cap_std::fs::Metadata) -> Self {
        use cap_std::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(in crate::service::resource) fn of_std(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(in crate::service::resource) fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of_std(&file.metadata()?))
    }

    /// The same of a file that had so many bytes when it was read.
    pub(super) fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    pub(in crate::service::resource) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(in crate::service::resource) fn modified(&self) -> i64 {
        self.modified
    }

    /// What is the same for the same file, whatever it holds and is called.
    pub(in crate::service::resource) fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether the same file has the same content, as far as can be told without reading it.
    pub(in crate::service::resource) fn has_content_of(&self, other: &Self) -> bool {
        self.file() == other.file() && (self.bytes, self.modified) == (other.bytes, other.modified)
    }

    /// Whether any later change shows in it, if it was read when a run had begun at `started`.
    pub(super) fn is_settled(&self, started: i64) -> bool {
        let last = self.modified.max(self.changed);
        last.saturating_add(if self.is_coarse() { COARSE_TICK } else { TICK }) < started
    }

    /// Whether the file system seems to have no fractions of a second.
    pub(super) fn is_coarse(&self) -> bool {
        self.modified % SECOND == 0 && self.changed % SECOND == 0
    }
}

fn nanos(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(SECOND).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(at: i64) -> Signature {
        Signature { device: 1, inode: 2, bytes: 3, modified: 0, changed: at }
    }

    #[test]
    fn what_was_changed_shortly_before_is_not_trusted() {
        let now = 1_000 * SECOND;
        assert!(changed(now - 2 * TICK + 1).is_settled(now));
        assert!(!changed(now - TICK / 2 + 1).is_settled(now));
        assert!(!changed(now + SECOND + 1).is_settled(now), "the clock of the file system goes ahead");
        let coarse = changed(now - SECOND);
        assert!(coarse.is_coarse() && !coarse.is_settled(now), "another change may fall into that second");
        assert!(changed(now - 4 * SECOND).is_settled(now));
    }
}
