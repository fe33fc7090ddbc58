//! [`LockFile`]: who may write now.

use std::io;
use std::time::{Duration, Instant};

use crate::journal::health::Problem;
use crate::journal::layout::LOCK;
use crate::journal::storage::{Open, Storage, StorageFile};

/// How long somebody may hold the lock before that is worth telling.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// The lock of a journal's directory: the system's, so that a dead process leaves none behind.
#[derive(Debug)]
pub(super) struct LockFile {
    /// None after something went wrong with it: closing it gave the lock up, and the next attempt opens it anew.
    file: Option<Box<dyn StorageFile>>,
    /// Since when it has not been had, if it is wanted.
    wanted_since: Option<Instant>,
}

impl LockFile {
    pub(super) fn new() -> Self {
        Self { file: None, wanted_since: None }
    }

    /// Takes it, trying for that long. [`Problem::Locked`] only once it was not had for five seconds in all.
    pub(super) fn acquire(&mut self, storage: &dyn Storage, patience: Duration) -> Result<(), Problem> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(10);
        loop {
            if self.try_acquire(storage)? {
                self.wanted_since = None;
                return Ok(());
            }
            let waited = self.wanted_since.get_or_insert(begun).elapsed();
            if waited >= PATIENCE {
                return Err(Problem::Locked { waited });
            }
            if begun.elapsed() >= patience {
                return Err(Problem::Busy);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_acquire(&mut self, storage: &dyn Storage) -> Result<bool, Problem> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(storage)?,
        };
        let is_locked = file.try_lock().map_err(Problem::io("lock", LOCK))?;
        // Locked, but is it still the file that everybody locks?
        if is_locked && !file.is_current().map_err(Problem::io("look at", LOCK))? {
            return Ok(false);
        }
        self.file = Some(file);
        Ok(is_locked)
    }

    /// Gives it up.
    pub(super) fn release(&mut self) {
        if self.file.as_ref().is_some_and(|file| file.unlock().is_err()) {
            self.file = None;
        }
    }
}

fn open(storage: &dyn Storage) -> Result<Box<dyn StorageFile>, Problem> {
    storage.open(LOCK, Open::Lock).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::Vanished,
        _ => Problem::io("open", LOCK)(error),
    })
}
