//! [`Lock`]: who may use a folder now, told by the lock of the system on it, so that a dead process holds none.
//!
//! Two things are locked: the folder of a sandbox, by the process that has it open, for as long as it has; and the
//! folder of a project, by whoever copies it (shared) or changes it (alone).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How long a project that somebody else uses is waited for.
const WAIT_AT_MOST: Duration = Duration::from_secs(10);

/// How long each wait between two tries is.
const TRY_EVERY: Duration = Duration::from_millis(5);

/// A lock, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that another thread is about to start.
        drop(self.file.unlock());
    }
}

/// How a project is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To read it: others may read it too.
    Shared,
    /// To change it.
    Alone,
}

/// Locks the file at `path`, which is made if it is missing; none if somebody else has it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    attempt(OpenOptions::new().create(true).truncate(false).write(true).open(path)?, Use::Alone)
}

/// Locks the file at `path`, which is made if it is missing, and waits for it.
pub(super) fn lock(path: &Path) -> io::Result<Lock> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(Lock { file })
}

/// Locks the folder of a project, and waits for it while somebody waits for that; none if it stays in use.
pub(super) fn lock_project(path: &Path, how: Use, stop: &CancellationToken) -> io::Result<Option<Lock>> {
    let started = Instant::now();
    loop {
        if let Some(lock) = try_lock_project(path, how)? {
            return Ok(Some(lock));
        }
        if stop.is_cancelled() || started.elapsed() > WAIT_AT_MOST {
            return Ok(None);
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Locks the folder of a project; none if it is in use.
pub(super) fn try_lock_project(path: &Path, how: Use) -> io::Result<Option<Lock>> {
    attempt(File::open(path)?, how)
}

fn attempt(file: File, how: Use) -> io::Result<Option<Lock>> {
    let locked = match how {
        Use::Shared => file.try_lock_shared(),
        Use::Alone => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(Some(Lock { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_read_a_project_share_it_and_who_changes_it_has_it_alone() {
        let project = tempfile::tempdir().unwrap();
        let lock = |how| try_lock_project(project.path(), how).unwrap();
        let readers = (lock(Use::Shared).unwrap(), lock(Use::Shared).unwrap());
        assert!(lock(Use::Alone).is_none());
        drop(readers);
        let writer = lock(Use::Alone).unwrap();
        assert!(lock(Use::Shared).is_none());
        drop(writer);
        assert!(lock(Use::Shared).is_some());
    }
}
