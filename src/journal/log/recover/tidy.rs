//! Tidying what a writer that died left in `segments/`.
//!
//! Afterwards the segments that are used are listed, their files have their names, and the newest two do not hold the
//! same lines. Of two copies of a line one stays: that in the later segment if it is listed, else that in the earlier.
//! A segment that was not listed and repeats lines is kept in `quarantine/`; one that was only prepared is removed.
//! What may be damage and no leftover stays as it is, for `verify` to tell of.

use super::examine::ENOUGH;
use super::{Opening, list, segments};
use crate::journal::health::Problem;
use crate::journal::layout::{self, QUARANTINE, SEGMENTS};
use crate::journal::line;
use crate::journal::log::{read_range, segment};
use crate::journal::manifest::SegmentStart;
use crate::journal::position::Position;

impl Opening {
    /// Removes what a crash left over, lists what it did not come to list, and gives the segments there are.
    pub(super) fn tidy(&mut self) -> Result<Vec<Position>, Problem> {
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
}
