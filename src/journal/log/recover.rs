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

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::lock::LockFile;
use super::scan::{From, Scanned, scan};
use super::segment::{self, Active};
use super::{Log, Mark, RESERVED, Settings, open_manifest, read_range};
use crate::journal::chain;
use crate::journal::health::Problem;
use crate::journal::layout::{self, CURSORS, FOLDERS, HEADS, QUARANTINE, SEGMENTS};
use crate::journal::line;
use crate::journal::manifest::{Manifest, SegmentStart};
use crate::journal::position::Position;
use crate::journal::storage::{Open, Storage, StorageFile, append_all, read_whole};
use crate::journal::tail::Tail;

/// What stands for the boot of a machine that tells none: it is never equal to another.
const NO_BOOT: &str = "unknown";

/// How much of a segment's end is looked at when the machine did not restart, in bytes: more than two of the longest
/// lines.
const ENOUGH: u64 = 4 << 20;

/// The longest cursor or head that is looked into, in bytes.
const MAX_TOLD_BYTES: usize = 1 << 20;

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
            log.collect_garbage();
            log.lock.release();
            (log, recovery)
        })
    }

    /// Cuts the bytes behind the last newline of the active segment, and keeps them.
    pub(super) fn quarantine(&self, found: &Scanned) -> Result<(), Problem> {
        quarantine(&*self.storage, &self.active, found.end, found.len).map(drop)
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
        let (mut end, goes_on_in) = match (self.manifest.segments.last().copied(), files.last()) {
            (None, _) => (Mark { last: 0, chain: chain::genesis(self.manifest.id), at: 0 }, None),
            (Some(listed), Some(newest)) if listed.first == *newest => self.examine_active(*newest)?,
            (Some(listed), newest) => (self.end_without(listed, newest.copied())?, None),
        };
        end.last = self.last_used(end.last)?;
        let active = match goes_on_in {
            Some(first) => Active { first, file: segment::open(&*self.storage, first)? },
            None => self.begin_segment(&mut end)?,
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

    /// Removes what a crash left over, lists what it did not come to list, and gives the segments there are.
    fn tidy(&mut self) -> Result<Vec<Position>, Problem> {
        self.place_prepared()?;
        let mut files = segments(&*self.storage)?;
        let mut newest_listed = self.manifest.segments.last().map(|start| start.first);
        for (place, first) in files.clone().into_iter().enumerate() {
            if newest_listed.is_some_and(|newest| first <= newest) {
                continue;
            }
            let before = place.checked_sub(1).and_then(|before| files.get(before)).copied();
            let end = before.map(|before| self.scan_end(before).map(|(_, end)| end)).transpose()?;
            if end.as_ref().is_some_and(|end| end.last >= first.get()) {
                // Copies of lines that still stand in the segment before: a write was being settled.
                let (name, id) = (layout::segment(first), crate::event::source::stamp().1);
                let kept = format!("{QUARANTINE}/{:020}-unlisted-{id}", first.get());
                self.storage.rename(&name, &kept).map_err(Problem::io("move", name))?;
                files.retain(|other| *other != first);
                break;
            }
            self.manifest.segments.push(SegmentStart { first, chain: end.and_then(|end| end.chain) });
            newest_listed = Some(first);
        }
        if let [.., before, newest] = files.as_slice() {
            self.cut_leftovers(*before, *newest)?;
        }
        Ok(files)
    }

    /// Gives prepared segments that were listed their names, and removes the others.
    fn place_prepared(&self) -> Result<(), Problem> {
        let files = segments(&*self.storage)?;
        for name in list(&*self.storage, SEGMENTS)? {
            let Some(prepared) = name.strip_suffix(".tmp") else { continue };
            let first = layout::segment_first(prepared).filter(|first| !files.contains(first));
            let listed =
                first.filter(|first| self.manifest.segments.iter().any(|start| start.first == *first));
            if let Some(first) = listed {
                segment::place(&*self.storage, first)?;
            } else {
                let name = format!("{SEGMENTS}/{name}");
                self.storage.remove(&name).map_err(Problem::io("remove", name))?;
            }
        }
        Ok(())
    }

    /// Cuts from a sealed segment what the next one holds too, and a torn copy of it.
    fn cut_leftovers(&self, sealed: Position, next: Position) -> Result<(), Problem> {
        let name = layout::segment(sealed);
        let file = segment::open(&*self.storage, sealed)?;
        let len = file.len().map_err(Problem::io("look at", name.clone()))?;
        let begin = len.saturating_sub(ENOUGH);
        let bytes = read_range(&*file, begin, len).map_err(Problem::io("read", name.clone()))?;
        let (mut end, mut chain) = (begin, None);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_torn = !line.ends_with(b"\n") && !line::holds_ending(line);
            if is_torn || line::position(line).is_some_and(|position| position >= next) {
                break;
            }
            end += line.len() as u64;
            chain = line::chain_of(line);
        }
        if chain.is_none() && end == 0 {
            chain = self.manifest.chain_at(sealed);
        }
        // Only if the next segment goes on right behind what stays: else it is damage, which stays as it is.
        if chain.is_none() || chain != self.manifest.chain_at(next) {
            return Ok(());
        }
        if end < len {
            file.cut(end).and_then(|()| file.sync()).map_err(Problem::io("cut", name))?;
        }
        Ok(())
    }

    /// Where a segment ends, after a look at as much of it as is needed.
    fn scan_end(&self, first: Position) -> Result<(Box<dyn StorageFile>, Scanned), Problem> {
        let name = layout::segment(first);
        let file = segment::open(&*self.storage, first)?;
        let read = || -> io::Result<Scanned> {
            let len = file.len()?;
            let from = From { at: 0, last: first.get() - 1, chain: self.manifest.chain_at(first) };
            if self.skips || len <= ENOUGH {
                return scan(&*file, from);
            }
            let part = read_range(&*file, len - ENOUGH, len)?;
            match memchr::memchr(b'\n', &part) {
                Some(newline) => {
                    let at = len - ENOUGH + newline as u64 + 1;
                    scan(&*file, From { at, chain: None, ..from })
                }
                None => scan(&*file, from),
            }
        };
        let scanned = read().map_err(Problem::io("read", name))?;
        Ok((file, scanned))
    }

    /// The end of the newest segment, and itself if the log goes on in it.
    fn examine_active(&mut self, first: Position) -> Result<(Mark, Option<Position>), Problem> {
        let (file, scanned) = self.scan_end(first)?;
        if scanned.is_torn() {
            let active = Active { first, file };
            let kept = quarantine(&*self.storage, &active, scanned.end, scanned.len)?;
            self.recovery.torn_bytes = scanned.len - scanned.end;
            self.recovery.quarantined = Some(kept);
        }
        self.recovery.damaged_lines = scanned.faults;
        let chain = scanned.chain.unwrap_or_else(|| chain::genesis(self.manifest.id));
        let end = Mark { last: scanned.last, chain, at: scanned.end };
        if scanned.ends_unreadable {
            self.skips = true;
            return Ok((end, None));
        }
        Ok((end, Some(first)))
    }

    /// The end of a log whose newest segment, as it is listed, is not there.
    fn end_without(&mut self, listed: SegmentStart, newest: Option<Position>) -> Result<Mark, Problem> {
        // Without a line ever written it was not made yet.
        self.skips |= self.manifest.reserved > 0;
        let last = match newest {
            Some(newest) => self.scan_end(newest)?.1.last,
            None => 0,
        };
        let chain = listed.chain.unwrap_or_else(|| chain::genesis(self.manifest.id));
        if self.manifest.reserved == 0 {
            self.manifest.segments.pop();
        }
        Ok(Mark { last: last.max(listed.first.get() - 1), chain, at: 0 })
    }

    /// The last position that anybody may have seen.
    fn last_used(&self, last: u64) -> Result<u64, Problem> {
        let mut used = last.max(highest(&*self.storage, CURSORS)?).max(highest(&*self.storage, HEADS)?);
        // After a clean close what is reserved was used, also where its lines are gone.
        if self.skips || self.manifest.boot.is_none() {
            used = used.max(self.manifest.reserved);
        }
        if self.recovery.manifest_rebuilt {
            used = used.saturating_add(RESERVED);
        }
        if used < Position::MAX.get() { Ok(used) } else { Err(Problem::Full) }
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

/// Cuts the bytes from `end` on and keeps them in a file of their own, whose name it gives.
fn quarantine(storage: &dyn Storage, active: &Active, end: u64, len: u64) -> Result<String, Problem> {
    let (first, id) = (active.first, crate::event::source::stamp().1);
    let kept = format!("{QUARANTINE}/{:020}-{end}-{id}", first.get());
    let keep = || -> io::Result<()> {
        let bytes = read_range(&*active.file, end, len)?;
        let file = storage.open(&kept, Open::Create)?;
        append_all(&*file, &bytes)?;
        file.sync()?;
        storage.sync_folder(QUARANTINE)
    };
    keep().map_err(Problem::io("write", kept.clone()))?;
    let cut = active.file.cut(end).and_then(|()| active.file.sync());
    cut.map_err(Problem::io("cut", active.name()))?;
    crate::journal::report::torn(&active.name(), len - end, &kept);
    Ok(kept)
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

/// The highest position that a file of that folder tells; what cannot be read tells none.
fn highest(storage: &dyn Storage, folder: &str) -> Result<u64, Problem> {
    #[derive(serde::Deserialize)]
    struct Told {
        position: u64,
    }
    let mut highest = 0;
    for name in list(storage, folder)?.iter().filter(|name| name.strip_suffix(".json").is_some()) {
        let Ok(bytes) = read_whole(storage, &format!("{folder}/{name}"), MAX_TOLD_BYTES) else { continue };
        let told = serde_json::from_slice(&bytes).ok().and_then(|told: Told| Position::new(told.position));
        highest = highest.max(told.map_or(0, Position::get));
    }
    Ok(highest)
}
