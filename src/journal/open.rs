//! [`JournalBuilder`]: how a journal is opened for writing.

use std::path::PathBuf;
use std::sync::Arc;

use super::durability::Durability;
use super::handle::Journal;
use super::health::Problem;
use super::log::{Log, OpenError, Settings};
use super::reader::JournalReader;
use super::retention::Retention;
use super::shared::{Handle, Shared};
use super::storage::{FileSystem, Storage, create_durably};
use super::tail::Tail;
use super::writer::Writer;
use crate::redact::Redactor;

/// A segment of more is sealed, in bytes: 10 MiB.
pub const DEFAULT_SEGMENT_BYTES: u64 = 10 << 20;

/// How much may wait to be written, in bytes by estimate: 64 MiB.
pub const DEFAULT_QUEUE_BYTES: usize = 64 << 20;

/// Who may use the directory of a journal is for the process to say, by its umask.
const DIRECTORY_MODE: u32 = 0o777;

/// A journal to be opened.
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing until `open`"]
pub struct JournalBuilder {
    storage: Arc<dyn Storage>,
    /// Made with its parents when it is opened, if it is one on disk.
    directory: Option<PathBuf>,
    durability: Durability,
    segment_bytes: u64,
    queue_bytes: usize,
    retention: Retention,
    redactor: Redactor,
}

impl JournalBuilder {
    pub(super) fn new(directory: PathBuf) -> Self {
        let storage = Arc::new(FileSystem::new(&directory));
        Self { directory: Some(directory), ..Self::on(storage) }
    }

    pub(super) fn on(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            directory: None,
            durability: Durability::default(),
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            retention: Retention::default(),
            redactor: Redactor::new(),
        }
    }

    /// When written lines are synced; by default within 200 milliseconds.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Past so many bytes a segment is sealed and the next begun; [`DEFAULT_SEGMENT_BYTES`] by default. A segment is
    /// larger than that by at most one batch.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(1);
        self
    }

    /// How much may wait to be written, in bytes by estimate, and as much again be kept until it is synced;
    /// [`DEFAULT_QUEUE_BYTES`] by default. Past it emitting threads help to write; while the journal cannot write,
    /// what does not fit is counted and becomes a `journal.gap` line.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// What is removed, whenever the journal is opened and a segment is begun; nothing by default.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// What masks secrets before anything is written; the built-in rules by default.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Opens it, and makes the directory a journal if it is none. What a crash left is made good first:
    /// [`Journal::recovery`] tells.
    ///
    /// It waits for the disk, and for at most five seconds for other writers.
    ///
    /// # Errors
    /// [`OpenError`] if the directory cannot be written to, another process does not give up the lock, or
    /// `journal.json` is damaged or of a later format.
    pub fn open(self) -> Result<Journal, OpenError> {
        let directory = self.directory.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let failed = |reason: String| OpenError { directory: directory.clone(), reason };
        if let Some(path) = &self.directory {
            let made = create_durably(path, DIRECTORY_MODE);
            made.map_err(|source| failed(Problem::io("create", "the directory")(source).reason()))?;
        }
        let settings = Settings {
            durability: self.durability,
            segment_bytes: self.segment_bytes,
            retention: self.retention,
        };
        let tail = Tail::new();
        let opened = Log::open(Arc::clone(&self.storage), settings, Arc::clone(&tail));
        let (log, recovery) = opened.map_err(|problem| failed(problem.reason()))?;
        let reader = JournalReader::sharing(self.storage, Arc::clone(&tail));
        let redactor = self.redactor.clone();
        let writer = Writer::new(log, self.redactor, self.durability, self.queue_bytes, tail);
        let shared = Shared::new(writer, self.queue_bytes, self.durability, directory.clone());
        let handle = Handle::start(shared).map_err(|error| failed(error.to_string()))?;
        Ok(Journal::new(handle, reader, redactor, recovery))
    }
}
