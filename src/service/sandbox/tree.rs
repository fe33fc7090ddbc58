//! What stands in a tree of files: the walk over it, and the [`Manifest`] of what it found.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, MetadataExt as _};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::place::{open_dir, open_file, parent_of};
use super::record::path_text;
use crate::event::Hash;

/// What the name of a folder begins with in which a commit keeps what it is about to move.
pub(in crate::service) const STAGING_PREFIX: &str = ".agentbus-staging-";

/// What the name of a folder begins with that holds originals which were not put back, since somebody else had
/// changed what was to make room for them.
pub(super) const KEPT_PREFIX: &str = ".agentbus-originals-";

/// What a file named `CACHEDIR.TAG` begins with, if it marks a cache (<https://bford.info/cachedir/>).
pub(in crate::service) const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55";

/// How deep folders may be nested: each level holds a file handle open during the walk.
const MAX_DEPTH: usize = 200;

/// The bits of a mode that are kept.
const MODE_BITS: u32 = 0o7777;

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    File {
        hash: Hash,
        bytes: u64,
        mode: u32,
    },
    Link {
        #[serde(with = "path_text")]
        target: PathBuf,
    },
    Directory {
        mode: u32,
    },
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }
}

/// Everything in a tree, by its path relative to the root.
pub(super) type Manifest = BTreeMap<PathBuf, Entry>;

/// Why a tree could not be walked.
#[derive(Debug)]
pub(in crate::service) enum WalkError {
    /// Nobody waits for it any more.
    Stopped,
    /// Something could not be read.
    Io { path: PathBuf, source: io::Error },
}

/// What a walk comes upon.
pub(in crate::service) struct Found<'a> {
    /// The folder that holds it.
    pub(in crate::service) dir: &'a Dir,
    /// Its name there.
    pub(in crate::service) name: &'a OsStr,
    /// Its path relative to the root.
    pub(in crate::service) path: &'a Path,
    /// What it is; of a link, the link itself.
    pub(in crate::service) metadata: &'a cap_std::fs::Metadata,
}

/// A walk over a tree, by name in each folder, a folder before what it holds. No link is followed. What is skipped:
/// everything named `.git`, folders marked as caches unless `known` has them, and what a commit left behind.
pub(in crate::service) struct Walk<'a> {
    pub(in crate::service) stop: &'a CancellationToken,
    pub(in crate::service) known: &'a dyn Fn(&Path) -> bool,
    pub(in crate::service) visit: &'a mut dyn FnMut(&Found<'_>) -> io::Result<ControlFlow<()>>,
}

impl Walk<'_> {
    /// Walks over `dir`, which stands at `at`, until the end or until `visit` breaks.
    pub(in crate::service) fn over(&mut self, dir: &Dir, at: &Path) -> Result<ControlFlow<()>, WalkError> {
        self.level(dir, at, 0)
    }

    fn level(&mut self, dir: &Dir, at: &Path, depth: usize) -> Result<ControlFlow<()>, WalkError> {
        let failed = |source| WalkError::Io { path: at.to_owned(), source };
        if depth > MAX_DEPTH {
            return Err(failed(io::Error::other(format!("folders are nested deeper than {MAX_DEPTH}"))));
        }
        let mut names = Vec::new();
        for entry in dir.entries().map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort_unstable();
        for name in names {
            if self.stop.is_cancelled() {
                return Err(WalkError::Stopped);
            }
            if !is_skipped(&name) && self.entry(dir, &name, &at.join(&name), depth)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entry(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        path: &Path,
        depth: usize,
    ) -> Result<ControlFlow<()>, WalkError> {
        let failed = |source| WalkError::Io { path: path.to_owned(), source };
        let metadata = match dir.symlink_metadata(name) {
            Ok(metadata) => metadata,
            // It went away since its folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(failed(error)),
        };
        let found = Found { dir, name, path, metadata: &metadata };
        if !metadata.is_dir() {
            return (self.visit)(&found).map_err(failed);
        }
        let inner = open_dir(dir, name).map_err(failed)?;
        if !(self.known)(path) && is_cache(&inner) {
            return Ok(ControlFlow::Continue(()));
        }
        if (self.visit)(&found).map_err(failed)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.level(&inner, path, depth + 1)
    }
}

/// Whether no walk comes upon what has this name: it is git's own, or a commit left it behind.
pub(in crate::service) fn is_skipped(name: &OsStr) -> bool {
    let begins = |prefix: &str| name.as_encoded_bytes().starts_with(prefix.as_bytes());
    name == ".git" || begins(STAGING_PREFIX) || begins(KEPT_PREFIX)
}

fn is_cache(dir: &Dir) -> bool {
    let mut start = [0; CACHE_TAG.len()];
    let read = open_file(dir, OsStr::new("CACHEDIR.TAG")).and_then(|mut tag| tag.read_exact(&mut start));
    read.is_ok() && start == *CACHE_TAG.as_bytes()
}

/// The manifest of the tree under `root`. `read` takes in each file and says its hash and length. A folder that is
/// in `known` is looked into even if it is marked as a cache, so that no mark can make files seem to be gone.
pub(super) fn scan(
    root: &Dir,
    known: &Manifest,
    stop: &CancellationToken,
    mut read: impl FnMut(&mut File) -> io::Result<(Hash, u64)>,
) -> Result<Manifest, WalkError> {
    let mut manifest = Manifest::new();
    let mut visit = |found: &Found<'_>| {
        if let Some(entry) = entry_of(found.dir, found.name, found.metadata, &mut read)? {
            manifest.insert(found.path.to_owned(), entry);
        }
        Ok(ControlFlow::Continue(()))
    };
    let is_known = |path: &Path| known.contains_key(path);
    let _to_the_end = Walk { stop, known: &is_known, visit: &mut visit }.over(root, Path::new(""))?;
    Ok(manifest)
}

/// The entry of `name` in `dir`; none for sockets, pipes and devices.
fn entry_of(
    dir: &Dir,
    name: &OsStr,
    metadata: &cap_std::fs::Metadata,
    read: &mut dyn FnMut(&mut File) -> io::Result<(Hash, u64)>,
) -> io::Result<Option<Entry>> {
    Ok(if metadata.is_dir() {
        Some(Entry::Directory { mode: metadata.mode() & MODE_BITS })
    } else if metadata.is_symlink() {
        Some(Entry::Link { target: dir.read_link_contents(name)? })
    } else if metadata.is_file() {
        let mut file = open_file(dir, name)?;
        let mode = file.metadata()?.mode() & MODE_BITS;
        let (hash, bytes) = read(&mut file)?;
        Some(Entry::File { hash, bytes, mode })
    } else {
        None
    })
}

/// The entry of `name` in `dir`; none if there is nothing.
pub(super) fn entry_in(dir: &Dir, name: &OsStr) -> io::Result<Option<Entry>> {
    match dir.symlink_metadata(name) {
        Ok(metadata) => entry_of(dir, name, &metadata, &mut |file| hash_file(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The entry at `path` under `root`; none if there is nothing. An error of kind `NotADirectory` says that something
/// on the way, a link for example, is no folder.
pub(super) fn entry_at(root: &Dir, path: &Path) -> io::Result<Option<Entry>> {
    match parent_of(root, path) {
        Ok((dir, name)) => entry_in(&dir, &name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The hash of what `file` holds from here on, and how many bytes that is.
pub(in crate::service) fn hash_file(file: &mut File) -> io::Result<(Hash, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    let bytes = hasher.count();
    Ok((Hash::from_bytes(*hasher.finalize().as_bytes()), bytes))
}
