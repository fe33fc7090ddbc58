//! [`Staging`]: the folder by which a change is made, and what its contents tell of how far it came.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::{
    COMMIT_LOG, LOG, Log, Own, Planned, Target, is_ours, is_staging, move_aside, name_for_originals,
};
use crate::service::sandbox::diff::Change;
use crate::service::sandbox::error::SandboxError;
use crate::service::sandbox::place::{is_absent, open_dir, parent_of};
use crate::service::sandbox::record;
use crate::service::sandbox::store::Store;
use crate::service::sandbox::tree::{Entry, entry_at};

/// What the owner of a folder must be allowed, so that something in it can be changed.
const OWNERS: u32 = 0o700;

/// It is there once undoing began.
const UNDO: &str = "undo";

/// A change that is prepared: everything new is in the folder, and the log.
pub(super) struct Staging<'a> {
    pub(super) target: Target<'a>,
    pub(super) dir: Dir,
    pub(super) name: OsString,
    pub(super) owner: PathBuf,
    pub(super) planned: Vec<Planned>,
}

/// A step that failed, and where.
pub(super) type Step = Result<(), (PathBuf, io::Error)>;

/// A path that was not put back.
pub(super) enum NotBack {
    /// Somebody else changed it meanwhile; it stays theirs.
    Theirs(PathBuf),
    /// It could not be done, and has to be tried again.
    Failed(io::Error),
}

impl<'a> Staging<'a> {
    /// Makes everything that is new, and then the log. When it fails, the tree is as it was.
    pub(super) fn prepare(
        target: Target<'a>,
        own: Own<'_>,
        store: &Store,
        changes: &[Change<'_>],
    ) -> Result<Self, SandboxError> {
        let (at_root, name) = (|source| (PathBuf::new(), source), &own.staging());
        let dir = make(target, name).map_err(|source| target.failed(at_root(source)))?;
        let mut staging =
            Self { target, dir, name: name.clone(), owner: own.home.to_owned(), planned: Vec::new() };
        let prepared = staging.plan(changes).and_then(|()| staging.look()).and_then(|()| staging.fill(store));
        match prepared.and_then(|()| staging.write_log().map_err(at_root)) {
            Ok(()) => Ok(staging),
            // Without a log it is litter.
            Err(error) if staging.end().is_ok() => Err(target.failed(error)),
            Err((_path, error)) => Err(target.unfinished(&staging.name, error)),
        }
    }

    /// Plans the changes; and with them each folder that holds one and that its owner may not write, which is opened on
    /// the way and has its mode again at the end.
    fn plan(&mut self, changes: &[Change<'_>]) -> Step {
        self.require_private().map_err(|source| (PathBuf::new(), source))?;
        let mut planned: BTreeMap<PathBuf, Planned> =
            changes.iter().map(|change| (change.path.to_owned(), Planned::of(change))).collect();
        for parent in changes.iter().filter_map(|change| change.path.parent()) {
            if parent.as_os_str().is_empty() || planned.contains_key(parent) {
                continue;
            }
            let found = self.now(parent).map_err(|source| (parent.to_owned(), source))?;
            if let Some(Entry::Directory { mode }) = found
                && mode & OWNERS != OWNERS
            {
                let closed = Change { path: parent, from: found.as_ref(), to: found.as_ref() };
                planned.insert(parent.to_owned(), Planned::of(&closed));
            }
        }
        self.planned = planned.into_values().collect();
        Ok(())
    }

    /// Whoever comes after a crash knows the folder by its mode.
    fn require_private(&self) -> io::Result<()> {
        self.target.disk.step("look at", &self.name)?;
        if is_ours(&self.dir.dir_metadata()?, OWNERS) {
            return Ok(());
        }
        let reason = "the file system does not keep the modes of folders, or gives them to another user: put the \
                      project on one that does";
        Err(io::Error::new(io::ErrorKind::Unsupported, reason))
    }

    /// Lets the owner write in a folder of the change. It gets its mode last.
    pub(super) fn open_up(&self, change: &Change<'_>) -> io::Result<()> {
        if !change.is_directory_before() && !change.is_directory_after() {
            return Ok(());
        }
        match self.now(change.path)? {
            Some(Entry::Directory { mode }) if mode & OWNERS != OWNERS => {
                let (dir, name) = parent_of(self.target.root, change.path)?;
                self.target.disk.set_dir_mode((&dir, &name), mode | OWNERS)
            }
            _ => Ok(()),
        }
    }

    /// A folder's mode may be another than the changes know; it comes back as it was.
    fn look(&mut self) -> Step {
        let modes: Vec<_> = self.planned.iter().map(|planned| self.mode_of(planned)).collect();
        for (planned, mode) in self.planned.iter_mut().zip(modes) {
            if let Some(found) = mode.map_err(|source| (planned.path.clone(), source))? {
                planned.from = Some(found);
            }
        }
        Ok(())
    }

    fn mode_of(&self, planned: &Planned) -> io::Result<Option<Entry>> {
        if !planned.change().is_directory_before() {
            return Ok(None);
        }
        Ok(self.now(&planned.path)?.filter(Entry::is_directory))
    }

    fn fill(&self, store: &Store) -> Step {
        for (nth, planned) in self.planned.iter().enumerate() {
            let new = new_name(nth);
            let made = match planned.change().leaf_after() {
                Some(Entry::File { hash, mode, .. }) => {
                    self.target.disk.copy_new(store, hash, *mode, (&self.dir, &new))
                }
                Some(Entry::Link { target }) => self.target.disk.symlink(target, (&self.dir, &new)),
                _ => Ok(()),
            };
            made.map_err(|source| (planned.path.clone(), source))?;
        }
        Ok(())
    }

    /// From here on the change is finished or undone, whoever dies.
    fn write_log(&mut self) -> io::Result<()> {
        let disk = self.target.disk;
        disk.sync_dir(&self.dir)?;
        disk.sync_dir(self.target.root)?;
        let log = Log { owner: self.owner.clone(), changes: std::mem::take(&mut self.planned) };
        let written = record::write(disk, (&self.dir, OsStr::new(LOG)), COMMIT_LOG, &log);
        self.planned = log.changes;
        written
    }

    /// Every change with its number, by path: a folder before what it holds.
    pub(super) fn changes(&self) -> impl DoubleEndedIterator<Item = (usize, Change<'_>)> {
        let numbered: Vec<_> = self.planned.iter().map(Planned::change).enumerate().collect();
        numbered.into_iter()
    }

    pub(super) fn has(&self, name: &OsStr) -> io::Result<bool> {
        match self.dir.symlink_metadata(name) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The name under which what the nth path had is kept.
    pub(super) fn kept(&self, nth: usize) -> io::Result<Option<OsString>> {
        for name in [linked_name(nth), moved_name(nth)] {
            if self.has(&name)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// What stands at `path` now; nothing, where a folder on the way is not there (any more).
    pub(super) fn now(&self, path: &Path) -> io::Result<Option<Entry>> {
        match entry_at(self.target.root, path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
            found => found,
        }
    }

    pub(super) fn is_undoing(&self) -> bool {
        self.has(OsStr::new(UNDO)).unwrap_or(true)
    }

    /// From here on the change is undone, whoever dies.
    pub(super) fn begin_undoing(&self) -> io::Result<()> {
        let at = (&self.dir, OsStr::new(UNDO));
        if self.has(at.1)? {
            return Ok(());
        }
        self.target.disk.write_new(at, b"")?;
        self.target.disk.sync_dir(&self.dir)
    }

    /// Makes what was moved outlive a crash of the machine.
    pub(super) fn sync_parents(&self) -> Step {
        let parents: BTreeSet<_> = self.planned.iter().map(|planned| planned.path.parent()).collect();
        for parent in parents.into_iter().flatten() {
            let synced = match parent_of(self.target.root, &parent.join("_")) {
                Ok((dir, _)) => self.target.disk.sync_dir(&dir),
                // A folder that is gone has nothing to sync; that it is gone is synced with its own parent.
                Err(error) if is_absent(&error) => Ok(()),
                Err(error) => Err(error),
            };
            synced.map_err(|source| (parent.to_owned(), source))?;
        }
        Ok(())
    }

    /// The tree is whole: removes the log, and then what is litter without it. An error says that the log is there, or
    /// may be again after a crash of the machine.
    pub(super) fn end(&self) -> io::Result<()> {
        let disk = self.target.disk;
        disk.remove_if_there((&self.dir, OsStr::new(LOG)))?;
        disk.sync_dir(&self.dir)?;
        // Left over, whoever looks next removes it.
        drop(disk.remove_all((self.target.root, &self.name)));
        Ok(())
    }

    /// Gives the folder another name, under which it is only a folder with originals.
    pub(super) fn keep_originals(&self) -> io::Result<OsString> {
        let root = self.target.root;
        let kept = name_for_originals(root, &self.name)?;
        self.target.disk.rename_new((root, &self.name), (root, &kept))?;
        self.target.disk.sync_dir(root)?;
        Ok(kept)
    }
}

/// Makes the folder. What a command in the tree put at its name is moved aside; a folder of ours that came since it was
/// looked for those is not.
fn make(target: Target<'_>, name: &OsStr) -> io::Result<Dir> {
    if !is_staging(target.root, name)? {
        move_aside(target, name)?;
    }
    target.disk.create_dir((target.root, name))?;
    open_dir(target.root, name)
}

/// Where the nth path's new content is until it is put.
pub(super) fn new_name(nth: usize) -> OsString {
    format!("new-{nth}").into()
}

/// Where what the nth path has is kept while it stands there too.
pub(super) fn linked_name(nth: usize) -> OsString {
    format!("linked-{nth}").into()
}

/// Where what the nth path had is kept.
pub(super) fn moved_name(nth: usize) -> OsString {
    format!("moved-{nth}").into()
}
