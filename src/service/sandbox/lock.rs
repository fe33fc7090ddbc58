//! [`Lock`]: who may use a folder now, told by the lock of the system on it, so that a dead process holds none.
//!
//! Two things are locked: the folder of a sandbox, by the process that has it open, for as long as it has; and the
//! folder of a project, by whoever copies it (shared) or changes it (alone). With a project the folders above it are
//! locked too, shared, so that nobody changes a project as a whole while somebody changes one inside it.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use rustix::fs::{CWD, Mode, OFlags, openat};
use tokio_util::sync::CancellationToken;

use super::error::SandboxError;
use super::place::{is_absent, open_dir, open_root, stands_at};
use super::saved::LOCK;

/// How long a project that somebody else uses is waited for.
const WAIT_AT_MOST: Duration = Duration::from_secs(10);

/// How long the place of the sandboxes is waited for, while another process looks what stands there.
const ROOT_AT_MOST: Duration = Duration::from_mins(1);

/// How long each wait between two tries is.
const TRY_EVERY: Duration = Duration::from_millis(5);

/// A lock, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    files: Vec<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        for file in &self.files {
            // Closing alone would leave it to a child that another thread is about to start.
            drop(file.unlock());
        }
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

/// Locks the file at `path`, which is made if it is missing; none if somebody else has it. A link is refused, and
/// whatever else is no file; none is waited for.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    try_lock_file(CWD, path)
}

/// The same of the lock in an open folder, whatever stands at its path by now.
pub(super) fn try_lock_in(folder: &Dir) -> io::Result<Option<Lock>> {
    try_lock_file(folder.as_fd(), Path::new(LOCK))
}

fn try_lock_file(folder: BorrowedFd<'_>, path: &Path) -> io::Result<Option<Lock>> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder, path, flags, Mode::from_raw_mode(0o666))?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut lock = Lock { files: Vec::new() };
    Ok(lock.add(file, Use::Alone)?.then_some(lock))
}

/// Locks the place of all sandboxes, and waits for it while somebody waits for that. While it is held, nobody else looks
/// what is there; so it is held where a sandbox is not whole, and not while one is filled, recovered or emptied.
pub(super) fn lock_root(root: &Path, stop: &CancellationToken) -> Result<Lock, SandboxError> {
    let dir = open_root(root).map_err(SandboxError::io("lock", root))?;
    lock_root_in(&dir, root, stop)
}

/// The same of an open root, whatever stands at its path by now.
pub(super) fn lock_root_in(root: &Dir, path: &Path, stop: &CancellationToken) -> Result<Lock, SandboxError> {
    let path = path.join(LOCK);
    let locked = wait(ROOT_AT_MOST, stop, || try_lock_in(root));
    let locked = locked.and_then(|lock| lock.ok_or_else(|| io::ErrorKind::TimedOut.into()));
    locked.map_err(SandboxError::io("lock", &path))
}

/// Tries until it is locked, nobody waits for it any more, or the time is over.
fn wait(
    at_most: Duration,
    stop: &CancellationToken,
    attempt: impl Fn() -> io::Result<Option<Lock>>,
) -> io::Result<Option<Lock>> {
    let started = Instant::now();
    loop {
        if let Some(lock) = attempt()? {
            return Ok(Some(lock));
        }
        if stop.is_cancelled() || started.elapsed() > at_most {
            return Ok(None);
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Locks a project, and waits for it while somebody waits for that; none if it stays in use.
pub(super) fn lock_project(
    project: Project<'_>,
    how: Use,
    stop: &CancellationToken,
) -> io::Result<Option<Lock>> {
    wait(WAIT_AT_MOST, stop, || try_lock_project(project, how))
}

/// Locks a project; none if it, or a project that holds it, is in use.
pub(super) fn try_lock_project(project: Project<'_>, how: Use) -> io::Result<Option<Lock>> {
    let mut lock = Lock { files: Vec::new() };
    let own = open_dir(project.dir, OsStr::new("."))?.into_std_file();
    if !lock.add(own, how)? {
        return Ok(None);
    }
    for above in project.path.ancestors().skip(1) {
        let above = match File::open(above) {
            // Who may not look into it does not work in it; and one that is gone holds nothing any more.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied || is_absent(&error) => continue,
            opened => opened?,
        };
        if !lock.add(above, Use::Shared)? {
            return Ok(None);
        }
    }
    Ok(Some(lock))
}

/// The folder of a project: what is locked, looked at and changed is the one that the handle is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Project<'a> {
    pub(super) dir: &'a Dir,
    pub(super) path: &'a Path,
}

impl Project<'_> {
    /// Whether the folder still stands where it stood.
    pub(super) fn is_in_its_place(&self) -> io::Result<bool> {
        stands_at(self.dir, self.path)
    }
}

impl Lock {
    /// Locks one more file; whether it is locked.
    fn add(&mut self, file: File, how: Use) -> io::Result<bool> {
        let locked = match how {
            Use::Shared => file.try_lock_shared(),
            Use::Alone => file.try_lock(),
        };
        match locked {
            Ok(()) => {
                self.files.push(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_read_a_project_share_it_and_who_changes_it_has_it_alone() {
        let project = tempfile::tempdir().unwrap();
        let dir = open_root(project.path()).unwrap();
        let lock = |how| try_lock_project(Project { dir: &dir, path: project.path() }, how).unwrap();
        let readers = (lock(Use::Shared).unwrap(), lock(Use::Shared).unwrap());
        assert!(lock(Use::Alone).is_none());
        drop(readers);
        let writer = lock(Use::Alone).unwrap();
        assert!(lock(Use::Shared).is_none());
        drop(writer);
        assert!(lock(Use::Shared).is_some());
    }

    #[test]
    fn only_a_file_is_locked_and_nothing_is_made_where_a_link_leads() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, foreign) = (folder.path().join(LOCK), elsewhere.path().join("foreign"));
        std::os::unix::fs::symlink(&foreign, &path).unwrap();
        try_lock(&path).unwrap_err();
        assert!(!foreign.exists());
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        try_lock(&path).unwrap_err();
        let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert_eq!(try_lock(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn who_waits_for_a_lock_stops_when_nobody_waits_for_that() {
        let folder = tempfile::tempdir().unwrap();
        let held = try_lock(&folder.path().join(LOCK)).unwrap().unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        lock_root(folder.path(), &stop).unwrap_err();
        drop(held);
        lock_root(folder.path(), &CancellationToken::new()).unwrap();
    }

    #[test]
    fn who_changes_a_project_keeps_others_from_changing_what_is_in_it_or_holds_it() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("deep/inner");
        std::fs::create_dir_all(&path).unwrap();
        let (outer_dir, inner_dir) = (open_root(outer.path()).unwrap(), open_root(&path).unwrap());
        let outer = Project { dir: &outer_dir, path: outer.path() };
        let inner = Project { dir: &inner_dir, path: &path };
        for (one, other) in [(outer, inner), (inner, outer)] {
            let held = try_lock_project(one, Use::Alone).unwrap().unwrap();
            assert!(try_lock_project(other, Use::Alone).unwrap().is_none(), "{other:?}");
            drop(held);
            assert!(try_lock_project(other, Use::Alone).unwrap().is_some(), "{other:?}");
        }
        assert!(inner.is_in_its_place().unwrap());
        std::fs::rename(&path, outer.path.join("moved")).unwrap();
        assert!(!inner.is_in_its_place().unwrap());
        std::fs::create_dir(&path).unwrap();
        assert!(!inner.is_in_its_place().unwrap(), "another folder of the name");
    }
}
