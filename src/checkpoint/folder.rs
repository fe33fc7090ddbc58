//! [`Folder`]: a directory whose files are read and written without ever leaving it.
//!
//! It is opened once and kept as a handle: whoever moves it away, or puts a link in its place, changes nothing for who
//! has it. Every name is one component in it. What is opened is looked at through the open handle, never by its path
//! again: no link is followed, neither in place of the folder nor of a file, also not one that comes there meanwhile;
//! a pipe or a device is refused and not waited for; of a file no more is read than was asked for.
//!
//! Only who holds the [`Lock`] of the folder writes. A file is written whole or not at all: under another name
//! (`.tmp`), synced, renamed, and the folder synced. What a call comes to is one of three:
//!
//! - `Ok`: it is there, also after a crash of the machine;
//! - [`FolderError::Indeterminate`]: it is there, and a crash of the machine may undo it, as the folder could not be
//!   synced;
//! - any other error: nothing has changed.
//!
//! A process that dies on the way leaves the old content or the new, and perhaps a temporary file, which the next
//! writer removes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fsync, openat, statat};
use rustix::io::Errno;

mod error;
mod lock;
mod make;
mod steps;
mod write;

pub(super) use error::FolderError;
pub use error::{Indeterminate, NotApplied, NotRead, Remedy, UnsafeReason, UnsafeTarget};
#[cfg(test)]
pub(super) use lock::LOCK;
pub(super) use lock::Lock;
#[cfg(test)]
pub(super) use steps::Seam;
use steps::Steps;
#[cfg(test)]
pub(super) use write::TEMPORARY;

/// How a file in the folder is opened to be read: no link is followed, nothing is waited for.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How a folder is opened: a link is refused.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory, kept as a handle.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    /// For messages alone.
    path: PathBuf,
    steps: Steps,
}

/// What a file is known by, whatever it is called: device and inode. While it is open, no other file has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[expect(clippy::useless_conversion, reason = "they are of other types elsewhere")]
    fn of(stat: &rustix::fs::Stat) -> Self {
        Self(u64::from(stat.st_dev), u64::from(stat.st_ino))
    }

    fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|meta| Self(meta.dev(), meta.ino()))
    }
}

/// A regular file of a folder, open to be read.
#[derive(Debug)]
pub(super) struct Found {
    name: String,
    file: File,
    identity: Identity,
    /// In bytes, when it was opened.
    pub(super) len: u64,
    mode: u32,
    owner: (u32, u32),
}

impl Folder {
    /// Opens the folder at `path`; a link in its place is refused.
    pub(super) fn open(path: &Path) -> Result<Self, FolderError> {
        Self::open_with(path, Steps::default())
    }

    /// As [`Folder::open`]; `seam` is asked before each step.
    #[cfg(test)]
    pub(super) fn open_asking(path: &Path, seam: std::sync::Arc<dyn Seam>) -> Result<Self, FolderError> {
        Self::open_with(path, Steps::asking(seam))
    }

    fn open_with(path: &Path, steps: Steps) -> Result<Self, FolderError> {
        let handle = openat(CWD, without_trailing(path), FOLDER, Mode::empty());
        let handle = handle.map_err(|error| refused(error, path, UnsafeReason::NotAFolder))?;
        Ok(Self { handle, path: path.to_owned(), steps })
    }

    /// Where it was opened, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it was, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a folder in it; `None` if there is none.
    pub(super) fn folder(&self, name: &str) -> Result<Option<Self>, FolderError> {
        let path = self.checked(name)?;
        let failed = |source| NotRead { doing: "open", path: path.clone(), source };
        self.steps.before("open folder", name).map_err(failed)?;
        match openat(&self.handle, name, FOLDER, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, path, steps: self.steps.clone() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(refused(error, &path, UnsafeReason::NotAFolder)),
        }
    }

    /// The names of everything in it, in no order.
    pub(super) fn names(&self) -> Result<Vec<OsString>, FolderError> {
        let listed = self.steps.before("list", "").and_then(|()| self.list());
        Ok(listed.map_err(|source| NotRead { doing: "list", path: self.path.clone(), source })?)
    }

    fn list(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Opens a file of it: a regular one.
    pub(super) fn find(&self, name: &str) -> Result<Found, FolderError> {
        let path = self.checked(name)?;
        let failed = |source| NotRead { doing: "read", path: path.clone(), source };
        self.steps.before("open", name).map_err(failed)?;
        let opened = openat(&self.handle, name, READ, Mode::empty());
        let file = File::from(opened.map_err(|error| refused(error, &path, UnsafeReason::NotAFile))?);
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(UnsafeTarget { path, reason: UnsafeReason::NotAFile }.into());
        }
        Ok(Found {
            name: name.to_owned(),
            identity: Identity(meta.dev(), meta.ino()),
            len: meta.len(),
            mode: meta.mode() & 0o7777,
            owner: (meta.uid(), meta.gid()),
            file,
        })
    }

    /// Reads a file that was opened; more than `at_most` bytes are refused.
    pub(super) fn read(&self, found: &Found, at_most: usize) -> Result<Vec<u8>, FolderError> {
        let path = || self.path_of(&found.name);
        let mut bytes = Vec::new();
        let read = self.steps.before("read", &found.name).and_then(|()| {
            let is_too_large = found.len > at_most as u64;
            // One that grows meanwhile is not read further either.
            let room = if is_too_large { 0 } else { at_most as u64 + 1 };
            (&found.file).take(room).read_to_end(&mut bytes)?;
            Ok(is_too_large || bytes.len() > at_most)
        });
        match read {
            Ok(false) => Ok(bytes),
            Ok(true) => Err(FolderError::TooLarge { path: path(), at_most }),
            Err(source) => Err(NotRead { doing: "read", path: path(), source }.into()),
        }
    }

    /// Whether something else than that file has that name.
    pub(super) fn is_taken(&self, name: &str, by_other_than: &Found) -> Result<bool, FolderError> {
        let path = self.checked(name)?;
        match self.identity_of(name) {
            Ok(found) => Ok(found.is_some_and(|found| found != by_other_than.identity)),
            Err(source) => Err(NotRead { doing: "look at", path, source }.into()),
        }
    }

    /// What has that name now; `None` if nothing has.
    fn identity_of(&self, name: &str) -> io::Result<Option<Identity>> {
        self.steps.before("look at", name)?;
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Identity::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes what was created, renamed and removed in it outlive a crash of the machine.
    pub(super) fn sync(&self) -> Result<(), FolderError> {
        let synced = self.steps.before("sync folder", "").and_then(|()| Ok(fsync(&self.handle)?));
        Ok(synced.map_err(|source| {
            let (path, remedy) = (self.path.clone(), Remedy::Again);
            Indeterminate { path, remedy, source }
        })?)
    }

    /// Makes what earlier calls did in it durable, of which it may not have been told whether it is.
    pub(super) fn sync_before(&self) -> Result<(), FolderError> {
        match self.sync() {
            Err(FolderError::Indeterminate(Indeterminate { path, source, .. })) => {
                Err(NotApplied { doing: "sync", path, source }.into())
            }
            synced => synced,
        }
    }

    /// The path of a name that is one component, for messages.
    fn checked(&self, name: &str) -> Result<PathBuf, FolderError> {
        if is_component(name) {
            return Ok(self.path_of(name));
        }
        Err(UnsafeTarget { path: name.into(), reason: UnsafeReason::NotAName }.into())
    }
}

impl Found {
    /// Its name in the folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Whether it names something in a folder, and neither the folder, nor what it is in, nor anything elsewhere.
fn is_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// The path without what would let a link in its last place be followed: `link/`, `link/.`.
fn without_trailing(path: &Path) -> PathBuf {
    path.components().collect()
}

/// What it means that something could not be opened.
fn refused(error: Errno, path: &Path, otherwise: UnsafeReason) -> FolderError {
    let path = path.to_owned();
    let reason = match error {
        Errno::NOENT => return FolderError::Missing { path },
        Errno::LOOP => UnsafeReason::Link,
        Errno::NOTDIR if is_link(&path) => UnsafeReason::Link,
        // That of a socket, and of a folder where it is to be written to.
        Errno::NOTDIR | Errno::NXIO | Errno::ISDIR => otherwise,
        error => return NotRead { doing: "open", path, source: error.into() }.into(),
    };
    UnsafeTarget { path, reason }.into()
}

/// Whether a link stands there, for the message alone: nothing is done by what it says.
fn is_link(path: &Path) -> bool {
    statat(CWD, without_trailing(path), AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests;
