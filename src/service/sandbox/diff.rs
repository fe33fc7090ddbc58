//! [`SandboxDiff`]: what is different in a sandbox from what it was made from.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::store::Store;
use super::tree::{Entry, Manifest};
use crate::event::Hash;

/// Longer files are compared as wholes, like binary ones.
const MAX_COMPARED_BYTES: u64 = 4 << 20;

/// After that long the comparison of two files becomes coarser.
const COMPARE_AT_MOST: Duration = Duration::from_secs(1);

/// What is different in a sandbox from what it was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxDiff {
    /// Every file and link that is different, by path.
    pub files: Vec<FileChange>,
}

/// What became of one file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// Its path, relative to the project.
    pub path: PathBuf,
    /// What became of it.
    pub kind: ChangeKind,
    /// How many lines were added; 0 for links, for binary files and those of more than 4 MiB.
    pub lines_added: u64,
    /// How many lines were removed; 0 for the same.
    pub lines_removed: u64,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// Its content, its mode or what it links to is another.
    Changed,
    /// It is gone.
    Removed,
}

impl SandboxDiff {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many files were added.
    pub fn files_added(&self) -> u64 {
        self.count(ChangeKind::Added)
    }

    /// How many files were changed.
    pub fn files_changed(&self) -> u64 {
        self.count(ChangeKind::Changed)
    }

    /// How many files were removed.
    pub fn files_removed(&self) -> u64 {
        self.count(ChangeKind::Removed)
    }

    /// How many lines were added.
    pub fn lines_added(&self) -> u64 {
        self.files.iter().map(|file| file.lines_added).sum()
    }

    /// How many lines were removed.
    pub fn lines_removed(&self) -> u64 {
        self.files.iter().map(|file| file.lines_removed).sum()
    }

    fn count(&self, kind: ChangeKind) -> u64 {
        self.files.iter().filter(|file| file.kind == kind).map(|_| 1).sum()
    }
}

/// One path that differs between two manifests; `None` is nothing there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) path: &'a Path,
    pub(super) from: Option<&'a Entry>,
    pub(super) to: Option<&'a Entry>,
}

impl<'a> Change<'a> {
    /// What is there before, unless it is a folder.
    pub(super) fn leaf_before(&self) -> Option<&'a Entry> {
        self.from.filter(|entry| !entry.is_directory())
    }

    /// What is there after, unless it is a folder.
    pub(super) fn leaf_after(&self) -> Option<&'a Entry> {
        self.to.filter(|entry| !entry.is_directory())
    }

    pub(super) fn is_directory_before(&self) -> bool {
        self.from.is_some_and(Entry::is_directory)
    }

    pub(super) fn is_directory_after(&self) -> bool {
        self.to.is_some_and(Entry::is_directory)
    }
}

/// Every path at which `to` differs from `from`, in the order of the paths: a folder before what it holds.
pub(super) fn changes<'a>(from: &'a Manifest, to: &'a Manifest) -> Vec<Change<'a>> {
    let gone = from.iter().filter(|(path, _)| !to.contains_key(*path));
    let gone = gone.map(|(path, entry)| Change { path, from: Some(entry), to: None });
    let different = to.iter().filter(|(path, entry)| from.get(*path) != Some(*entry));
    let different = different.map(|(path, entry)| Change { path, from: from.get(path), to: Some(entry) });
    let mut all: Vec<_> = gone.chain(different).collect();
    all.sort_unstable_by_key(|change| change.path);
    all
}

/// The diff that these changes make. The store has every content before; `read` gives one after.
pub(super) fn diff(
    changes: &[Change<'_>],
    store: &Store,
    read: impl Fn(&Path, &Hash) -> io::Result<Vec<u8>>,
) -> Result<SandboxDiff, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for change in changes {
        let kind = match (change.leaf_before(), change.leaf_after()) {
            (None, None) => continue,
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (Some(_), None) => ChangeKind::Removed,
        };
        let (lines_added, lines_removed) =
            count_lines(change, store, &read).map_err(|error| (change.path.to_owned(), error))?;
        files.push(FileChange { path: change.path.to_owned(), kind, lines_added, lines_removed });
    }
    Ok(SandboxDiff { files })
}

fn count_lines(
    change: &Change<'_>,
    store: &Store,
    read: impl Fn(&Path, &Hash) -> io::Result<Vec<u8>>,
) -> io::Result<(u64, u64)> {
    let (before, after) = (comparable(change.from), comparable(change.to));
    if before == after {
        return Ok((0, 0));
    }
    let old = before.map_or(Ok(Vec::new()), |hash| store.read(hash))?;
    let new = after.map_or(Ok(Vec::new()), |hash| read(change.path, hash))?;
    Ok(match (text_of(&old), text_of(&new)) {
        (Some(old), Some(new)) => compare(old, new),
        (Some(old), None) => (0, lines(old)),
        (None, Some(new)) => (lines(new), 0),
        (None, None) => (0, 0),
    })
}

/// The content of an entry, if it is a file that is not too long.
fn comparable(entry: Option<&Entry>) -> Option<&Hash> {
    match entry {
        Some(Entry::File { hash, bytes, .. }) if *bytes <= MAX_COMPARED_BYTES => Some(hash),
        _ => None,
    }
}

/// The text that these bytes are; none if they are binary.
fn text_of(content: &[u8]) -> Option<&str> {
    std::str::from_utf8(content).ok().filter(|text| !text.contains('\0'))
}

fn lines(text: &str) -> u64 {
    text.lines().map(|_| 1).sum()
}

fn compare(old: &str, new: &str) -> (u64, u64) {
    let diff = TextDiff::configure().timeout(COMPARE_AT_MOST).diff_lines(old, new);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).map(|_| 1).sum();
    (count(ChangeTag::Insert), count(ChangeTag::Delete))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_a_person_would() {
        assert_eq!(compare("a\nb\nc\n", "a\nx\ny\nc\n"), (2, 1));
        assert_eq!(compare("", "a\nb"), (2, 0));
        assert_eq!(compare("a\n", "a"), (1, 1));
    }

    #[test]
    fn a_file_with_a_zero_byte_or_bad_utf8_is_binary() {
        assert_eq!(text_of(b"a\0b"), None);
        assert_eq!(text_of(&[0xff, 0xfe]), None);
        assert_eq!(text_of("é".as_bytes()), Some("é"));
    }
}
