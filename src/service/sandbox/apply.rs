//! Changing a tree, all or nothing: new contents are made first, what is replaced is kept until the end, and the
//! first failure puts everything back.
//!
//! New and kept files stand in a staging folder at the root of the tree, so that each takes its place by a rename.
//! No link is followed: each folder on the way is opened as a folder, and what is replaced is moved as it is. A file
//! that is not what it should be when it is moved ends the change as a failure does.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::diff::Change;
use super::place::{open_dir, parent_of, set_dir_mode};
use super::store::Store;
use super::tree::{Entry, STAGING_PREFIX, entry_in};

/// Why a tree was not changed.
#[derive(Debug)]
pub(super) struct ApplyError {
    /// At which path.
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
    /// What could not be put back, and the folder where its originals are; empty as a rule.
    pub(super) not_undone: Vec<PathBuf>,
    pub(super) kept_in: PathBuf,
}

/// Changes the tree under `root` by `changes`, whose new contents the store has. When it fails, what it did is undone.
pub(super) fn apply(root: &Dir, store: &Store, changes: &[Change<'_>]) -> Result<(), ApplyError> {
    let failed = |path: &Path, source| ApplyError {
        path: path.to_owned(),
        source,
        not_undone: Vec::new(),
        kept_in: PathBuf::new(),
    };
    if changes.is_empty() {
        return Ok(());
    }
    let (name, staging) = make_staging(root).map_err(|error| failed(Path::new(""), error))?;
    let mut apply = Apply { root, store, staging, done: Vec::new(), made: HashSet::new() };
    let outcome = apply.all(changes);
    let not_undone = if outcome.is_err() { apply.undo() } else { Vec::new() };
    if not_undone.is_empty() {
        // Everything is where it belongs; what is left over is skipped by every walk.
        drop(root.remove_dir_all(&name));
    }
    outcome.map_err(|(path, source)| ApplyError { not_undone, kept_in: name.into(), ..failed(&path, source) })
}

fn make_staging(root: &Dir) -> io::Result<(String, Dir)> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let nth = MADE.fetch_add(1, Ordering::Relaxed);
    let moment = crate::event::Timestamp::now().unix_nanos();
    let name = format!("{STAGING_PREFIX}{}-{moment}-{nth}", std::process::id());
    root.create_dir(&name)?;
    let staging = open_dir(root, name.as_ref())?;
    Ok((name, staging))
}

struct Apply<'a> {
    root: &'a Dir,
    store: &'a Store,
    staging: Dir,
    done: Vec<Done>,
    /// The folders it made: their modes come last.
    made: HashSet<PathBuf>,
}

/// A step that was done, with what undoing it takes.
enum Done {
    /// A file stands where nothing was.
    Put(PathBuf),
    /// The file that stood there is in the staging folder.
    Kept(PathBuf, String),
    MadeDirectory(PathBuf),
    RemovedDirectory(PathBuf, u32),
    SetMode(PathBuf, u32),
}

type Step = Result<(), (PathBuf, io::Error)>;

impl Apply<'_> {
    fn all(&mut self, changes: &[Change<'_>]) -> Step {
        let numbered = || changes.iter().enumerate();
        for (nth, change) in numbered() {
            self.step(change, |apply| apply.stage(nth, change))?;
        }
        // What is inside goes before its folder; a folder comes before what is inside.
        for (nth, change) in numbered().rev() {
            self.step(change, |apply| apply.clear(nth, change))?;
        }
        for (nth, change) in numbered() {
            self.step(change, |apply| apply.put(nth, change))?;
        }
        for change in changes.iter().rev() {
            self.step(change, |apply| apply.set_mode(change))?;
        }
        Ok(())
    }

    fn step(&mut self, change: &Change<'_>, act: impl FnOnce(&mut Self) -> io::Result<()>) -> Step {
        act(self).map_err(|error| (change.path.to_owned(), error))
    }

    /// Makes the new file or link in the staging folder.
    fn stage(&mut self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        match change.leaf_after() {
            Some(Entry::File { hash, mode, .. }) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                let mut file = self.staging.open_with(new_name(nth), &options)?.into_std();
                io::copy(&mut self.store.open(hash)?, &mut file)?;
                file.set_permissions(std::fs::Permissions::from_mode(*mode))
            }
            Some(Entry::Link { target }) => self.staging.symlink_contents(target, new_name(nth)),
            _ => Ok(()),
        }
    }

    /// Takes away what is not there afterwards, or is of another kind.
    fn clear(&mut self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        if let Some(before) = change.leaf_before() {
            if change.leaf_after().is_none() {
                self.keep(nth, change.path, before, Keep::Moved)?;
            }
            return Ok(());
        }
        let Some(Entry::Directory { mode }) = change.from.filter(|_| !change.is_directory_after()) else {
            return Ok(());
        };
        let (dir, name) = parent_of(self.root, change.path)?;
        match dir.remove_dir(&name) {
            Ok(()) => self.done.push(Done::RemovedDirectory(change.path.to_owned(), *mode)),
            // Somebody put something else there; it is theirs and stays.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && change.to.is_none() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts what is new in its place.
    fn put(&mut self, nth: usize, change: &Change<'_>) -> io::Result<()> {
        let (dir, name) = match change.to {
            Some(_) => parent_of(self.root, change.path)?,
            None => return Ok(()),
        };
        if change.is_directory_after() {
            return match dir.create_dir(&name) {
                Ok(()) => {
                    self.done.push(Done::MadeDirectory(change.path.to_owned()));
                    self.made.insert(change.path.to_owned());
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_dir(&dir, &name).map(drop),
                Err(error) => Err(error),
            };
        }
        match change.leaf_before() {
            Some(before) => self.keep(nth, change.path, before, Keep::Linked)?,
            None if entry_in(&dir, &name)?.is_some() => return Err(io::ErrorKind::AlreadyExists.into()),
            None => self.done.push(Done::Put(change.path.to_owned())),
        }
        self.staging.rename(new_name(nth), &dir, &name)
    }

    /// Keeps what stands at `path` in the staging folder, and makes sure that it is `expected`.
    fn keep(&mut self, nth: usize, path: &Path, expected: &Entry, keep: Keep) -> io::Result<()> {
        let kept = format!("old-{nth}");
        let (dir, name) = parent_of(self.root, path)?;
        // A second name leaves the first in place, so that a reader never finds nothing there. Where the file
        // system has no second names, it is moved.
        let is_linked = matches!(keep, Keep::Linked) && dir.hard_link(&name, &self.staging, &kept).is_ok();
        if !is_linked {
            dir.rename(&name, &self.staging, &kept)?;
        }
        self.done.push(Done::Kept(path.to_owned(), kept.clone()));
        match entry_in(&self.staging, kept.as_ref())? {
            Some(found) if found == *expected => Ok(()),
            _ => Err(io::Error::other("it was changed by somebody else in the middle")),
        }
    }

    fn set_mode(&mut self, change: &Change<'_>) -> io::Result<()> {
        let Some(Entry::Directory { mode }) = change.to else {
            return Ok(());
        };
        let (dir, name) = parent_of(self.root, change.path)?;
        if let Some(Entry::Directory { mode: before }) = change.from {
            self.done.push(Done::SetMode(change.path.to_owned(), *before));
        } else if !self.made.contains(change.path) {
            // It is the project's own and stays as it is.
            return Ok(());
        }
        set_dir_mode(&dir, &name, *mode)
    }

    /// Undoes every step, the last one first, and returns the paths where that failed.
    fn undo(&mut self) -> Vec<PathBuf> {
        let done = std::mem::take(&mut self.done);
        let failed = done
            .into_iter()
            .rev()
            .filter_map(|step| self.undo_step(&step).err().map(|_told_by_its_path| step.path().to_owned()));
        failed.collect()
    }

    fn undo_step(&self, step: &Done) -> io::Result<()> {
        let (dir, name) = parent_of(self.root, step.path())?;
        match step {
            // Told before the rename, so the file may not have come there.
            Done::Put(_) => match dir.remove_file(&name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Done::Kept(_, kept) => self.staging.rename(kept, &dir, &name),
            Done::MadeDirectory(_) => dir.remove_dir(&name),
            Done::RemovedDirectory(_, mode) => {
                dir.create_dir(&name)?;
                set_dir_mode(&dir, &name, *mode)
            }
            Done::SetMode(_, mode) => set_dir_mode(&dir, &name, *mode),
        }
    }
}

impl Done {
    fn path(&self) -> &Path {
        match self {
            Self::Put(path)
            | Self::Kept(path, _)
            | Self::MadeDirectory(path)
            | Self::RemovedDirectory(path, _)
            | Self::SetMode(path, _) => path,
        }
    }
}

/// How a file is kept.
#[derive(Clone, Copy)]
enum Keep {
    /// It leaves its place.
    Moved,
    /// It has a second name, as long as the file system can.
    Linked,
}

fn new_name(nth: usize) -> String {
    format!("new-{nth}")
}

#[cfg(test)]
mod tests;
