//! Opening: making what a crash left into a log that can go on.
//!
//! | what is there | what is done |
//! |---|---|
//! | bytes behind the last newline | cut, and kept in `quarantine/` |
//! | lines of a segment that the next one holds too | cut: a write was being settled |
//! | a segment's file under a temporary name | gets its name if it is listed, else it is removed |
//! | a last line that cannot be read | a new segment begins behind it, at a position behind all that were reserved |
//! | no `journal.json`, but segments | it is made anew from them |
//! | the newest segment is gone, or the machine restarted without a clean close | positions go on behind all that were reserved |
//!
//! In this order: the manifest is read, or made anew; the segments are [tidied](tidy); the end of the newest one is
//! [examined](examine); positions go on behind those that are [used](used). All of it under the journal's lock. A
//! crash on the way leaves what the next opening makes good.

use std::sync::Arc;
use std::time::Duration;

use super::lock::LockFile;
use super::segment::{self, Active};
use super::{Log, Mark, Settings, open_manifest};
use crate::journal::chain;
use crate::journal::health::Problem;
use crate::journal::layout::{self, FOLDERS, SEGMENTS};
use crate::journal::manifest::{Manifest, SegmentStart};
use crate::journal::position::Position;
use crate::journal::storage::Storage;
use crate::journal::tail::Tail;

mod examine;
mod tidy;
mod used;

/// What stands for the boot of a machine that tells none: it is never equal to another.
const NO_BOOT: &str = "unknown";

/// How long opening waits for the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Why a journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the journal{}: {reason}", if directory.is_empty() { String::new() } else { format!(" in {directory}") })]
pub struct OpenError {
    pub(in crate::journal) directory: String,
    pub(in crate::journal) reason: String,
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Bytes of an unfinished write that were cut from the end.
    pub torn_bytes: u64,
    /// Where they are kept, relative to the journal's directory.
    pub quarantined: Option<String>,
    /// Lines in the part that was looked at that cannot be read or do not follow from the one before:
    /// [`verify`](crate::journal::JournalReader::verify) tells more.
    pub damaged_lines: u64,
    /// Whether the machine restarted without a clean close: lines that were not synced may be missing.
    pub machine_restarted: bool,
    /// Whether `journal.json` was gone and was made anew.
    pub manifest_rebuilt: bool,
    /// Segments that `journal.json` lists and that are gone, though an older one is there, or with all others: they were
    /// lost, and what was in them is no longer missed by [`verify`](crate::journal::JournalReader::verify) once nothing
    /// is left of what was before them.
    pub lost_segments: u64,
}

impl Recovery {
    /// Whether nothing had to be made good, and nothing was found that cannot be.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A journal's files before it can be written to.
struct Opening {
    storage: Arc<dyn Storage>,
    recovery: Recovery,
    manifest: Manifest,
    boot: String,
    /// Whether positions go on behind all that were reserved.
    skips: bool,
}

impl Log {
    /// Opens the log, which makes the directory a journal if it is none.
    pub(in crate::journal) fn open(
        storage: Arc<dyn Storage>,
        settings: Settings,
        tail: Arc<Tail>,
    ) -> Result<(Self, Recovery), Problem> {
        storage.create_folder("").map_err(Problem::io("create", "the directory"))?;
        let mut lock = LockFile::new();
        match lock.acquire(&*storage, LOCK_PATIENCE) {
            Err(Problem::Busy) => return Err(Problem::Locked { waited: LOCK_PATIENCE }),
            acquired => acquired?,
        }
        let opened = Opening::begin(storage).and_then(|opening| opening.finish(settings, lock, tail));
        opened.map(|(mut log, recovery)| {
            if !recovery.is_nothing() {
                crate::journal::report::recovered(&recovery);
            }
            log.collect_garbage();
            log.lock.release();
            (log, recovery)
        })
    }
}

impl Opening {
    fn begin(storage: Arc<dyn Storage>) -> Result<Self, Problem> {
        for folder in FOLDERS {
            storage.create_folder(folder).map_err(Problem::io("create", folder))?;
        }
        storage.sync_folder("").map_err(Problem::io("sync", "the directory"))?;
        let boot = storage.boot().unwrap_or_else(|| NO_BOOT.to_owned());
        let read = Manifest::read(&*storage)?;
        let mut recovery = Recovery::default();
        let marked = read.as_ref().and_then(|manifest| manifest.boot.as_deref());
        recovery.machine_restarted = marked.is_some_and(|marked| marked != boot || boot == NO_BOOT);
        let files = segments(&*storage)?;
        recovery.manifest_rebuilt = read.is_none() && !files.is_empty();
        let skips = recovery.machine_restarted || recovery.manifest_rebuilt;
        let manifest = read.unwrap_or_else(|| {
            let segments = files.iter().map(|first| SegmentStart { first: *first, chain: None }).collect();
            Manifest { segments, ..Manifest::new() }
        });
        Ok(Self { storage, recovery, manifest, boot, skips })
    }

    fn finish(
        mut self,
        settings: Settings,
        lock: LockFile,
        tail: Arc<Tail>,
    ) -> Result<(Log, Recovery), Problem> {
        let read = self.manifest.clone();
        let files = self.tidy()?;
        self.recovery.lost_segments = self.lost_segments(&files);
        let (mut end, goes_on_in) = match (self.manifest.segments.last().copied(), files.last()) {
            (None, _) => (Mark { last: 0, chain: chain::genesis(self.manifest.id), at: 0 }, None),
            (Some(listed), Some(newest)) if listed.first == *newest => self.examine_active(*newest)?,
            (Some(listed), newest) => (self.end_without(listed, newest.copied())?, None),
        };
        let last = end.last;
        end.last = self.last_used(last)?;
        let active = match goes_on_in {
            // Others may write meanwhile: that positions are passed over they learn by a new segment.
            Some(first) if last == end.last => Active { first, file: segment::open(&*self.storage, first)? },
            _ => self.begin_segment(&mut end)?,
        };
        if self.recovery.manifest_rebuilt {
            self.manifest.reserved = end.last;
        }
        if self.manifest != read || self.recovery.manifest_rebuilt {
            self.manifest.write(&*self.storage).map_err(Problem::io("write", layout::MANIFEST))?;
        }
        let log = Log {
            manifest_file: open_manifest(&*self.storage)?,
            storage: self.storage,
            settings,
            boot: self.boot,
            lock,
            manifest: self.manifest,
            manifest_in_doubt: false,
            active,
            end,
            believed: end,
            retained: Vec::new(),
            suspect: None,
            misses_sync: false,
            lines: Vec::new(),
            positions: Vec::new(),
            tail,
            announced: false,
        };
        Ok((log, self.recovery))
    }

    /// How many listed segments were lost: retention removes the oldest, and never the newest.
    fn lost_segments(&self, files: &[Position]) -> u64 {
        let was_written_to = self.manifest.reserved > 0;
        let is_lost = |first: Position| match files.first() {
            Some(oldest) => first > *oldest && !files.contains(&first),
            None => was_written_to,
        };
        self.manifest.segments.iter().filter(|start| is_lost(start.first)).count() as u64
    }

    /// Goes on in a new segment behind `end`.
    fn begin_segment(&mut self, end: &mut Mark) -> Result<Active, Problem> {
        // Never over a segment that is there or listed, whatever a damaged or old `journal.json` says.
        let listed = self.manifest.segments.last().map(|start| start.first);
        let newest = listed.max(segments(&*self.storage)?.last().copied());
        end.last = end.last.max(newest.map_or(0, Position::get));
        let first = Position::new(end.last + 1).ok_or(Problem::Full)?;
        segment::prepare(&*self.storage, first, &[])?;
        self.manifest.segments.push(SegmentStart { first, chain: Some(end.chain) });
        self.manifest.write(&*self.storage).map_err(Problem::io("write", layout::MANIFEST))?;
        end.at = 0;
        Ok(Active { first, file: segment::place(&*self.storage, first)? })
    }
}

fn list(storage: &dyn Storage, folder: &str) -> Result<Vec<String>, Problem> {
    storage.list(folder).map_err(Problem::io("list", folder))
}

/// The segments there are, ascending.
fn segments(storage: &dyn Storage) -> Result<Vec<Position>, Problem> {
    let mut firsts: Vec<_> =
        list(storage, SEGMENTS)?.iter().filter_map(|name| layout::segment_first(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}
