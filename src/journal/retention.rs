//! Retention: how much of a journal is kept, and for whom.
//!
//! [`Retention`] says by age and by bytes what is too much. What goes are whole segments, oldest first, and never the
//! last one; the first that has to stay keeps all behind it. A segment stays as long as a consumer has not
//! acknowledged what is in it, unless that consumer's cursor was not written for longer than
//! [`stale_after`](Retention::stale_after); a consumer that comes late is told
//! ([`Polled::removed`](super::Polled::removed)). A corrupt cursor, of which it is not known what it needs, keeps
//! everything until it is reset.
//!
//! A [`Journal`](super::Journal) collects after each rotation; [`JournalReader::collect_garbage`] does it by hand.
//! Files are removed first, then `journal.json` is written: what it names beyond what there is counts as removed.
//!
//! ```
//! use std::time::Duration;
//! use agentbus::journal::Retention;
//!
//! let month = Duration::from_hours(30 * 24);
//! let retention = Retention::new().max_age(month).max_bytes(1 << 30);
//! # let _ = retention;
//! ```

use std::io;
use std::time::{Duration, Instant};

use super::consumer::{ConsumerName, CursorFault};
use super::layout::{LOCK, SEGMENTS};
use super::manifest::{Manifest, ManifestError};
use super::position::Position;
use super::reader::JournalReader;
use super::record::ReadError;
use super::storage::{Open, Storage, StorageFile};
use crate::event::Timestamp;

mod plan;

use plan::Plan;

/// How long a consumer may be silent, unless told otherwise: seven days.
const STALE_AFTER: Duration = Duration::from_hours(7 * 24);

/// How long the journal's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// How much of a journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    max_age: Option<Duration>,
    max_bytes: Option<u64>,
    stale_after: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_age: None, max_bytes: None, stale_after: Some(STALE_AFTER) }
    }
}

impl Retention {
    /// Everything, for ever.
    pub fn new() -> Self {
        Self::default()
    }

    /// A segment goes when all its events are older, by their own times; a time in the future does not count.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The oldest segments go as long as all together have more bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// A consumer keeps what it needs for so long after its cursor was last written, seven days unless told
    /// otherwise; `None` is for ever.
    #[must_use]
    pub fn stale_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.stale_after = silence.into();
        self
    }

    /// Whether everything is kept for ever.
    pub(crate) fn keeps_all(&self) -> bool {
        self.max_age.is_none() && self.max_bytes.is_none()
    }
}

/// Whether garbage is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcMode {
    /// Only told what would be. Nothing is written and no lock taken.
    DryRun,
    /// Removed.
    Remove,
}

/// What went, and what stayed that should have gone.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The segments removed, oldest first.
    pub segments: Vec<CollectedSegment>,
    /// Who keeps the next segment that should have gone.
    pub kept_for: Vec<KeptFor>,
    /// Segments that are missing though an older one was there: they were lost, not collected. With what went before
    /// them they are forgotten, so that this is the last word of them.
    pub missing: Vec<MissingSegment>,
}

impl Collected {
    /// How many bytes went.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Lines up to and including this position went.
    pub fn through(&self) -> Option<Position> {
        self.segments.last().map(|segment| segment.through)
    }
}

/// A segment that went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectedSegment {
    /// Its file, relative to the journal's directory.
    pub file: String,
    /// The last position that it may have held.
    pub through: Position,
    /// Its length.
    pub bytes: u64,
    /// Why it went.
    pub reason: CollectReason,
}

/// A segment that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingSegment {
    /// Its file, relative to the journal's directory.
    pub file: String,
    /// The last position that it may have held.
    pub through: Position,
}

/// Why a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CollectReason {
    /// All its events are too old.
    Age,
    /// There were too many bytes.
    Bytes,
}

/// A consumer for which a segment stayed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptFor {
    /// The consumer.
    pub consumer: ConsumerName,
    /// How far it has come, `None` if not at all; or why that is not known: reset it, or put a copy of its cursor back.
    pub position: Result<Option<Position>, CursorFault>,
}

/// Why garbage was not collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcError {
    /// A writer has held the lock all the time.
    #[error("cannot lock the journal: a writer has held {LOCK} for {} s; try again", PATIENCE.as_secs())]
    Locked,
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// `journal.json` is missing: a writer that opens the journal makes it anew.
    #[error("there is no journal.json: open the journal once to write, which makes it anew")]
    NoManifest,
    /// Something cannot be read or removed. What was removed until then is gone.
    #[error("cannot collect the garbage of the journal")]
    Collect(#[source] io::Error),
}

impl From<ManifestError> for GcError {
    fn from(error: ManifestError) -> Self {
        Self::Read(error.into())
    }
}

/// Removes what `retention` does not keep. The caller holds the journal's lock, under which `manifest` is current.
pub(crate) fn collect(
    reader: &JournalReader,
    manifest: &mut Manifest,
    retention: &Retention,
    now: Timestamp,
) -> io::Result<Collected> {
    if retention.keeps_all() {
        return Ok(Collected::default());
    }
    let plan = Plan::new(reader, manifest, retention, now)?;
    let storage = &**reader.storage();
    let (gone, failed) = remove(storage, &plan);
    if gone > 0 {
        storage.sync_folder(SEGMENTS)?;
        let kept = manifest.segments.iter().skip(gone).copied().collect();
        let rest = Manifest { segments: kept, ..manifest.clone() };
        rest.write(storage)?;
        *manifest = rest;
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(plan.into_collected()),
    }
}

/// Removes the files, oldest first, until one cannot be; says how many are gone.
fn remove(storage: &dyn Storage, plan: &Plan) -> (usize, Option<io::Error>) {
    for (gone, going) in plan.going.iter().enumerate() {
        match going.as_ref().map_or(Ok(()), |segment| storage.remove(&segment.file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return (gone, Some(error)),
            _gone => {}
        }
    }
    (plan.going.len(), None)
}

impl JournalReader {
    /// Removes segments whose events are all older than that and that no consumer needs, or tells which it would.
    ///
    /// # Errors
    /// [`GcError::Locked`] if a writer holds the lock for 5 s; the others if files cannot be used.
    pub fn collect_garbage(&self, older_than: Duration, mode: GcMode) -> Result<Collected, GcError> {
        self.collect(&Retention::new().max_age(older_than), mode, PATIENCE)
    }

    fn collect(&self, retention: &Retention, mode: GcMode, patience: Duration) -> Result<Collected, GcError> {
        let storage = &**self.storage();
        let _lock = match mode {
            GcMode::DryRun => None,
            GcMode::Remove => Some(lock(storage, patience)?),
        };
        let mut manifest = Manifest::read(storage)?.ok_or(GcError::NoManifest)?;
        let now = Timestamp::now();
        let collected = match mode {
            GcMode::DryRun => Plan::new(self, &manifest, retention, now).map(Plan::into_collected),
            GcMode::Remove => collect(self, &mut manifest, retention, now),
        };
        collected.map_err(GcError::Collect)
    }
}

/// Takes the journal's lock. Writers hold it for a batch at a time.
fn lock(storage: &dyn Storage, patience: Duration) -> Result<Box<dyn StorageFile>, GcError> {
    let until = Instant::now() + patience;
    loop {
        // Opened each time: once it is locked it has to be the file that everybody locks.
        let lock = storage.open(LOCK, Open::Lock).map_err(GcError::Collect)?;
        if lock.try_lock().and_then(|locked| Ok(locked && lock.is_current()?)).map_err(GcError::Collect)? {
            return Ok(lock);
        }
        if Instant::now() >= until {
            return Err(GcError::Locked);
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests;
