//! Doing what the log says, from the beginning or from where it was left.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, MetadataExt};

use super::staging::{Staging, Step, linked_name, moved_name, new_name};
use crate::service::sandbox::diff::Change;
use crate::service::sandbox::place::{open_dir, parent_of};
use crate::service::sandbox::tree::{Entry, entry_in};

impl Staging<'_> {
    /// Does every step that is not done yet. It ends at the first path that is not what it should be.
    pub(super) fn forward(&self) -> Step {
        each(self.changes(), |_nth, change| self.open_up(change))?;
        // What is inside goes before its folder; a folder comes before what is inside.
        each(self.changes().rev(), |nth, change| self.clear(nth, change))?;
        each(self.changes(), |nth, change| self.keep_linked(nth, change))?;
        // An original is safe before anything takes its place.
        self.target.disk.sync_dir(&self.dir).map_err(|source| (Path::new("").to_owned(), source))?;
        each(self.changes(), |nth, change| self.put(nth, change))?;
        each(self.changes().rev(), |_nth, change| self.set_mode(change))?;
        self.sync_parents()
    }

    /// Takes away what is not there afterwards, or is of another kind.
    fn clear(&self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        if let (Some(before), None) = (change.leaf_before(), change.leaf_after()) {
            if self.has(&moved_name(nth))? {
                return Ok(());
            }
            return self.keep_moved(nth, change.path, before);
        }
        if !change.is_directory_before() || change.is_directory_after() {
            return Ok(());
        }
        if !self.now(change.path)?.is_some_and(|now| now.is_directory()) {
            // It is gone, or what comes in its place is there already.
            return Ok(());
        }
        let (dir, name) = parent_of(self.target.root, change.path)?;
        match self.target.disk.remove_dir((&dir, &name)) {
            // Somebody put something else there; it is theirs and stays.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && change.to.is_none() => Ok(()),
            done => done,
        }
    }

    /// Gives what is about to be replaced a second name in the staging folder. It stays in its place, so that a reader
    /// never finds nothing there. Where the file system has no second names, it is moved later.
    fn keep_linked(&self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        if change.leaf_before().is_none() || change.leaf_after().is_none() {
            return Ok(());
        }
        if !self.has(&new_name(nth))? || self.kept(nth)?.is_some() {
            return Ok(());
        }
        let (dir, name) = parent_of(self.target.root, change.path)?;
        match self.target.disk.link((&dir, &name), (&self.dir, &linked_name(nth))) {
            Err(error) if cannot_link(&error) => Ok(()),
            done => done,
        }
    }

    /// Puts what is new in its place.
    fn put(&self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        if change.is_directory_after() {
            if change.is_directory_before() {
                return Ok(());
            }
            let (dir, name) = parent_of(self.target.root, change.path)?;
            return match self.target.disk.create_dir((&dir, &name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_dir(&dir, &name).map(drop),
                done => done,
            };
        }
        let new = new_name(nth);
        if change.to.is_none() || !self.has(&new)? {
            return Ok(());
        }
        let (dir, name) = parent_of(self.target.root, change.path)?;
        let new = (&self.dir, new.as_os_str());
        let Some(before) = change.leaf_before() else {
            return self.target.disk.rename_new(new, (&dir, &name));
        };
        let linked = linked_name(nth);
        if self.has(&linked)? {
            self.check_kept(&linked, before)?;
            if !is_same(&dir, name.as_ref(), &self.dir, linked.as_ref())? {
                return Err(somebody());
            }
            return self.target.disk.rename(new, (&dir, &name));
        }
        if !self.has(&moved_name(nth))? {
            self.keep_moved(nth, change.path, before)?;
        }
        self.check_kept(&moved_name(nth), before)?;
        self.target.disk.rename_new(new, (&dir, &name))
    }

    /// Moves what stands at `path` to the staging folder, and makes sure that it is `expected`.
    fn keep_moved(&self, nth: usize, path: &Path, expected: &Entry) -> io::Result<()> {
        let (dir, name) = parent_of(self.target.root, path)?;
        let moved = moved_name(nth);
        self.target.disk.rename((&dir, &name), (&self.dir, &moved))?;
        self.check_kept(&moved, expected)
    }

    fn check_kept(&self, kept: &OsStr, expected: &Entry) -> io::Result<()> {
        match entry_in(&self.dir, kept)? {
            Some(found) if found == *expected => Ok(()),
            _ => Err(somebody()),
        }
    }

    fn set_mode(&self, change: &Change<'_>) -> io::Result<()> {
        let mode = match (change.from, change.to) {
            (_, Some(Entry::Directory { mode })) => mode,
            // It stays for what somebody else put there.
            (Some(Entry::Directory { mode }), None)
                if self.now(change.path)?.is_some_and(|now| now.is_directory()) =>
            {
                mode
            }
            _ => return Ok(()),
        };
        let (dir, name) = parent_of(self.target.root, change.path)?;
        self.target.disk.set_dir_mode((&dir, &name), *mode)
    }
}

fn each<'c>(
    changes: impl Iterator<Item = (usize, Change<'c>)>,
    step: impl Fn(usize, &Change<'_>) -> io::Result<()>,
) -> Step {
    for (nth, change) in changes {
        step(nth, &change).map_err(|source| (change.path.to_owned(), source))?;
    }
    Ok(())
}

fn somebody() -> io::Error {
    io::Error::other("it was changed by somebody else in the middle")
}

/// Whether both names are of one file; `false` if there is nothing at the first.
pub(super) fn is_same(dir: &Dir, name: &Path, other: &Dir, other_name: &Path) -> io::Result<bool> {
    let one = match dir.symlink_metadata(name) {
        Ok(one) => one,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let two = other.symlink_metadata(other_name)?;
    Ok((one.dev(), one.ino()) == (two.dev(), two.ino()))
}

/// Whether an error says that the file system has no second names for this file.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), PermissionDenied | Unsupported | TooManyLinks | CrossesDevices)
}
