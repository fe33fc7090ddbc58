//! Examining where the log ends.
//!
//! It ends behind the last newline of its newest segment: what stands behind that is an unfinished write, which is cut
//! once a copy of it is safe in `quarantine/`. Lines that cannot be read are counted and stay where they are; if the
//! last one is, how far the log went is not known, and it goes on in a new segment.

use std::io;

use super::Opening;
use crate::journal::chain;
use crate::journal::health::Problem;
use crate::journal::layout::{self, QUARANTINE};
use crate::journal::log::scan::{From, Scanned, scan};
use crate::journal::log::segment::{self, Active};
use crate::journal::log::{Log, Mark, read_range};
use crate::journal::manifest::SegmentStart;
use crate::journal::position::Position;
use crate::journal::storage::{Open, Storage, StorageFile, append_all};

/// How much of a segment's end is looked at when the machine did not restart, in bytes: more than two of the longest
/// lines.
pub(super) const ENOUGH: u64 = 4 << 20;

/// How much is copied at once, in bytes.
const PIECE: u64 = 1 << 20;

impl Opening {
    /// Where a segment ends, after a look at as much of it as is needed.
    pub(super) fn scan_end(&self, first: Position) -> Result<(Box<dyn StorageFile>, Scanned), Problem> {
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
    pub(super) fn examine_active(&mut self, first: Position) -> Result<(Mark, Option<Position>), Problem> {
        let (file, scanned) = self.scan_end(first)?;
        if scanned.is_torn() {
            let active = Active { first, file };
            let kept = quarantine(&*self.storage, &active, scanned.end, scanned.len)?;
            self.recovery.torn_bytes = scanned.len - scanned.end;
            self.recovery.quarantined = Some(kept);
        }
        self.recovery.damaged_lines = scanned.faults;
        // Lines may have been there: where none is left, nobody knows how far they went.
        self.skips |= scanned.len == 0 && self.manifest.reserved > 0;
        let chain = scanned.chain.unwrap_or_else(|| chain::genesis(self.manifest.id));
        let end = Mark { last: scanned.last, chain, at: scanned.end };
        if scanned.ends_unreadable {
            self.skips = true;
            return Ok((end, None));
        }
        Ok((end, Some(first)))
    }

    /// The end of a log whose newest segment, as it is listed, is not there.
    pub(super) fn end_without(
        &mut self,
        listed: SegmentStart,
        newest: Option<Position>,
    ) -> Result<Mark, Problem> {
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
}

impl Log {
    /// Cuts the bytes behind the last newline of the active segment, and keeps them.
    pub(in crate::journal::log) fn quarantine(&self, found: &Scanned) -> Result<(), Problem> {
        quarantine(&*self.storage, &self.active, found.end, found.len).map(drop)
    }
}

/// Cuts the bytes from `end` on and keeps them in a file of their own, whose name it gives.
fn quarantine(storage: &dyn Storage, active: &Active, end: u64, len: u64) -> Result<String, Problem> {
    let (first, id) = (active.first, crate::event::source::stamp().1);
    let kept = format!("{QUARANTINE}/{:020}-{end}-{id}", first.get());
    let keep = || -> io::Result<()> {
        let file = storage.open(&kept, Open::Create)?;
        let mut at = end;
        while at < len {
            let until = len.min(at + PIECE);
            append_all(&*file, &read_range(&*active.file, at, until)?)?;
            at = until;
        }
        file.sync()?;
        storage.sync_folder(QUARANTINE)
    };
    keep().map_err(Problem::io("write", kept.clone()))?;
    let cut = active.file.cut(end).and_then(|()| active.file.sync());
    cut.map_err(Problem::io("cut", active.name()))?;
    crate::journal::report::torn(&active.name(), len - end, &kept);
    Ok(kept)
}
