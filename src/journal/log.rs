//! [`Log`]: the lines on disk, as one writer among many sees them.
//!
//! Whatever is written is written under the journal's lock, behind everything that others wrote. What a failed write
//! or sync leaves behind is not believed: the lines stay in memory until they stand in a segment of their own, synced,
//! at the same positions; only then is the old copy cut away.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::batch::Batch;
use super::durability::Durability;
use super::health::Problem;
use super::layout;
use super::line;
use super::manifest::Manifest;
use super::position::Position;
use super::retention::Retention;
use super::storage::{Open, Storage, StorageFile, append_all};
use super::tail::Tail;
use crate::event::Hash;

mod lock;
mod recover;
mod refresh;
mod rotate;
mod scan;
mod segment;
mod settle;

use lock::LockFile;
pub use recover::{OpenError, Recovery};
use segment::Active;

/// How many positions are reserved at once. What is reserved and not used is skipped after a crash of the machine.
const RESERVED: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Log {
    storage: Arc<dyn Storage>,
    settings: Settings,
    /// The boot of the machine.
    boot: String,
    lock: LockFile,
    manifest: Manifest,
    /// The file that the manifest was read from or written to: another one in its place means another writer's.
    manifest_file: Box<dyn StorageFile>,
    /// Whether the manifest could not be written or synced, so that a crash of the machine may undo what it says.
    manifest_in_doubt: bool,
    active: Active,
    /// Behind the last line.
    end: Mark,
    /// Behind the last line that need not be kept in memory.
    believed: Mark,
    /// The lines between the two.
    retained: Vec<u8>,
    /// What failed and was not settled yet.
    suspect: Option<Suspect>,
    /// Whether lines that are no longer in memory could not be synced: with [`Durability::Os`] alone.
    misses_sync: bool,
    lines: Vec<u8>,
    positions: Vec<Position>,
    tail: Arc<Tail>,
    /// Whether the tail was told of the last batch, and awaits it.
    announced: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) durability: Durability,
    pub(super) segment_bytes: u64,
    pub(super) retention: Retention,
}

/// A place between two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// The last position used before it; 0 if none was.
    last: u64,
    /// The chain at it.
    chain: Hash,
    /// Its place in the active segment, in bytes.
    at: u64,
}

/// A batch whose write or sync failed; without lines if it was the sync of earlier ones.
#[derive(Clone, Debug, Default)]
struct Suspect {
    lines: Vec<u8>,
    positions: Vec<Position>,
}

impl Log {
    /// Writes a batch, as durably as the settings say. After an error it is called again with the same batch, until
    /// it is written; positions that lines may have been seen at stay theirs. While a large one is synced, `meanwhile`
    /// is called.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        patience: Duration,
        meanwhile: impl FnOnce(),
    ) -> Result<(), Problem> {
        self.lock.acquire(&*self.storage, patience)?;
        let written = self.write_locked(batch, meanwhile);
        self.lock.release();
        written
    }

    /// Those of the batch that was written last.
    pub(super) fn positions(&self) -> &[Position] {
        &self.positions
    }

    fn write_locked(&mut self, batch: &Batch, meanwhile: impl FnOnce()) -> Result<(), Problem> {
        self.announced = false;
        if let Some(suspect) = &self.suspect {
            let is_this_batch = !suspect.positions.is_empty();
            self.settle()?;
            if is_this_batch {
                return Ok(());
            }
        }
        self.refresh()?;
        if batch.is_empty() {
            return Ok(());
        }
        if self.end.at >= self.settings.segment_bytes {
            self.rotate()?;
        }
        self.reserve(batch.len())?;
        let end = self.put_in_line(batch)?;
        self.append(end, meanwhile)
    }

    /// Whether the tail awaits the events of the batch that was written last.
    pub(super) fn is_awaited(&mut self) -> bool {
        std::mem::take(&mut self.announced)
    }

    /// Makes the batch into lines behind the last one; the mark behind them.
    fn put_in_line(&mut self, batch: &Batch) -> Result<Mark, Problem> {
        self.lines.clear();
        self.positions.clear();
        let mut end = self.end;
        for body in batch.bodies() {
            let position = Position::new(end.last + 1).ok_or(Problem::Full)?;
            end.chain = line::write(&mut self.lines, position, body, &end.chain);
            end.last = position.get();
            self.positions.push(position);
        }
        end.at += self.lines.len() as u64;
        Ok(end)
    }

    /// Writes the lines, which reach to `end`.
    fn append(&mut self, end: Mark, meanwhile: impl FnOnce()) -> Result<(), Problem> {
        self.announced = self.tail.wants_events();
        if let ([first, ..], [.., last], true) = (&*self.positions, &*self.positions, self.announced) {
            self.tail.writing(*first, *last);
        }
        let file = &*self.active.file;
        let written = append_all(file, &self.lines).map_err(Problem::io("write", self.active.name()));
        let written = written.and_then(|()| match self.settings.durability {
            Durability::Sync => sync_beside(file, self.positions.len(), meanwhile)
                .map_err(Problem::io("sync", self.active.name())),
            _ => Ok(()),
        });
        if let Err(problem) = written {
            if std::mem::take(&mut self.announced) {
                self.tail.gave_up();
            }
            let lines = std::mem::take(&mut self.lines);
            self.suspect = Some(Suspect { lines, positions: self.positions.clone() });
            return Err(problem);
        }
        self.end = end;
        match self.settings.durability {
            Durability::Interval(_) => self.retained.extend_from_slice(&self.lines),
            _ => self.believe(),
        }
        Ok(())
    }

    /// Nothing up to here need be kept in memory.
    fn believe(&mut self) {
        self.believed = self.end;
        self.retained.clear();
    }

    /// Makes all that was written outlive a crash of the machine.
    pub(super) fn sync(&mut self, patience: Duration) -> Result<(), Problem> {
        if self.suspect.is_some() {
            return self.write(&Batch::default(), patience, || {});
        }
        self.sync_active()
    }

    /// Syncs the active segment. Where that fails, what is in memory has to be settled; with [`Durability::Os`]
    /// nothing is, and nothing was promised.
    fn sync_active(&mut self) -> Result<(), Problem> {
        if let Err(source) = self.active.file.sync() {
            let problem = Problem::io("sync", self.active.name())(source);
            if self.settings.durability != Durability::Os {
                self.suspect = Some(Suspect::default());
                return Err(problem);
            }
            super::report::unsynced(&problem);
            self.misses_sync = true;
        }
        self.believe();
        Ok(())
    }

    /// Marks everything as synced, so that no position need be skipped when the machine restarts. Others that still
    /// write take the mark away again.
    pub(super) fn close(&mut self, patience: Duration) -> Result<(), Problem> {
        self.lock.acquire(&*self.storage, patience)?;
        let closed = self.close_locked();
        self.lock.release();
        closed
    }

    fn close_locked(&mut self) -> Result<(), Problem> {
        if self.suspect.is_some() {
            self.settle()?;
        }
        self.refresh()?;
        self.sync_active()?;
        if self.manifest.boot.is_some() && !self.misses_sync {
            let closed = Manifest { boot: None, reserved: self.end.last, ..self.manifest.clone() };
            self.write_manifest(closed)?;
        }
        Ok(())
    }

    /// How many bytes are kept in memory because they are not synced.
    pub(super) fn retained_bytes(&self) -> usize {
        self.retained.len()
    }

    /// Whether anything was written that is not synced, or has to be settled.
    pub(super) fn is_unsynced(&self) -> bool {
        !self.retained.is_empty() || self.suspect.is_some()
    }

    /// Sees to it that so many more positions may be used.
    fn reserve(&mut self, positions: usize) -> Result<(), Problem> {
        let last = self.end.last.saturating_add(positions as u64);
        if last > Position::MAX.get() {
            return Err(Problem::Full);
        }
        let is_marked = self.manifest.boot.as_deref() == Some(self.boot.as_str());
        if is_marked && last <= self.manifest.reserved {
            return Ok(());
        }
        let reserved = last.saturating_add(RESERVED).min(Position::MAX.get());
        let boot = Some(self.boot.clone());
        self.write_manifest(Manifest { reserved, boot, ..self.manifest.clone() })
    }

    fn write_manifest(&mut self, manifest: Manifest) -> Result<(), Problem> {
        self.manifest_in_doubt = true;
        manifest.write(&*self.storage).map_err(Problem::io("write", layout::MANIFEST))?;
        self.manifest_file = open_manifest(&*self.storage)?;
        self.manifest = manifest;
        self.manifest_in_doubt = false;
        Ok(())
    }
}

fn open_manifest(storage: &dyn Storage) -> Result<Box<dyn StorageFile>, Problem> {
    storage.open(layout::MANIFEST, Open::Read).map_err(Problem::io("open", layout::MANIFEST))
}

/// From so many lines on, encoding the next ones takes longer than starting a thread.
const WORTH_A_THREAD: usize = 512;

/// Syncs a file to which so many lines were written; if that may take a while, `meanwhile` is done meanwhile.
fn sync_beside(file: &dyn StorageFile, lines: usize, meanwhile: impl FnOnce()) -> io::Result<()> {
    if lines < WORTH_A_THREAD {
        return file.sync();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("agentbus-sync".to_owned());
        match thread.spawn_scoped(scope, || file.sync()) {
            Ok(syncing) => {
                meanwhile();
                syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            Err(_no_thread_to_be_had) => file.sync(),
        }
    })
}

/// Reads a range of a file; it must be there.
fn read_range(file: &dyn StorageFile, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + read as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}
