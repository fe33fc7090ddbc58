//! `cleanup`: archives what nobody will ask for.

use std::error::Error as _;
use std::ffi::OsString;
use std::io;
use std::time::Duration;

use super::{ARCHIVE, CheckpointStore, Loaded, MalformedCheckpoint, StoredCheckpoint};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::events::SessionCheckpointArchived;
use crate::checkpoint::folder::{Folder, Indeterminate, Lock, Remedy, UnsafeReason, UnsafeTarget};
use crate::checkpoint::model::{CheckpointStatus, SessionCheckpoint};
use crate::event::Timestamp;

/// Why a checkpoint was not archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// It was changed too short ago.
    Young,
    /// It was abandoned: it stays, and tells why.
    Abandoned,
}

impl Skipped {
    /// Its word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Young => "young",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A checkpoint that was not archived.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SkippedCheckpoint {
    /// Its file.
    pub file: String,
    /// Why it was not.
    pub why: Skipped,
}

/// What a cleanup came to; each file that is called as a checkpoint is stands in one of them, by name.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CleanupReport {
    /// Those that are in `archive/` now.
    pub archived: Vec<StoredCheckpoint>,
    /// Those that are to stay.
    pub skipped: Vec<SkippedCheckpoint>,
    /// Those that stay because something is wrong: with them, or with moving them. [`CheckpointError::Indeterminate`]
    /// is said of those that were moved, and a crash of the machine may move back.
    pub errors: Vec<MalformedCheckpoint>,
}

impl CheckpointStore {
    /// Moves to `archive/` those that were resolved longer ago than `retention`, and active ones that were saved longer
    /// ago than that: nobody went on from them. Nothing is written over there. What an earlier call moved is made durable
    /// first: it may have been told that a crash of the machine may undo it.
    ///
    /// # Errors
    /// [`CheckpointError`] if the folder cannot be locked, synced or listed, or has no archive; nothing was moved then. What
    /// is wrong with one file is told in the report, and the others go on.
    pub fn cleanup(&self, retention: Duration) -> Result<CleanupReport, CheckpointError> {
        let lock = self.folder.lock()?;
        if let Some(archive) = self.folder.folder(ARCHIVE)? {
            archive.sync_before()?;
        }
        self.folder.sync_before()?;
        let names = self.checkpoint_names()?;
        let mut cleanup = Cleanup {
            store: self,
            lock,
            now: Timestamp::now(),
            retention,
            archive: None,
            report: CleanupReport::default(),
        };
        for name in names {
            cleanup.take(name)?;
        }
        let report = cleanup.finish();
        for stored in &report.archived {
            self.emitter.emit_in(&Self::scope(&stored.checkpoint), || SessionCheckpointArchived {
                file: stored.file.as_str().into(),
                agent: stored.checkpoint.saved.agent.clone(),
                status: stored.checkpoint.status,
            });
        }
        Ok(report)
    }
}

/// A cleanup under way.
struct Cleanup<'a> {
    store: &'a CheckpointStore,
    lock: Lock,
    now: Timestamp,
    retention: Duration,
    /// Opened, or made, for the first that goes there.
    archive: Option<Folder>,
    report: CleanupReport,
}

impl Cleanup<'_> {
    fn take(&mut self, name: OsString) -> Result<(), CheckpointError> {
        let file = match name.into_string() {
            Ok(file) => file,
            Err(name) => {
                let (path, reason) = (self.store.folder.path().join(&name), UnsafeReason::NotACheckpoint);
                let file = name.to_string_lossy().into_owned();
                self.wrong(file, UnsafeTarget { path, reason }.into());
                return Ok(());
            }
        };
        match self.store.load(&file) {
            Err(error) => self.wrong(file, error),
            Ok(loaded) => match self.skips(&loaded.checkpoint) {
                Some(why) => self.report.skipped.push(SkippedCheckpoint { file, why }),
                None => self.move_away(file, loaded)?,
            },
        }
        Ok(())
    }

    fn skips(&self, checkpoint: &SessionCheckpoint) -> Option<Skipped> {
        match checkpoint.status {
            CheckpointStatus::Abandoned => Some(Skipped::Abandoned),
            _ if self.now.since(checkpoint.updated_at) < self.retention => Some(Skipped::Young),
            _ => None,
        }
    }

    fn move_away(&mut self, file: String, loaded: Loaded) -> Result<(), CheckpointError> {
        let store = self.store;
        let archive = match self.archive.take() {
            Some(archive) => archive,
            None => store.folder.create_folder(&self.lock, ARCHIVE)?,
        };
        match store.folder.move_new(&self.lock, &loaded.found, &archive, &file) {
            Ok(()) => {
                self.report.archived.push(StoredCheckpoint { file, checkpoint: loaded.checkpoint });
            }
            Err(error) => self.wrong(file, error.into()),
        }
        self.archive = Some(archive);
        Ok(())
    }

    fn wrong(&mut self, file: String, error: CheckpointError) {
        self.report.errors.push(MalformedCheckpoint { file, error });
    }

    /// Makes what was moved durable: the archive first, so that each is in one place at least.
    fn finish(mut self) -> CleanupReport {
        let Some(archive) = self.archive.take().filter(|_| !self.report.archived.is_empty()) else {
            return self.report;
        };
        if let Err(error) = archive.sync().and_then(|()| self.store.folder.sync()) {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            for stored in std::mem::take(&mut self.report.archived) {
                let (path, remedy) = (archive.path_of(&stored.file), Remedy::Again);
                let source = io::Error::other(cause.clone());
                self.wrong(stored.file, Indeterminate { path, remedy, source }.into());
            }
        }
        self.report
    }
}
