//! Verifying: whether a journal is as it was written.
//!
//! Each line has to follow by its chain from the one before, each segment from the end of the one before it and from
//! what `journal.json` says. Whatever is changed, removed, added or reordered breaks that, but for two things: oldest
//! segments that are gone count as removed by retention, and lines that are cut from the end of the last segment leave
//! no trace; signed heads tell of those.

use std::io;

use super::lines::Found;
use super::segment::{Segment, list};
use crate::journal::layout::{self, MANIFEST};
use crate::journal::line::{self, Line};
use crate::journal::position::Position;
use crate::journal::record::ReadError;
use crate::journal::storage::{Open, Storage};

mod before;
mod checker;
mod ending;
mod found;
mod plan;
mod repair;
mod witness;

use before::Before;
use checker::{Checker, End};
pub use found::{Damage, DamageFault, Unfinished, Verification};
use plan::{Plan, Planned};
#[cfg(feature = "audit")]
pub(crate) use witness::Seen;
pub(crate) use witness::Witness;

/// Verifies the journal on that storage, up to its end when that is reached; `witness` hears of what is found.
pub(super) fn verify<W: Witness>(storage: &dyn Storage, witness: W) -> Result<(Verification, W), ReadError> {
    let mut plan = Plan::read(storage)?;
    let mut walk = Walk { storage, checker: Checker::new(witness), end: None };
    let mut behind = None;
    while let Some(planned) = plan.behind(behind) {
        let before = planned.next_first.is_none().then(|| (walk.checker.clone(), walk.end.clone()));
        let is_settled = walk.segment(&plan, &planned)?;
        if let Some((checker, end)) = before {
            let newest = plan.newest_file();
            plan = Plan::read(storage)?;
            if !is_settled || plan.newest_file() > newest {
                // It was written to or sealed meanwhile: once more from its start.
                (walk.checker, walk.end) = (checker, end);
                continue;
            }
        }
        behind = Some(planned.first);
    }
    Ok(walk.checker.finish())
}

/// Goes from segment to segment.
struct Walk<'a, W> {
    storage: &'a dyn Storage,
    checker: Checker<W>,
    /// Where the segment before ended, if it was there.
    end: Option<End>,
}

impl<W: Witness> Walk<'_, W> {
    /// Verifies a segment; whether it stood still while that was done.
    fn segment(&mut self, plan: &Plan, planned: &Planned) -> Result<bool, ReadError> {
        let Some(mut segment) = Segment::open(self.storage, planned.first)? else {
            self.missing(plan, planned)?;
            // It may have got its name since it was looked for.
            return Ok(Segment::open(self.storage, planned.first)?.is_none());
        };
        if planned.is_stray {
            self.checker.damaged_at(planned.first, segment.file.clone(), 0, DamageFault::SegmentUnlisted);
        }
        let walked = self.walk(&mut segment, planned);
        walked.map_err(|source| segment.failed(source))
    }

    fn walk(&mut self, segment: &mut Segment, planned: &Planned) -> io::Result<bool> {
        let len = segment.lines.file().len()?;
        segment.lines.set_until(len);
        let before = self.before(segment, planned)?;
        self.checker.enter(segment.file.clone(), planned.first, planned.next_first, before);
        while let Some((at, found)) = segment.lines.advance()? {
            match found {
                Found::Line => self.checker.check(segment.lines.line(), at),
                Found::TooLong => {
                    let beginning = ending::beginning(segment.lines.file(), at)?;
                    self.checker.check_too_long(&beginning, at);
                }
            }
        }
        let at = segment.lines.place();
        let is_whole = at < len && ending::is_in(segment.lines.file(), at, len)?;
        if is_whole {
            let beginning = ending::beginning(segment.lines.file(), at)?;
            self.checker.damaged(at, line::position(&beginning), DamageFault::Newline);
        } else if at < len && planned.next_first.is_none() {
            let file = segment.file.clone();
            self.checker.found.unfinished = Some(Unfinished { file, at, bytes: len - at });
        }
        self.checker.count_segment(len, planned.is_listed);
        self.end = Some(self.checker.leave(at));
        // What looks like damage at the end may have been half of a write.
        let is_written_to = is_whole && segment.lines.file().len()? != len;
        Ok(!is_written_to && segment.lines.file().is_current()?)
    }

    /// The chain before the first line of a segment.
    fn before(&mut self, segment: &mut Segment, planned: &Planned) -> io::Result<Before> {
        let listed = planned.chain.map(Before::stated);
        let Some(end) = self.end.take() else { return Ok(listed.unwrap_or_default()) };
        let Some((chain, listed)) = planned.chain.zip(listed) else { return Ok(end.before) };
        if end.before.may_be(&chain) {
            return Ok(listed);
        }
        let found = segment.lines.advance()?;
        let first_line = found.and_then(|_| Line::split(segment.lines.line()).ok());
        let follows = |before: &Before| first_line.is_some_and(|line| before.leads_to(&line));
        let before = if follows(&end.before) && !follows(&listed) {
            self.checker.damaged_at(planned.first, MANIFEST.to_owned(), 0, DamageFault::ListedChain);
            end.before
        } else {
            let position = end.last.map_or(Some(Position::FIRST), Position::next).unwrap_or(planned.first);
            self.checker.damaged_at(position, end.file, end.at, DamageFault::LinesMissing);
            listed
        };
        segment.lines.go_to(0);
        Ok(before)
    }

    /// A segment is listed and not there. It was removed by retention if no older one is there; the newest may be about
    /// to get its name.
    fn missing(&mut self, plan: &Plan, planned: &Planned) -> Result<(), ReadError> {
        self.end = None;
        if planned.next_first.is_none()
            && self.storage.open(&layout::prepared(planned.first), Open::Read).is_ok()
        {
            return Ok(());
        }
        let files = list(self.storage)?;
        let has_older = files.first().is_some_and(|oldest| *oldest < planned.first);
        let is_newest = planned.next_first.is_none();
        if has_older || (is_newest && plan.was_written_to) {
            let file = layout::segment(planned.first);
            self.checker.damaged_at(planned.first, file, 0, DamageFault::SegmentMissing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
