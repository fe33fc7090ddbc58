//! [`RunFolder`]: the folder of one run among the checkpoints: its sandboxes, what it keeps, what was spent.
//!
//! `runs/<id>/` in the folder of the checkpoints, for its owner alone. Whoever leads the run holds its lock.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::bus::EventBus;
use agentbus::event::SandboxId;
use agentbus::service::sandbox::{Recovered, SandboxError, SandboxService};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fsync, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use ulid::Ulid;

mod left;
mod origin;

pub(super) use left::{LeftFolders, is_any_left};
use origin::Origin;

/// How a folder is opened: a link is refused.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where the folders of all runs are.
const RUNS: &str = "runs";

/// Where the sandboxes of a run are.
const SANDBOXES: &str = "sandboxes";

/// What the lock is called.
const LOCK: &str = "lock";

/// What was spent, as of the last answer of a model.
const BUDGETS: &str = "budgets.json";

/// Where it was made.
const ORIGIN: &str = "origin.json";

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// A file in which a run keeps what it needs: of which run, and the how many-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptFile {
    run: Ulid,
    number: u64,
}

impl KeptFile {
    /// What a checkpoint calls it: its path in the folder of the checkpoints.
    pub(super) fn name(self) -> String {
        format!("{RUNS}/{}/{}", self.run, self.file())
    }

    /// The file of that name; whatever else a checkpoint may say leads nowhere.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (run, file) = name.strip_prefix(RUNS)?.strip_prefix('/')?.split_once('/')?;
        let number = file.strip_prefix("state-")?.strip_suffix(".json")?;
        let read = Self { run: run.parse().ok()?, number: number.parse().ok()? };
        (read.name() == name).then_some(read)
    }

    /// The run that it is of.
    pub(super) fn run(self) -> Ulid {
        self.run
    }

    fn file(self) -> String {
        format!("state-{}.json", self.number)
    }

    pub(super) fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }
}

/// Why the sandboxes of a run cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error("cannot open {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Sandboxes(#[from] SandboxError),
}

/// The folder of a run, which is this process's while it is held. It is kept as a handle: whoever moves it away, or puts a
/// link in its place or in that of the folder of all runs, has nothing written or removed elsewhere.
#[derive(Debug)]
pub(super) struct RunFolder {
    handle: OwnedFd,
    /// For its sandboxes, and for messages.
    path: PathBuf,
    pub(super) run: Ulid,
    _lock: File,
}

impl RunFolder {
    /// A new one.
    pub(super) fn make(checkpoints: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(checkpoints.join(RUNS))?;
        let runs = runs_in(checkpoints)?;
        let run: Ulid = SandboxId::generate().to_string().parse().expect("an id that is made is a ULID");
        mkdirat(&runs, run.to_string(), Mode::RWXU)?;
        let made = Self::lock(checkpoints, &runs, run)?;
        made.replace(ORIGIN, &Origin::of(checkpoints, &made.handle)?.to_json()?)?;
        Ok(made)
    }

    /// The one that holds that file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if it is gone, [`io::ErrorKind::ResourceBusy`] if a live process leads the run.
    pub(super) fn open(checkpoints: &Path, file: KeptFile) -> io::Result<Self> {
        Self::lock(checkpoints, &runs_in(checkpoints)?, file.run)
    }

    fn lock(checkpoints: &Path, runs: &OwnedFd, run: Ulid) -> io::Result<Self> {
        let handle = openat(runs, run.to_string(), FOLDER, Mode::empty())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let lock = File::from(openat(&handle, LOCK, flags, Mode::RUSR | Mode::WUSR)?);
        if !lock.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its lock is not a regular file"));
        }
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            TryLockError::Error(error) => error,
        })?;
        let path = checkpoints.join(RUNS).join(run.to_string()).canonicalize()?;
        let folder = Self { handle, path, run, _lock: lock };
        folder.open_sandboxes()?;
        Ok(folder)
    }

    /// The first file of the run.
    pub(super) fn first_file(&self) -> KeptFile {
        KeptFile { run: self.run, number: 1 }
    }

    /// Where its sandboxes are.
    pub(super) fn sandboxes(&self) -> PathBuf {
        self.path.join(SANDBOXES)
    }

    /// Opens its sandboxes, and finishes or undoes each commit that was killed in the middle, whatever stands at their path
    /// by now.
    pub(super) async fn restore_sandboxes(
        &self,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<(SandboxService, Recovered), RestoreError> {
        let path = self.sandboxes();
        match self.open_sandboxes().map_err(|source| RestoreError::Open { path: path.clone(), source })? {
            Some(handle) => Ok(SandboxService::open_at(handle, path, bus).await?),
            None => Ok((SandboxService::new(path, bus), Recovered::default())),
        }
    }

    /// The folder of its sandboxes, if there is one yet; what a link leads to is somebody else's.
    fn open_sandboxes(&self) -> io::Result<Option<OwnedFd>> {
        match openat(&self.handle, SANDBOXES, FOLDER, Mode::empty()) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => {
                let why = format!("its {SANDBOXES} are no folder: {}", io::Error::from(error));
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    }

    /// Writes what is kept, durably; until a checkpoint names it, nobody reads it.
    pub(super) fn write(&self, file: KeptFile, content: &[u8]) -> io::Result<()> {
        self.replace(&file.file(), content)
    }

    /// Removes what was kept before. Left over, it goes with the folder.
    pub(super) fn remove(&self, file: KeptFile) {
        let _left_over = unlinkat(&self.handle, file.file(), AtFlags::empty());
    }

    pub(super) fn read(&self, file: KeptFile) -> io::Result<Vec<u8>> {
        self.read_file(&file.file())
    }

    /// Where it is kept what was spent.
    pub(super) fn budgets(&self) -> PathBuf {
        self.path.join(BUDGETS)
    }

    pub(super) fn write_budgets(&self, content: &[u8]) -> io::Result<()> {
        self.replace(BUDGETS, content)
    }

    pub(super) fn read_budgets(&self) -> io::Result<Vec<u8>> {
        self.read_file(BUDGETS)
    }

    /// Writes a file whole or not at all, for its owner alone. One is written at a time.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = format!("{name}.tmp");
        // Left by a process that was killed.
        let _none = unlinkat(&self.handle, &new, AtFlags::empty());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.handle, &new, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(content)?;
        file.sync_all()?;
        renameat(&self.handle, &new, &self.handle, name)?;
        Ok(fsync(&self.handle)?)
    }

    fn read_file(&self, name: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.handle, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
        if content.len() as u64 > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    /// Removes it with all that is in it, wherever it is by now.
    pub(super) fn forget(&self) -> io::Result<()> {
        cap_std::fs::Dir::from_std_file(File::from(self.handle.try_clone()?)).remove_open_dir_all()
    }
}

/// The folder of all runs; a link in its place is refused.
fn runs_in(checkpoints: &Path) -> io::Result<OwnedFd> {
    Ok(openat(folder_at(checkpoints)?, RUNS, FOLDER, Mode::empty())?)
}

fn folder_at(checkpoints: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, checkpoints, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FileType, mknodat};

    use super::*;

    #[test]
    fn only_the_name_of_a_kept_file_leads_to_one() {
        let name = "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/state-3.json";
        assert_eq!(KeptFile::parse(name).unwrap().name(), name);
        for bad in [
            "",
            "/etc/passwd",
            "runs/../state-3.json",
            "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/../state-3.json",
            "runs/01arz3ndektsv4rrffq69g5fav/state-3.json",
            "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/state-03.json",
            "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/state-3.json/x",
            "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/budgets.json",
        ] {
            assert_eq!(KeptFile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_run_is_led_by_one_process_and_found_through_no_link() {
        let checkpoints = tempfile::tempdir().unwrap();
        let made = RunFolder::make(checkpoints.path()).unwrap();
        let file = made.first_file();
        made.write(file, b"kept").unwrap();
        let kind = || RunFolder::open(checkpoints.path(), file).unwrap_err().kind();
        assert_eq!(kind(), io::ErrorKind::ResourceBusy);
        drop(made);
        let opened = RunFolder::open(checkpoints.path(), file).unwrap();
        assert_eq!(opened.read(file).unwrap(), b"kept");
        opened.forget().unwrap();
        drop(opened);
        assert_eq!(kind(), io::ErrorKind::NotFound);

        let elsewhere = tempfile::tempdir().unwrap();
        let place = checkpoints.path().join(RUNS).join(file.run.to_string());
        std::os::unix::fs::symlink(elsewhere.path(), place).unwrap();
        assert_eq!(kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_file_is_written_over_what_a_killed_process_left_and_only_a_file_is_read() {
        let checkpoints = tempfile::tempdir().unwrap();
        let made = RunFolder::make(checkpoints.path()).unwrap();
        std::fs::write(made.path.join("budgets.json.tmp"), "half").unwrap();
        made.write_budgets(b"whole").unwrap();
        assert_eq!(made.read_budgets().unwrap(), b"whole");
        let place = made.budgets();
        std::fs::rename(&place, made.path.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", &place).unwrap();
        assert_eq!(made.read_budgets().unwrap_err().raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        std::fs::remove_file(&place).unwrap();
        mknodat(CWD, &place, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(made.read_budgets().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn nothing_is_written_or_removed_through_a_link_that_came_meanwhile() {
        let checkpoints = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (|name: &str| checkpoints.path().join(name), tempfile::tempdir().unwrap());
        let made = RunFolder::make(checkpoints.path()).unwrap();
        let its = |runs: &Path, name: &str| runs.join(made.run.to_string()).join(name);
        std::fs::rename(path(RUNS), path("moved")).unwrap();
        std::fs::create_dir(elsewhere.path().join(made.run.to_string())).unwrap();
        std::fs::write(its(elsewhere.path(), "foreign"), "theirs").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), path(RUNS)).unwrap();
        made.write_budgets(b"{}").unwrap();
        assert!(!its(elsewhere.path(), BUDGETS).exists() && its(&path("moved"), BUDGETS).exists());
        made.forget().unwrap();
        assert!(its(elsewhere.path(), "foreign").exists() && !its(&path("moved"), "").exists());
    }

    #[tokio::test]
    async fn sandboxes_are_opened_where_they_are_and_not_where_a_link_leads() {
        let (checkpoints, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = RunFolder::make(checkpoints.path()).unwrap();
        assert_eq!(made.restore_sandboxes(None).await.unwrap().1.unreadable.len(), 0);
        std::fs::create_dir_all(made.sandboxes().join(SandboxId::generate().to_string())).unwrap();
        std::fs::rename(checkpoints.path().join(RUNS), checkpoints.path().join("moved")).unwrap();
        std::fs::create_dir_all(elsewhere.path().join(made.run.to_string()).join(SANDBOXES)).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), checkpoints.path().join(RUNS)).unwrap();
        let restored = made.restore_sandboxes(None).await;
        assert!(restored.is_err_and(|error| matches!(error, RestoreError::Sandboxes(_))));
    }

    #[test]
    fn what_nobody_leads_is_found() {
        let checkpoints = tempfile::tempdir().unwrap();
        let runs = |left: LeftFolders| left.folders.into_iter().map(|folder| folder.run).collect::<Vec<_>>();
        assert!(RunFolder::left(checkpoints.path(), |_| true).unwrap().folders.is_empty());
        let (live, dead) = [(); 2].map(|()| RunFolder::make(checkpoints.path()).unwrap()).into();
        let run = dead.run;
        drop(dead);
        std::fs::create_dir(checkpoints.path().join(RUNS).join("theirs")).unwrap();
        assert_eq!(runs(RunFolder::left(checkpoints.path(), |_| true).unwrap()), [run]);
        assert!(RunFolder::left(checkpoints.path(), |left| left != run).unwrap().folders.is_empty());
        drop(live);
    }

    #[test]
    fn what_stands_in_the_place_of_a_run_or_leads_out_of_it_is_told_and_not_waited_for() {
        let (checkpoints, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = || RunFolder::make(checkpoints.path()).unwrap().path;
        let (link, pipe, outside, made, read) = (run(), run(), run(), run(), run());
        std::fs::remove_dir_all(&link).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        std::fs::remove_file(pipe.join(LOCK)).unwrap();
        mknodat(CWD, pipe.join(LOCK), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), outside.join(SANDBOXES)).unwrap();
        std::fs::remove_file(made.join(LOCK)).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("made"), made.join(LOCK)).unwrap();
        std::fs::remove_file(read.join(LOCK)).unwrap();
        mknodat(CWD, read.join(LOCK), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // A pipe that has a reader can be opened.
        let _reader = File::options().read(true).write(true).open(read.join(LOCK)).unwrap();
        let left = RunFolder::left(checkpoints.path(), |_| true).unwrap();
        assert_eq!((left.folders.len(), left.others.len()), (0, 5), "{left:?}");
        assert!(!elsewhere.path().join("made").exists());

        let runs = checkpoints.path().join(RUNS);
        std::fs::rename(&runs, checkpoints.path().join("away")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &runs).unwrap();
        RunFolder::left(checkpoints.path(), |_| true).unwrap_err();
    }
}
