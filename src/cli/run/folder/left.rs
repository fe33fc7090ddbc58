//! Finding the folders of runs that nobody leads.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags, openat};
use ulid::Ulid;

use super::{FOLDER, LOCK, RUNS, RunFolder, runs_in};

/// What runs left.
#[derive(Debug, Default)]
pub(in crate::cli::run) struct LeftFolders {
    pub(in crate::cli::run) folders: Vec<RunFolder>,
    /// What stands in the place of one, and why it cannot be had.
    pub(in crate::cli::run) others: Vec<(PathBuf, io::Error)>,
}

impl RunFolder {
    /// Those that no live process leads, of runs that `is_left` holds for, and what is among them that is no folder of a
    /// run, came here from elsewhere, or cannot be had.
    pub(in crate::cli::run) fn left(
        checkpoints: &Path,
        is_left: impl Fn(Ulid) -> bool,
    ) -> io::Result<LeftFolders> {
        let mut left = LeftFolders::default();
        let Some(runs) = all_runs(checkpoints)? else { return Ok(left) };
        for run in runs_of(&runs)?.into_iter().filter(|run| is_left(*run)) {
            let had = Self::lock(checkpoints, &runs, run).and_then(|folder| {
                folder.check_origin(checkpoints)?;
                Ok(folder)
            });
            match had {
                Ok(folder) => left.folders.push(folder),
                // Somebody leads it, or removed it meanwhile.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::NotFound) => {}
                Err(error) => left.others.push((checkpoints.join(RUNS).join(run.to_string()), error)),
            }
        }
        Ok(left)
    }
}

/// Whether [`RunFolder::left`] would find anything. Nothing is made or changed, and no sandbox is looked into.
pub(in crate::cli::run) fn is_any_left(
    checkpoints: &Path,
    is_left: impl Fn(Ulid) -> bool,
) -> io::Result<bool> {
    let Some(runs) = all_runs(checkpoints)? else { return Ok(false) };
    Ok(runs_of(&runs)?.into_iter().any(|run| is_left(run) && !is_led(&runs, run)))
}

/// The folder of all runs; none if there is none yet.
fn all_runs(checkpoints: &Path) -> io::Result<Option<OwnedFd>> {
    match runs_in(checkpoints) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        runs => runs.map(Some),
    }
}

fn runs_of(runs: &OwnedFd) -> io::Result<Vec<Ulid>> {
    let mut all = Vec::new();
    for entry in Dir::read_from(runs)? {
        all.extend(entry?.file_name().to_str().ok().and_then(|name| name.parse::<Ulid>().ok()));
    }
    Ok(all)
}

/// Whether a live process leads it, as far as can be seen.
fn is_led(runs: &OwnedFd, run: Ulid) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let lock = openat(runs, run.to_string(), FOLDER, Mode::empty())
        .and_then(|folder| openat(folder, LOCK, flags, Mode::empty()));
    let locked = lock.map(|lock| File::from(lock).try_lock_shared());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}
