//! Writing to a folder: whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, linkat, mkdirat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::error::{FolderError, Indeterminate, Remedy, UnsafeReason, UnsafeTarget};
use super::lock::Lock;
use super::{Folder, Found};

/// The name that a file has until it is whole. Only who holds the lock writes it.
pub(in crate::checkpoint) const TEMPORARY: &str = ".tmp";

/// Every call needs the lock of the folder, or of the folder that it is in.
impl Folder {
    /// Makes a new file, for its owner alone; refused if anything has that name.
    pub(in crate::checkpoint) fn create(
        &self,
        lock: &Lock,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), FolderError> {
        let path = self.checked(name)?;
        self.write_temporary(lock, bytes, None).map_err(self.not_applied("write", name))?;
        if let Err(error) = self.rename_new(TEMPORARY, self, name) {
            self.abandon(lock);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => UnsafeTarget { path, reason: UnsafeReason::Occupied }.into(),
                _ => self.not_applied("write", name)(error).into(),
            });
        }
        self.sync_after(name)
    }

    /// Writes these bytes in place of a file that was opened; it keeps its mode and, where the system allows it, its
    /// owner.
    pub(in crate::checkpoint) fn replace(
        &self,
        lock: &Lock,
        was: &Found,
        bytes: &[u8],
    ) -> Result<(), FolderError> {
        let name = was.name();
        let failed = self.not_applied("write", name);
        self.write_temporary(lock, bytes, Some(was)).map_err(&failed)?;
        let renamed = self.check_same(was).and_then(|()| Ok(self.rename_over(name).map_err(failed)?));
        if renamed.is_err() {
            self.abandon(lock);
        }
        renamed?;
        self.sync_after(name)
    }

    /// Removes a file that was opened. The folder is not synced.
    pub(in crate::checkpoint) fn remove_found(&self, _lock: &Lock, was: &Found) -> Result<(), FolderError> {
        self.check_same(was)?;
        Ok(self.unlink(was.name()).map_err(self.not_applied("remove", was.name()))?)
    }

    /// Refuses what was put in the place of a file since it was opened.
    fn check_same(&self, was: &Found) -> Result<(), FolderError> {
        let name = was.name();
        if self.identity_of(name).map_err(self.not_applied("look at", name))? == Some(was.identity) {
            return Ok(());
        }
        Err(UnsafeTarget { path: self.path_of(name), reason: UnsafeReason::Changed }.into())
    }

    /// Moves a file that was opened to a name in another folder that nothing has. Neither folder is synced.
    pub(in crate::checkpoint) fn move_new(
        &self,
        _lock: &Lock,
        was: &Found,
        to: &Self,
        new: &str,
    ) -> Result<(), FolderError> {
        let path = to.checked(new)?;
        let (name, failed) = (was.name(), self.not_applied("move", was.name()));
        match self.rename_new(name, to, new) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Where the system cannot rename without writing over, a crash may have left both names.
                if to.identity_of(new).map_err(&failed)? != Some(was.identity) {
                    return Err(UnsafeTarget { path, reason: UnsafeReason::Occupied }.into());
                }
                if self.identity_of(name).map_err(&failed)? == Some(was.identity) {
                    self.unlink(name).map_err(&failed)?;
                }
            }
            renamed => renamed.map_err(&failed)?,
        }
        let unsure = |path| move |source| Indeterminate { path, remedy: Remedy::Again, source };
        if to.identity_of(new).map_err(unsure(path))? == Some(was.identity) {
            return Ok(());
        }
        // Somebody put another one there right before; it goes back to where it was.
        to.rename_new(new, self, name).map_err(unsure(self.path_of(name)))?;
        Err(UnsafeTarget { path: self.path_of(name), reason: UnsafeReason::Changed }.into())
    }

    /// Removes a file or a link, whatever it is, never what it leads to; whether it was there. The folder is not synced.
    pub(in crate::checkpoint) fn remove(&self, _lock: &Lock, name: &str) -> Result<bool, FolderError> {
        self.checked(name)?;
        match self.unlink(name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.not_applied("remove", name)(error).into()),
        }
    }

    /// Opens a folder in it, made if there is none, for its owner alone; what a writer that died left there is removed.
    pub(in crate::checkpoint) fn create_folder(&self, lock: &Lock, name: &str) -> Result<Self, FolderError> {
        if let Some(folder) = self.folder(name)? {
            folder.remove_leftover(lock)?;
            return Ok(folder);
        }
        let failed = self.not_applied("make", name);
        self.steps.before("make folder", name).map_err(&failed)?;
        match mkdirat(&self.handle, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into()).into()),
        }
        if let Err(FolderError::Indeterminate(Indeterminate { source, .. })) = self.sync() {
            // Nothing is in it yet.
            return Err(failed(source).into());
        }
        self.folder(name)?.ok_or_else(|| FolderError::Missing { path: self.path_of(name) })
    }

    /// Removes what a writer that died left.
    pub(super) fn remove_leftover(&self, lock: &Lock) -> Result<(), FolderError> {
        self.remove(lock, TEMPORARY).map(drop)
    }

    /// Writes the temporary file, of the mode and owner of a file that is there, synced.
    fn write_temporary(&self, lock: &Lock, bytes: &[u8], like: Option<&Found>) -> io::Result<()> {
        let written = self.create_temporary().and_then(|mut file| {
            if let Some(like) = like {
                self.steps.before("set mode of", TEMPORARY)?;
                keep_owner(&file, like)?;
                file.set_permissions(Permissions::from_mode(like.mode))?;
            }
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            self.steps.before("write half of", TEMPORARY)?;
            file.write_all(first)?;
            self.steps.before("write the rest of", TEMPORARY)?;
            file.write_all(rest)?;
            self.steps.before("sync", TEMPORARY)?;
            file.sync_all()
        });
        if written.is_err() {
            self.abandon(lock);
        }
        written
    }

    fn create_temporary(&self) -> io::Result<File> {
        const HOW: OFlags = OFlags::WRONLY
            .union(OFlags::CREATE)
            .union(OFlags::EXCL)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::CLOEXEC);
        self.steps.before("create", TEMPORARY)?;
        Ok(File::from(openat(&self.handle, TEMPORARY, HOW, Mode::RUSR | Mode::WUSR)?))
    }

    /// Gives the temporary file up. What stays of it, the next writer removes.
    fn abandon(&self, lock: &Lock) {
        drop(self.remove(lock, TEMPORARY));
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.steps.before("remove", name)?;
        Ok(unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    fn rename_over(&self, name: &str) -> io::Result<()> {
        self.steps.before("rename over", name)?;
        Ok(renameat(&self.handle, TEMPORARY, &self.handle, name)?)
    }

    /// Gives it a name that nothing has; `AlreadyExists` if something has it.
    fn rename_new(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        let renamed = self
            .steps
            .before("rename to", new)
            .and_then(|()| Ok(renameat_with(&self.handle, name, &to.handle, new, RenameFlags::NOREPLACE)?));
        match renamed {
            // The file system does not know how. A second name is not given over another either.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                self.steps.before("link", new)?;
                linkat(&self.handle, name, &to.handle, new, AtFlags::empty())?;
                self.unlink(name).inspect_err(|_| drop(to.unlink(new)))
            }
            renamed => renamed,
        }
    }

    fn sync_after(&self, name: &str) -> Result<(), FolderError> {
        self.sync().map_err(|error| match error {
            FolderError::Indeterminate(unsure) => Indeterminate { path: self.path_of(name), ..unsure }.into(),
            error => error,
        })
    }
}

/// Gives a file the owner of another one. Who may not goes on without: it is theirs then.
fn keep_owner(file: &File, like: &Found) -> io::Result<()> {
    let meta = file.metadata()?;
    if (meta.uid(), meta.gid()) == like.owner {
        return Ok(());
    }
    match fchown(file, Some(like.owner.0), Some(like.owner.1)) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) =>
        {
            Ok(())
        }
        owned => owned,
    }
}
