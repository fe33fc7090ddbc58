//! [`DirHandler`]: a folder on disk, opened once and never left.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt, PermissionsExt as _};
use rustix::fs::{OFlags, RenameFlags, renameat, renameat_with};
use rustix::io::Errno;

use super::error::HandlerError;
use super::handler::{
    EntryKind, ResourceEntry, ResourceHandler, ResourceMover, ResourceStat, ResourceWriter, Written,
};
use super::index::{Seen, Signature};
use super::path::{STAGING_PREFIX, is_left_out};
use super::place::{NO_FILE, folder_of, is_root, make_folder_of, place_of};
use crate::event::{Hash, SandboxStrategy, Timestamp};
use crate::service::blocking::blocking;
use crate::service::sandbox::Sandbox;
use crate::service::sandbox::place::open_root;
use crate::service::sandbox::rewrites::Rewrites;

/// A folder with more entries is not listed.
const MAX_ENTRIES: usize = 100_000;

/// A folder on disk and everything in it.
///
/// The folder is opened once. Every path is opened relative to that handle, so that nothing outside is reached, not
/// even by a link that is put there in the middle of it. A link that stays inside is followed to the file it leads to.
///
/// A file is written whole or not at all: next to it, then renamed over it. Its mode stays; a new one has that of the
/// process. Other names of the same file (hard links) keep what it was, since they may lie outside.
///
/// What is git's own (`.git`), and what a commit of a sandbox left behind, is not changed, by whatever link it is reached.
#[derive(Debug)]
pub struct DirHandler {
    dir: Dir,
    path: PathBuf,
    /// What the sandbox whose files these are puts there itself; nothing if it is no sandbox.
    rewrites: Rewrites,
    /// The folder of the sandbox whose files these are, if they are its own: what is put there goes with it.
    home: Option<PathBuf>,
}

impl DirHandler {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// Whatever the system says, if there is no such folder or it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().canonicalize()?;
        Ok(Self { dir: open_root(&path)?, path, rewrites: Rewrites::default(), home: None })
    }

    /// The files of a sandbox.
    pub(super) fn in_sandbox(sandbox: &Sandbox) -> io::Result<Self> {
        let (dir, rewrites) = (sandbox.dir().try_clone()?, sandbox.rewrites().clone());
        let home = (sandbox.strategy() != SandboxStrategy::InPlace).then(|| sandbox.home().to_owned());
        Ok(Self { dir, path: sandbox.tree(), rewrites, home })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its handle; what is opened relative to it cannot lie outside.
    pub(in crate::service) fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    pub(super) fn rewrites(&self) -> &Rewrites {
        &self.rewrites
    }

    /// Does what may block with the handle.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Dir) -> Result<T, HandlerError> + Send + 'static,
    ) -> Result<T, HandlerError> {
        let dir = self.dir.try_clone()?;
        blocking(move |_stop| work(&dir)).await
    }
}

#[async_trait]
impl ResourceHandler for DirHandler {
    async fn read(&self, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError> {
        let path = path.to_owned();
        self.with(move |dir| read(dir, &path, max)).await
    }

    async fn list(&self, path: &Path) -> Result<Vec<ResourceEntry>, HandlerError> {
        let path = path.to_owned();
        self.with(move |dir| list(dir, &path)).await
    }

    async fn stat(&self, path: &Path) -> Result<ResourceStat, HandlerError> {
        let path = path.to_owned();
        self.with(move |dir| {
            let metadata = if is_root(&path) { dir.dir_metadata()? } else { dir.symlink_metadata(&path)? };
            Ok(stat_of(&metadata))
        })
        .await
    }

    fn writer(&self) -> Option<&dyn ResourceWriter> {
        Some(self)
    }

    fn mover(&self) -> Option<&dyn ResourceMover> {
        Some(self)
    }

    fn folder(&self) -> Option<&DirHandler> {
        Some(self)
    }
}

#[async_trait]
impl ResourceWriter for DirHandler {
    async fn write(&self, path: &Path, content: Vec<u8>) -> Result<Written, HandlerError> {
        let path = path.to_owned();
        self.with(move |dir| write(dir, &path, &content)).await
    }

    async fn delete(&self, path: &Path) -> Result<(), HandlerError> {
        let path = path.to_owned();
        self.with(move |dir| delete(dir, &path)).await
    }
}

#[async_trait]
impl ResourceMover for DirHandler {
    async fn rename(&self, from: &Path, to: &Path) -> Result<Written, HandlerError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.with(move |dir| rename(dir, &from, &to)).await
    }
}

fn stat_of(metadata: &cap_std::fs::Metadata) -> ResourceStat {
    let kind = match metadata {
        _ if metadata.is_file() => EntryKind::File,
        _ if metadata.is_dir() => EntryKind::Folder,
        _ if metadata.is_symlink() => EntryKind::Link,
        _ => EntryKind::Other,
    };
    let modified = Signature::of(metadata).modified();
    ResourceStat::new(kind, metadata.len()).with_modified(Timestamp::from_unix_nanos(modified))
}

/// Opens a regular file. A pipe or a device is refused, and not waited for.
fn open_regular(dir: &Dir, path: &Path) -> Result<File, HandlerError> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = dir.open_with(path, &options)?.into_std();
    if !file.metadata()?.is_file() {
        return Err(NO_FILE);
    }
    Ok(file)
}

fn read(dir: &Dir, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError> {
    read_to_end(open_regular(dir, path)?, max)
}

/// The content of an open file.
pub(super) fn read_to_end(file: File, max: u64) -> Result<Vec<u8>, HandlerError> {
    let mut content = Vec::new();
    // One byte more than it may have tells that it is too large, also if it grows meanwhile.
    file.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > max {
        return Err(HandlerError::TooLarge { max });
    }
    Ok(content)
}

fn list(dir: &Dir, path: &Path) -> Result<Vec<ResourceEntry>, HandlerError> {
    let folder = if is_root(path) { dir.try_clone()? } else { dir.open_dir(path)? };
    let mut entries = Vec::new();
    for entry in folder.entries()? {
        let name = entry?.file_name();
        match folder.symlink_metadata(&name) {
            Ok(_) if is_left_out(&name) => {}
            Ok(metadata) => entries.push(ResourceEntry::new(name, stat_of(&metadata))),
            // It went away since its folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if entries.len() > MAX_ENTRIES {
            return Err(HandlerError::TooMany { max: MAX_ENTRIES });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// How many files were written by this process: their names until they are whole.
static WRITES: AtomicU64 = AtomicU64::new(0);

fn write(dir: &Dir, path: &Path, content: &[u8]) -> Result<Written, HandlerError> {
    make_folder_of(dir, path)?;
    let (folder, name) = place_of(dir, path)?;
    write_at(&folder, &name, content)
}

/// Gives the file `name` in `folder` this content; what stands there must be a file, or nothing.
pub(super) fn write_at(folder: &Dir, name: &Path, content: &[u8]) -> Result<Written, HandlerError> {
    let before = match folder.symlink_metadata(name) {
        Ok(before) if !before.is_file() => return Err(NO_FILE),
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let nth = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = format!("{STAGING_PREFIX}{}-{nth}", std::process::id());
    let written = put(folder, &beside, before.as_ref(), content).and_then(|file| {
        folder.rename(&beside, folder, name)?;
        // By the handle: whatever stands there by now, this is what was written.
        Signature::of_file(&file)
    });
    let signature = written.inspect_err(|_failed| {
        // The error that counts is the one of the write.
        drop(folder.remove_file(&beside));
    })?;
    let bytes = content.len() as u64;
    let written = if before.is_some() { Written::modified(bytes) } else { Written::created(bytes) };
    Ok(written.with_seen(Seen { signature, hash: Some(Hash::of(content)) }))
}

/// Makes a whole file of that name, with the mode of the one that it is to replace.
fn put(folder: &Dir, name: &str, before: Option<&cap_std::fs::Metadata>, content: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if let Some(before) = before {
        // Nobody may read it before it has its mode.
        options.mode(before.permissions().mode() & 0o700);
    }
    let mut file = folder.open_with(name, &options)?.into_std();
    file.write_all(content)?;
    if let Some(before) = before {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(before.mode() & 0o7777))?;
    }
    // Else a crash of the machine could leave an empty file under the name.
    file.sync_data()?;
    Ok(file)
}

fn delete(dir: &Dir, path: &Path) -> Result<(), HandlerError> {
    let (folder, name) = folder_of(dir, path)?;
    Ok(folder.remove_file(name)?)
}

fn rename(dir: &Dir, from: &Path, to: &Path) -> Result<Written, HandlerError> {
    let metadata = dir.symlink_metadata(from)?;
    if !metadata.is_file() && !metadata.is_symlink() {
        return Err(NO_FILE);
    }
    make_folder_of(dir, to)?;
    let (from_folder, from_name) = folder_of(dir, from)?;
    let (to_folder, to_name) = folder_of(dir, to)?;
    match renameat_with(&from_folder, &from_name, &to_folder, &to_name, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => return Err(HandlerError::Occupied),
        // This file system cannot look and rename in one step.
        Err(Errno::INVAL | Errno::NOSYS) => {
            if to_folder.symlink_metadata(&to_name).is_ok() {
                return Err(HandlerError::Occupied);
            }
            renameat(&from_folder, &from_name, &to_folder, &to_name).map_err(io::Error::from)?;
        }
        renamed => renamed.map_err(io::Error::from)?,
    }
    let (renamed, now) = (Written::modified(metadata.len()), to_folder.symlink_metadata(&to_name)?);
    // Of a link nothing is known to a watcher, nor told by it.
    let seen = now.is_file().then(|| Seen { signature: Signature::of(&now), hash: None });
    Ok(seen.map_or(renamed.clone(), |seen| renamed.with_seen(seen)))
}
