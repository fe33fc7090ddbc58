//! [`Disk`]: every step by which a tree, or what is known of a sandbox, is changed; one call each.
//!
//! It is a seam: a [`Seam`] is asked before each step, so that a test can fail one, die at one, or wait at one. What is
//! called `new` must not be there before. No call follows a link in its last component.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{Mode, RenameFlags, fsync, mkdirat, renameat_with};
use rustix::io::Errno;

use super::place::{open_dir, set_dir_mode};
use super::store::{Store, copy_contents};
use super::tree::hash_file;
use crate::event::Hash;

/// Who is asked before each step.
pub(super) trait Seam: fmt::Debug + Send + Sync {
    /// An error is taken for that of the step, which is not done then. `step` says what is about to be done.
    fn before(&self, step: &str) -> io::Result<()>;
}

/// The file system, as far as it is changed durably.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    seam: Option<Arc<dyn Seam>>,
}

/// The name that a file has until it is whole.
pub(super) fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = name.to_owned();
    temporary.push(".tmp");
    temporary
}

/// A name in a folder.
pub(super) type At<'a> = (&'a Dir, &'a OsStr);

impl Disk {
    /// One whose steps `seam` is asked about.
    #[cfg(test)]
    pub(super) fn with(seam: Arc<dyn Seam>) -> Self {
        Self { seam: Some(seam) }
    }

    pub(super) fn step(&self, what: &str, name: impl AsRef<Path>) -> io::Result<()> {
        match &self.seam {
            None => Ok(()),
            Some(seam) => seam.before(&format!("{what} {}", name.as_ref().display())),
        }
    }

    /// Makes a folder that nobody else can look into.
    pub(super) fn create_dir(&self, (dir, name): At<'_>) -> io::Result<()> {
        self.step("create folder", name)?;
        Ok(mkdirat(dir, name, Mode::RWXU)?)
    }

    pub(super) fn remove_dir(&self, (dir, name): At<'_>) -> io::Result<()> {
        self.step("remove folder", name)?;
        dir.remove_dir(name)
    }

    pub(super) fn remove_file(&self, (dir, name): At<'_>) -> io::Result<()> {
        self.step("remove", name)?;
        dir.remove_file(name)
    }

    /// Gives it another name, in place of what had it.
    pub(super) fn rename(&self, (from, name): At<'_>, (to, new): At<'_>) -> io::Result<()> {
        self.step("rename over", new)?;
        from.rename(name, to, new)
    }

    /// Gives it a name that nothing has; `AlreadyExists` if something has it.
    pub(super) fn rename_new(&self, (from, name): At<'_>, (to, new): At<'_>) -> io::Result<()> {
        self.step("rename to", new)?;
        match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // The file system does not know how; between the look and the move somebody may come.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match to.symlink_metadata(new) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => from.rename(name, to, new),
                Err(error) => Err(error),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file or link a second name.
    pub(super) fn link(&self, (from, name): At<'_>, (to, new): At<'_>) -> io::Result<()> {
        self.step("link", new)?;
        from.hard_link(name, to, new)
    }

    pub(super) fn symlink(&self, target: &Path, (dir, name): At<'_>) -> io::Result<()> {
        self.step("make link", name)?;
        dir.symlink_contents(target, name)
    }

    pub(super) fn set_dir_mode(&self, (dir, name): At<'_>, mode: u32) -> io::Result<()> {
        self.step("set mode of", name)?;
        set_dir_mode(dir, name, mode)
    }

    /// Makes what was created, renamed and removed in a folder outlive a crash of the machine.
    pub(super) fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        self.step("sync folder", "")?;
        // The handle may be one for names only.
        Ok(fsync(open_dir(dir, OsStr::new("."))?)?)
    }

    /// Makes a new file with a content of the store, synced; one that is not what its hash says is an error.
    pub(super) fn copy_new(&self, store: &Store, hash: &Hash, mode: u32, at: At<'_>) -> io::Result<()> {
        let mut file = self.create(at)?;
        copy_contents(&mut store.open(hash)?, &mut file)?;
        io::Seek::rewind(&mut file)?;
        if hash_file(&mut file)?.0 != *hash {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the stored content is damaged"));
        }
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        self.sync_file(&file, at.1)
    }

    /// Makes a new file with these bytes, synced.
    pub(super) fn write_new(&self, at: At<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create(at)?;
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        // Here a file may be torn.
        self.step("write the rest of", at.1)?;
        file.write_all(rest)?;
        self.sync_file(&file, at.1)
    }

    /// Makes an empty file, if there is none. It outlives this process; a crash of the machine may undo it.
    pub(super) fn mark(&self, at: At<'_>) -> io::Result<()> {
        match self.create(at) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        }
    }

    /// Writes a file whole or not at all, also when the machine crashes.
    pub(super) fn replace(&self, (dir, name): At<'_>, bytes: &[u8]) -> io::Result<()> {
        let temporary = temporary_name(name);
        self.remove_if_there((dir, &temporary))?;
        self.write_new((dir, &temporary), bytes)?;
        self.rename((dir, &temporary), (dir, name))?;
        self.sync_dir(dir)
    }

    /// Removes a file; none is fine.
    pub(super) fn remove_if_there(&self, (dir, name): At<'_>) -> io::Result<()> {
        match dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ => self.remove_file((dir, name)),
        }
    }

    /// Removes a folder with everything in it.
    pub(super) fn remove_all(&self, (dir, name): At<'_>) -> io::Result<()> {
        self.step("remove all of", name)?;
        dir.remove_dir_all(name)
    }

    fn create(&self, (dir, name): At<'_>) -> io::Result<File> {
        self.step("create", name)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(dir.open_with(name, &options)?.into_std())
    }

    fn sync_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        self.step("sync", name)?;
        file.sync_all()
    }
}
