//! [`RunFolder`]: the folder of one run among the checkpoints: its sandboxes, what it keeps, what was spent.
//!
//! `runs/<id>/` in the folder of the checkpoints, for its owner alone. Whoever leads the run holds its lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use agentbus::event::SandboxId;
use ulid::Ulid;

use crate::cli::regular::{self, Links};

/// Where the folders of all runs are.
const RUNS: &str = "runs";

/// What the lock is called.
const LOCK: &str = "lock";

/// What was spent, as of the last answer of a model.
const BUDGETS: &str = "budgets.json";

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

    fn file(self) -> String {
        format!("state-{}.json", self.number)
    }

    pub(super) fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }
}

/// The folder of a run, which is this process's while it is held.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    run: Ulid,
    _lock: File,
}

impl RunFolder {
    /// A new one.
    pub(super) fn make(checkpoints: &Path) -> io::Result<Self> {
        let run: Ulid = SandboxId::generate().to_string().parse().expect("an id that is made is a ULID");
        let runs = checkpoints.join(RUNS);
        DirBuilder::new().recursive(true).mode(0o700).create(&runs)?;
        check_folder(&runs)?;
        DirBuilder::new().mode(0o700).create(runs.join(run.to_string()))?;
        Self::lock(checkpoints, run)
    }

    /// The one that holds that file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if it is gone, [`io::ErrorKind::ResourceBusy`] if a live process leads the run.
    pub(super) fn open(checkpoints: &Path, file: KeptFile) -> io::Result<Self> {
        check_folder(&checkpoints.join(RUNS))?;
        Self::lock(checkpoints, file.run)
    }

    fn lock(checkpoints: &Path, run: Ulid) -> io::Result<Self> {
        let path = checkpoints.join(RUNS).join(run.to_string());
        check_folder(&path)?;
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600).custom_flags(no_link);
        let lock = options.open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.canonicalize()?, run, _lock: lock })
    }

    /// The first file of the run.
    pub(super) fn first_file(&self) -> KeptFile {
        KeptFile { run: self.run, number: 1 }
    }

    /// Where its sandboxes are.
    pub(super) fn sandboxes(&self) -> PathBuf {
        self.path.join("sandboxes")
    }

    /// Writes what is kept, durably; until a checkpoint names it, nobody reads it.
    pub(super) fn write(&self, file: KeptFile, content: &[u8]) -> io::Result<()> {
        self.replace(&file.file(), content)
    }

    /// Removes what was kept before. Left over, it goes with the folder.
    pub(super) fn remove(&self, file: KeptFile) {
        drop(fs::remove_file(self.path.join(file.file())));
    }

    pub(super) fn read(&self, file: KeptFile) -> io::Result<Vec<u8>> {
        read(&self.path.join(file.file()))
    }

    /// Where it is kept what was spent.
    pub(super) fn budgets(&self) -> PathBuf {
        self.path.join(BUDGETS)
    }

    pub(super) fn write_budgets(&self, content: &[u8]) -> io::Result<()> {
        self.replace(BUDGETS, content)
    }

    pub(super) fn read_budgets(&self) -> io::Result<Vec<u8>> {
        read(&self.path.join(BUDGETS))
    }

    /// Writes a file whole or not at all.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        // For its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(name))?;
        File::open(&self.path)?.sync_all()
    }

    /// Removes it with all that is in it.
    pub(super) fn forget(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// Refuses what is no folder, and a link to one.
fn check_folder(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    regular::open(path, Links::Refused)?.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
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
}
