//! Changing a tree so that it is entirely as before or entirely as after, whatever dies when.
//!
//! All that is new is made first, in a staging folder at the root of the tree, and synced; then a commit log there says
//! what is to be done. From then on the change is finished or undone by whoever looks next: each replaced file is kept
//! in the staging folder, and each new one leaves it by a rename, so that what stands there tells how far it came. When
//! the log is gone, the staging folder is only litter.
//!
//! | killed after | on disk | what [`recover`] does |
//! |---|---|---|
//! | the staging folder was made | the tree as before, some `new-N` | removes the folder |
//! | the log was written | the tree as before, every `new-N`, `log` | finishes the change |
//! | some paths were changed | `linked-N` or `moved-N` of those begun, `new-N` of those not ended, `log` | finishes the change; undoes it if somebody else changed a path that is still to be changed |
//! | undoing began | the same, and `undo` | undoes the rest |
//! | the log was removed | the tree as after (or, undone, as before), some `linked-N`, `moved-N` | removes the folder |
//!
//! No link is followed: each folder on the way is opened as a folder, and what is replaced is moved as it is. A path
//! that is not what it should be when its turn comes ends the change as a failure does. What somebody else made of a
//! path that is to be put back stays theirs, and the original is kept in a folder that the error names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, Metadata, MetadataExt};
use serde::{Deserialize, Serialize};

use self::staging::{NotBack, Staging};
use super::diff::Change;
use super::disk::Disk;
use super::error::SandboxError;
use super::place::open_dir;
use super::record::{self, path_text};
use super::store::Store;
use super::tree::{Entry, KEPT_PREFIX, STAGING_PREFIX};

mod backward;
mod forward;
mod staging;
pub(super) mod trace;

/// What a record of that kind is.
const COMMIT_LOG: &str = "commit log";

/// Its name in the staging folder.
const LOG: &str = "log";

/// A tree that is changed, and how.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) root: &'a Dir,
    /// Where it is, for errors.
    pub(super) path: &'a Path,
    pub(super) disk: &'a Disk,
}

impl Target<'_> {
    /// What a failure at a path of the tree means to the caller.
    fn failed(&self, (path, source): (PathBuf, io::Error)) -> SandboxError {
        SandboxError::Io { doing: "change", path: self.path.join(path), source }
    }

    /// What a failure to settle means: nobody knows of the end yet.
    fn not_over(&self, staging: &OsStr, because: SandboxError) -> SandboxError {
        self.unfinished(staging, io::Error::other(because))
    }

    fn unfinished(&self, staging: &OsStr, source: io::Error) -> SandboxError {
        SandboxError::Unfinished { project: self.path.to_owned(), staging: self.path.join(staging), source }
    }
}

/// One path of a change, as the log has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    #[serde(with = "path_text")]
    path: PathBuf,
    from: Option<Entry>,
    to: Option<Entry>,
}

impl Planned {
    pub(super) fn of(change: &Change<'_>) -> Self {
        Self { path: change.path.to_owned(), from: change.from.cloned(), to: change.to.cloned() }
    }

    pub(super) fn change(&self) -> Change<'_> {
        Change { path: &self.path, from: self.from.as_ref(), to: self.to.as_ref() }
    }
}

/// What the log says.
#[derive(Debug, Deserialize, Serialize)]
struct Log {
    /// The folder of the sandbox whose change it is.
    #[serde(with = "path_text")]
    owner: PathBuf,
    changes: Vec<Planned>,
}

/// How a change ended: the tree is whole.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// It is entirely as after.
    Finished,
    /// It is entirely as before.
    Undone,
}

/// Changes the tree by `changes`, whose new contents the store has: all of it or nothing. `settle` is told how it
/// ended, while whoever dies is still made up for; what it refuses to finish is undone. Nobody else changes the tree by
/// the same name at the same time.
pub(super) fn apply(
    target: Target<'_>,
    store: &Store,
    changes: &[Change<'_>],
    own: Own<'_>,
) -> Result<(), SandboxError> {
    let settle = own.settle;
    if changes.is_empty() {
        return settle(Ending::Finished).map_err(|because| match settle(Ending::Undone) {
            Ok(()) => because,
            Err(error) => target.not_over(&own.staging(), error),
        });
    }
    let staging = Staging::prepare(target, own, store, changes)?;
    match staging.forward().map_err(|failed| target.failed(failed)).and_then(|()| settle(Ending::Finished)) {
        // While its log is there, somebody may do it again, also when the tree is another by then.
        Ok(()) => end_of(&staging),
        Err(because) => Err(match back(&staging, settle) {
            Ok(None) => because,
            Ok(Some(left)) => left.error(io::Error::other(because)),
            Err(unfinished) => unfinished,
        }),
    }
}

/// What somebody else changed, so that it was not put back.
pub(super) struct Left {
    paths: Vec<PathBuf>,
    kept_in: PathBuf,
}

impl Left {
    fn error(self, source: io::Error) -> SandboxError {
        SandboxError::NotUndone { paths: self.paths, kept_in: self.kept_in, source }
    }

    pub(super) fn was_killed(self) -> SandboxError {
        self.error(io::Error::other("it was killed in the middle"))
    }
}

/// Undoes a change. An error says that it is not over, and has to be tried again.
fn back(
    staging: &Staging<'_>,
    settle: &dyn Fn(Ending) -> Result<(), SandboxError>,
) -> Result<Option<Left>, SandboxError> {
    let target = staging.target;
    let unfinished = |source| target.unfinished(&staging.name, source);
    let mut paths = Vec::new();
    for not_back in staging.backward().map_err(unfinished)? {
        match not_back {
            NotBack::Theirs(path) => paths.push(path),
            NotBack::Failed(error) => return Err(unfinished(error)),
        }
    }
    settle(Ending::Undone).map_err(|error| target.not_over(&staging.name, error))?;
    if paths.is_empty() {
        return end_of(staging).map(|()| None);
    }
    let kept = staging.keep_originals().map_err(unfinished)?;
    Ok(Some(Left { paths, kept_in: target.path.join(kept) }))
}

/// Whose changes of a tree are one's own.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    /// The folder of the sandbox. Its name is that by which it changes the tree.
    pub(super) home: &'a Path,
    /// Is told how a change ended.
    pub(super) settle: &'a dyn Fn(Ending) -> Result<(), SandboxError>,
}

impl Own<'_> {
    pub(super) fn staging(&self) -> OsString {
        let mut name = OsString::from(STAGING_PREFIX);
        name.push(self.home.file_name().unwrap_or_default());
        name
    }
}

/// Finishes or undoes every change of the tree that was killed in the middle; nobody else changes it meanwhile. How one's
/// own ended is settled; of another's a trace is left, by which its owner learns it. `heed` is told what could not be
/// put back; what it refuses ends the recovery, and the next one goes on.
pub(super) fn recover(
    target: Target<'_>,
    own: Option<Own<'_>>,
    heed: &mut dyn FnMut(Left) -> Result<(), SandboxError>,
) -> Result<(), SandboxError> {
    trace::remove_orphans(target).map_err(SandboxError::io("read", target.path))?;
    for name in leftovers(target.root).map_err(SandboxError::io("read", target.path))? {
        let path = target.path.join(&name);
        let dir = open_dir(target.root, &name).map_err(SandboxError::io("open", &path))?;
        let Some(Log { owner, changes }) = record::load::<Log>(&dir, &path, LOG, COMMIT_LOG)? else {
            // Before its log, or after it, the tree is whole.
            target.disk.remove_all((target.root, &name)).map_err(SandboxError::io("remove", &path))?;
            continue;
        };
        let own = own.filter(|own| own.staging() == name);
        let settle = |ending| match own {
            Some(own) => (own.settle)(ending),
            None => trace::leave(target, &name, &owner, ending).map_err(SandboxError::io("write", &path)),
        };
        let staging = Staging { target, dir, name: name.clone(), owner: owner.clone(), planned: changes };
        if !staging.is_undoing() && staging.forward().is_ok() {
            settle(Ending::Finished).map_err(|error| target.not_over(&name, error))?;
            end_of(&staging)?;
        } else if let Some(left) = back(&staging, &settle)? {
            heed(left)?;
        }
    }
    Ok(())
}

/// To whom what was not put back is an error.
pub(super) fn refuse(left: Left) -> Result<(), SandboxError> {
    Err(left.was_killed())
}

/// Ends a change that is over.
fn end_of(staging: &Staging<'_>) -> Result<(), SandboxError> {
    staging.end().map_err(|error| staging.target.unfinished(&staging.name, error))
}

/// Whether a change of the tree was killed in the middle, or litter of one is there.
pub(super) fn has_leftovers(root: &Dir) -> io::Result<bool> {
    leftovers(root).map(|names| !names.is_empty())
}

/// The staging folders in a tree: those that only this user can look into, as this program makes them. A project that
/// comes from somewhere else brings none.
fn leftovers(root: &Dir) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in root.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(STAGING_PREFIX.as_bytes()) && is_staging(root, &name)? {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a folder of that name is there that only this user can look into.
fn is_staging(root: &Dir, name: &OsStr) -> io::Result<bool> {
    match root.symlink_metadata(name) {
        Ok(metadata) => Ok(metadata.is_dir() && is_ours(&metadata, 0o700)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether what is there is this user's, with the mode that this program gives it.
fn is_ours(metadata: &Metadata, mode: u32) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o777 == mode
}

/// Gives what somebody put at a name of ours another one, under which it stays theirs.
fn move_aside(target: Target<'_>, name: &OsStr) -> io::Result<()> {
    if target.root.symlink_metadata(name).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    let aside = name_for_originals(target.root, name)?;
    target.disk.rename_new((target.root, name), (target.root, &aside))
}

/// The name of a folder for originals that is not there yet.
fn name_for_originals(root: &Dir, staging: &OsStr) -> io::Result<OsString> {
    let name = staging.to_string_lossy().replacen(STAGING_PREFIX, KEPT_PREFIX, 1);
    for nth in 0..u32::MAX {
        let candidate = if nth == 0 { name.clone() } else { format!("{name}-{nth}") };
        match root.symlink_metadata(&candidate) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(candidate.into()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests;
