//! [`Lock`]: who writes to a folder, among all threads and processes.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};

use super::error::{FolderError, NotApplied, NotRead, UnsafeReason, UnsafeTarget};
use super::{Folder, Identity, refused};

/// The file whose lock is taken. A dead process leaves none held.
pub(in crate::checkpoint) const LOCK: &str = ".lock";

/// How long is waited for somebody else to give it up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// The lock of a folder. Dropping it gives it up.
#[derive(Debug)]
#[must_use = "a dropped lock lets others write"]
pub(in crate::checkpoint) struct Lock {
    /// Holds the lock while it is open.
    _file: File,
}

impl Folder {
    /// Takes the lock of the folder, and removes what a writer that died left. Waits at most ten seconds.
    pub(in crate::checkpoint) fn lock(&self) -> Result<Lock, FolderError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let file = self.open_lock()?;
            match self.try_lock(&file) {
                Ok(true) => {
                    let lock = Lock { _file: file };
                    self.remove_leftover(&lock)?;
                    return Ok(lock);
                }
                Ok(false) if Instant::now() < until => thread::sleep(PAUSE),
                Ok(false) => {
                    let held = io::Error::new(io::ErrorKind::TimedOut, "somebody else holds it too long");
                    return Err(self.not_applied("lock", LOCK)(held).into());
                }
                Err(error) => return Err(self.not_applied("lock", LOCK)(error).into()),
            }
        }
    }

    /// Whether the lock was free, and the file is still the one that others lock.
    fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.steps.before("lock", LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(self.identity_of(LOCK)? == Some(Identity::of_open(file)?)),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_lock(&self) -> Result<File, FolderError> {
        const HOW: OFlags = OFlags::RDWR
            .union(OFlags::CREATE)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::NONBLOCK)
            .union(OFlags::NOCTTY)
            .union(OFlags::CLOEXEC);
        let failed = self.not_applied("lock", LOCK);
        self.steps.before("open", LOCK).map_err(&failed)?;
        let opened = openat(&self.handle, LOCK, HOW, Mode::RUSR | Mode::WUSR);
        let file = match opened.map_err(|error| refused(error, &self.path_of(LOCK), UnsafeReason::NotAFile)) {
            Ok(handle) => File::from(handle),
            Err(FolderError::NotRead(NotRead { source, .. })) => return Err(failed(source).into()),
            Err(error) => return Err(error),
        };
        if file.metadata().map_err(failed)?.is_file() {
            return Ok(file);
        }
        Err(UnsafeTarget { path: self.path_of(LOCK), reason: UnsafeReason::NotAFile }.into())
    }

    /// What a failed call becomes that changed nothing.
    pub(super) fn not_applied(
        &self,
        doing: &'static str,
        name: &str,
    ) -> impl Fn(io::Error) -> NotApplied + use<> {
        let path = self.path_of(name);
        move |source| NotApplied { doing, path: path.clone(), source }
    }
}
