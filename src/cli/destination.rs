//! Where a run commits to: the project itself, or a copy of it.
//!
//! The project is never written to unless it is the destination. A copy leaves out what the sandbox leaves out too:
//! everything named `.git`, and folders marked as caches (<https://bford.info/cachedir/>), such as cargo's target
//! folder. A copy that a run did not commit to is removed again when it is dropped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use super::args::RunArgs;
use super::regular::{self, Links};
use super::report::complain;
use super::task::Shown;

#[cfg(test)]
mod tests;

/// What a file named `CACHEDIR.TAG` begins with, if it marks a cache.
const CACHE_TAG: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Why there is nowhere to commit to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DestinationError {
    #[error("there is no project folder {}", Shown(project))]
    NoProject { project: PathBuf, source: io::Error },
    #[error("the project {} is no folder", Shown(project))]
    NotAFolder { project: PathBuf },
    #[error("the output folder {} is not empty; choose one that is empty or new", Shown(folder))]
    Occupied { folder: PathBuf },
    #[error("the output folder {} lies in the project {}; choose one outside", Shown(folder), Shown(project))]
    InProject { folder: PathBuf, project: PathBuf },
    #[error(
        "the folder {} that the run worked for is gone: put it back, or run the task anew",
        Shown(folder)
    )]
    Gone { folder: PathBuf },
    #[error(
        "another folder stands at {} than the one that the run worked for: put that back, or run the task anew",
        Shown(folder)
    )]
    Other { folder: PathBuf },
    #[error("cannot make the output folder {}", Shown(folder))]
    Make { folder: PathBuf, source: io::Error },
    #[error("cannot copy {} of the project", Shown(path))]
    Copy { path: PathBuf, source: io::Error },
    #[error("cancelled by a signal")]
    Cancelled,
}

/// What a folder is known by, whatever stands at its path later: device and inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    device: u64,
    inode: u64,
}

impl Place {
    /// What is at that path now.
    fn at(folder: &Path) -> io::Result<Self> {
        fs::metadata(folder).map(|found| Self::from(&found))
    }

    /// What an open handle is of.
    pub(crate) fn of(folder: &File) -> io::Result<Self> {
        folder.metadata().map(|found| Self::from(&found))
    }
}

impl From<&fs::Metadata> for Place {
    fn from(found: &fs::Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// A folder to commit to.
#[derive(Debug)]
pub(crate) struct Destination {
    folder: PathBuf,
    place: Place,
    kind: Kind,
    committed: bool,
    /// Whether somebody may go on with it later.
    is_left: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The project: nothing of it is ours to remove.
    Project,
    /// A copy in a folder that was there, and empty.
    Filled,
    /// A copy in a folder that we made.
    Made,
    /// A copy that an earlier process made: it says so, and nothing is removed on its word.
    Earlier,
}

impl Destination {
    /// The destination that `args` ask for, with the project in it. It may block.
    ///
    /// # Errors
    /// [`DestinationError`]; the project is untouched then, and what was begun is removed.
    pub(crate) fn open(
        project: &Path,
        args: &RunArgs,
        cancelled: &CancellationToken,
    ) -> Result<Self, DestinationError> {
        let project = project
            .canonicalize()
            .map_err(|source| DestinationError::NoProject { project: project.to_owned(), source })?;
        if !project.is_dir() {
            return Err(DestinationError::NotAFolder { project });
        }
        if args.write_back {
            let of_project = Self::new(project.clone(), Kind::Project);
            return of_project.map_err(|source| DestinationError::NoProject { project, source });
        }
        let copy = match &args.output {
            Some(folder) => Self::chosen(folder, &project)?,
            None => Self::fresh()?,
        };
        copy_tree(&project, &copy.folder, cancelled)?;
        Ok(copy)
    }

    /// The folder that a run worked for whose process is gone.
    ///
    /// # Errors
    /// [`DestinationError::Gone`]; [`DestinationError::Other`] where another stands in its place, also by a link.
    pub(crate) fn of_earlier(
        folder: &Path,
        place: Place,
        is_project: bool,
    ) -> Result<Self, DestinationError> {
        if !folder.is_dir() {
            return Err(DestinationError::Gone { folder: folder.to_owned() });
        }
        let kind = if is_project { Kind::Project } else { Kind::Earlier };
        let found = Self::new(folder.to_owned(), kind);
        let found = found.map_err(|_gone| DestinationError::Gone { folder: folder.to_owned() })?;
        if found.place == place {
            Ok(found)
        } else {
            Err(DestinationError::Other { folder: folder.to_owned() })
        }
    }

    fn new(folder: PathBuf, kind: Kind) -> io::Result<Self> {
        Ok(Self { place: Place::at(&folder)?, folder, kind, committed: false, is_left: false })
    }

    fn chosen(folder: &Path, project: &Path) -> Result<Self, DestinationError> {
        let failed = |source| DestinationError::Make { folder: folder.to_owned(), source };
        let kind = match fs::create_dir(folder) {
            Ok(()) => Kind::Made,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Kind::Filled,
            Err(source) => return Err(failed(source)),
        };
        if kind == Kind::Filled && fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(DestinationError::Occupied { folder: folder.to_owned() });
        }
        let chosen = Self::new(folder.canonicalize().map_err(failed)?, kind).map_err(failed)?;
        if chosen.folder.starts_with(project) {
            let folder = folder.to_owned();
            return Err(DestinationError::InProject { folder, project: project.to_owned() });
        }
        Ok(chosen)
    }

    fn fresh() -> Result<Self, DestinationError> {
        let failed = |source| DestinationError::Make { folder: std::env::temp_dir(), source };
        let folder = tempfile::Builder::new().prefix("agentbus-result-").tempdir().map_err(failed)?.keep();
        Self::new(folder, Kind::Made).map_err(failed)
    }

    /// The folder, with all links resolved.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What that folder is.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Whether it is the project itself.
    pub(crate) fn is_project(&self) -> bool {
        self.kind == Kind::Project
    }

    /// Whether the run committed to it.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed
    }

    /// Says that the run committed to it: it is kept.
    pub(crate) fn keep(&mut self) {
        self.committed = true;
    }

    /// Says whether it is left where it is though the run did not commit to it: somebody may go on.
    pub(crate) fn leave(&mut self, is_left: bool) {
        self.is_left = is_left;
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        let removed = match self.kind {
            _ if self.committed || self.is_left => Ok(()),
            Kind::Project | Kind::Earlier => Ok(()),
            Kind::Made => remove(&self.folder),
            Kind::Filled => empty(&self.folder),
        };
        if let Err(error) = removed {
            complain(&format!("cannot remove the copy in {}: {error}", self.folder.display()));
        }
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder of ours, also where the project has folders that may not be written to.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_dir() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
        }
    }
    fs::remove_dir_all(folder)
}

/// Copies what is in `from` into the folder `to`: files with their modes, links as links.
fn copy_tree(from: &Path, to: &Path, cancelled: &CancellationToken) -> Result<(), DestinationError> {
    let mut folders = Vec::new();
    let entries = WalkDir::new(from).min_depth(1).into_iter().filter_entry(|entry| !is_left_out(entry));
    for entry in entries {
        if cancelled.is_cancelled() {
            return Err(DestinationError::Cancelled);
        }
        let entry = entry.map_err(|error| DestinationError::Copy {
            path: error.path().unwrap_or(from).to_owned(),
            source: error.into(),
        })?;
        let relative = entry.path().strip_prefix(from).expect("a walk yields what is below its root");
        let target = to.join(relative);
        copy_entry(&entry, &target)
            .map_err(|source| DestinationError::Copy { path: entry.path().to_owned(), source })?;
        if entry.file_type().is_dir() {
            folders.push((entry.into_path(), target));
        }
    }
    // Innermost first, and only now: a folder that may not be written to could not be filled.
    for (source_folder, target) in folders.into_iter().rev() {
        fs::metadata(&source_folder)
            .and_then(|metadata| fs::set_permissions(&target, metadata.permissions()))
            .map_err(|source| DestinationError::Copy { path: source_folder, source })?;
    }
    Ok(())
}

fn copy_entry(entry: &DirEntry, target: &Path) -> io::Result<()> {
    let kind = entry.file_type();
    if kind.is_dir() {
        fs::create_dir(target)
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)
    } else if kind.is_file() {
        copy_file(entry.path(), target)
    } else {
        Ok(())
    }
}

/// Copies a file with its mode.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = regular::open(from, Links::Refused)?;
    let permissions = source.metadata()?.permissions();
    let mut target = File::options().write(true).create_new(true).mode(permissions.mode()).open(to)?;
    io::copy(&mut source, &mut target)?;
    // Of the mode that a file is made with, the system leaves out what no new file may have.
    target.set_permissions(permissions)
}

/// Whether a copy does without `entry`.
fn is_left_out(entry: &DirEntry) -> bool {
    entry.file_name() == OsStr::new(".git") || (entry.file_type().is_dir() && is_cache(entry.path()))
}

fn is_cache(folder: &Path) -> bool {
    let mut start = [0; CACHE_TAG.len()];
    let tag = regular::open(&folder.join("CACHEDIR.TAG"), Links::Refused);
    let read = tag.and_then(|mut tag| tag.read_exact(&mut start));
    read.is_ok() && start == *CACHE_TAG
}
