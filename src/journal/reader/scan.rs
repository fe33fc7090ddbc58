//! [`Scan`]: the lines of a journal, segment after segment.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::lines::{Found, Lines};
use super::seek::{self, Anchor};
use super::segment::{Segment, list};
use super::sequence::{Place, Sequence, Verdict};
use crate::journal::line::LineFault;
use crate::journal::position::Position;
use crate::journal::record::{ReadError, Unreadable};
use crate::journal::storage::Storage;

/// How many positions are rather read over than looked for anew: lines that cannot be read may stand among them.
const RATHER_READ: u64 = 4096;

/// The lines of a journal from a place on, without a look at what they hold.
#[derive(Debug)]
pub(super) struct Scan {
    storage: Arc<dyn Storage>,
    /// Where it is; `None` before the first segment.
    segment: Option<Segment>,
    /// The first positions of the segments behind it, as they were listed last.
    behind: VecDeque<Position>,
    sequence: Sequence,
    /// A line that is to be judged again, and where it begins.
    again: Option<(u64, Found)>,
    /// Whether it began in the midst of the segment that it is in, at an anchor.
    is_midway: bool,
    /// For a part of one segment.
    part: Option<Part>,
}

/// How it went with a part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Each line goes on from the one before.
    InOrder,
    /// Its lines can be judged only if all before are.
    Disordered,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A line in its place: [`Scan::line`].
    Line {
        /// Its position.
        position: Position,
        /// Where it begins in its file, in bytes.
        at: u64,
    },
    /// A line that is none.
    Unreadable(Unreadable),
    /// Lines up to that position are gone.
    Removed(Position),
    /// A line that is not asked for.
    Passed,
    /// There is no more, now.
    End,
}

impl Scan {
    /// Of what stands behind `after`.
    pub(super) fn new(storage: Arc<dyn Storage>, after: Option<Position>) -> Self {
        Self::of(storage, VecDeque::new(), Sequence::new(after))
    }

    /// Of everything, for somebody who asks for what stands behind `after`.
    pub(super) fn from_start(storage: Arc<dyn Storage>, after: Option<Position>) -> Self {
        Self::of(storage, VecDeque::new(), Sequence::from_start(after))
    }

    /// Of what stands behind the last line there is now.
    pub(super) fn at_end(storage: &Arc<dyn Storage>) -> Result<Self, ReadError> {
        let firsts = list(&**storage)?;
        let mut scan = Self::new(Arc::clone(storage), None);
        // The last segments may be without lines.
        for place in (0..firsts.len()).rev() {
            let behind = firsts.iter().skip(place).copied().collect();
            scan = Self::of(Arc::clone(storage), behind, Sequence::new(None));
            scan.open_next()?;
            scan.resume(seek::near_end)?;
            while scan.step()? != Step::End {}
            if scan.known().is_some() {
                break;
            }
        }
        Ok(scan)
    }

    /// Of the lines of one segment behind an anchor, or its start, and not behind `until`, in bytes.
    pub(super) fn of_part(
        storage: Arc<dyn Storage>,
        mut segment: Segment,
        next_first: Option<Position>,
        anchor: Option<Anchor>,
        until: u64,
    ) -> Self {
        let mut scan = Self::of(storage, VecDeque::new(), Sequence::new(None));
        segment.lines.set_until(until);
        scan.sequence.enter(segment.first, next_first);
        (scan.segment, scan.part) = (Some(segment), Some(Part::InOrder));
        scan.go_behind(anchor);
        scan
    }

    fn of(storage: Arc<dyn Storage>, behind: VecDeque<Position>, sequence: Sequence) -> Self {
        Self { storage, segment: None, behind, sequence, again: None, is_midway: false, part: None }
    }

    /// Of a part: whether each of its lines goes on from the one before, and what stands behind it from the last: the
    /// part behind an anchor at that position, or the next segment.
    pub(super) fn is_in_order(&self, behind: Option<Position>, next_first: Option<Position>) -> bool {
        let reaches = |next: Position| self.sequence.next() >= next.get();
        self.part == Some(Part::InOrder)
            && match behind {
                Some(last) => self.sequence.previous() == Some(last),
                None => next_first.is_none_or(reaches),
            }
    }

    /// Gives the segment back that it is in.
    pub(super) fn into_segment(self) -> Option<Segment> {
        self.segment
    }

    /// The first position of the segment that it is in.
    #[cfg(feature = "audit")]
    pub(super) fn segment_first(&self) -> Option<Position> {
        self.segment.as_ref().map(|segment| segment.first)
    }

    /// The line of the last [`Step::Line`].
    pub(super) fn line(&self) -> &[u8] {
        self.segment.as_ref().map_or(&[], |segment| segment.lines.line())
    }

    /// Which positions it knows.
    pub(super) fn place(&self) -> Place {
        self.sequence.place()
    }

    /// Takes back that the line found last, at that place in its file, is in its place: it holds nothing, and the line
    /// that belongs there may follow. What tells of it, if it is asked for.
    pub(super) fn reject(&mut self, before: Place, at: u64, fault: LineFault) -> Option<Unreadable> {
        self.sequence.go_back(before);
        if self.is_midway {
            self.begin_again();
            return None;
        }
        let is_asked_for =
            self.sequence.pass(self.segment.as_ref().map_or(&[], |segment| segment.lines.line()));
        is_asked_for.then(|| self.unreadable(at, fault))
    }

    /// What tells that the line at that place in the file cannot be read.
    fn unreadable(&self, at: u64, fault: LineFault) -> Unreadable {
        let file = self.segment.as_ref().map(|segment| segment.file.clone()).unwrap_or_default();
        Unreadable { after: self.sequence.previous(), file, at, fault }
    }

    /// The greatest position that it has seen or that is not asked for.
    pub(super) fn known(&self) -> Option<Position> {
        self.sequence.floor()
    }

    /// Goes one step.
    pub(super) fn step(&mut self) -> Result<Step, ReadError> {
        if let Some((at, found)) = self.again.take() {
            return self.judge(at, found);
        }
        let Some(segment) = &mut self.segment else { return self.begin() };
        match segment.lines.advance() {
            Ok(Some((at, found))) => self.judge(at, found),
            Ok(None) => self.leave(),
            Err(source) => Err(segment.failed(source)),
        }
    }

    /// Judges the line found at that place. One at fault is read again before it is told: it may have been read while
    /// it was cut away and written anew.
    fn judge(&mut self, at: u64, found: Found) -> Result<Step, ReadError> {
        let Some(segment) = &mut self.segment else { return Ok(Step::End) };
        let mut found = Some(found);
        let mut is_read_again = false;
        while let Some(kind) = found {
            let line = segment.lines.line();
            let goes_on = !self.is_midway || kind == Found::Line && self.sequence.goes_on_with(line);
            let fault = match kind {
                _ if !goes_on => return Ok(self.begin_again()),
                Found::TooLong => LineFault::TooLong,
                Found::Line => match self.sequence.judge(line, segment.lines.ahead()) {
                    Verdict::Wanted(position) => return Ok(Step::Line { position, at }),
                    Verdict::Passed => return Ok(Step::Passed),
                    Verdict::Missing(through) => {
                        self.again = Some((at, kind));
                        return Ok(self.removed(through));
                    }
                    Verdict::Fault(_) if self.is_midway => return Ok(self.begin_again()),
                    Verdict::Fault(fault) => fault,
                },
            };
            if is_read_again || kind == Found::TooLong {
                let is_asked_for = self.sequence.pass(line);
                let told = is_asked_for.then(|| self.unreadable(at, fault));
                return Ok(told.map_or(Step::Passed, Step::Unreadable));
            }
            found =
                segment.lines.read_again().map_err(|source| segment.failed(source))?.map(|(_, found)| found);
            is_read_again = true;
        }
        Ok(Step::Passed)
    }

    /// Reads the segment from its start: lines stand in it that show that an anchor in it cannot be relied on.
    fn begin_again(&mut self) -> Step {
        if let Some(part) = &mut self.part {
            *part = Part::Disordered;
            return Step::End;
        }
        self.is_midway = false;
        if let Some(segment) = &mut self.segment {
            segment.lines.go_to(0);
            self.sequence.begin_again(segment.first);
        }
        Step::Passed
    }

    fn removed(&mut self, through: Position) -> Step {
        if self.sequence.tell_removed(through) { Step::Removed(through) } else { Step::Passed }
    }

    /// Opens the segment in which reading begins.
    fn begin(&mut self) -> Result<Step, ReadError> {
        let firsts = list(&*self.storage)?;
        let after = self.sequence.floor();
        let next = after.and_then(Position::next).unwrap_or(Position::FIRST);
        let place = firsts.partition_point(|first| *first <= next).saturating_sub(1);
        self.behind = firsts.into_iter().skip(place).collect();
        let Some(first) = self.open_next()? else { return Ok(Step::End) };
        let Some(after) = after else { return Ok(Step::Passed) };
        self.resume(|lines| seek::bisect(lines, after))?;
        let gone = first.previous().filter(|gone| *gone >= next);
        Ok(gone.map_or(Step::Passed, |through| self.removed(through)))
    }

    /// Goes to the anchor that is found in this segment.
    fn resume(
        &mut self,
        find: impl FnOnce(&mut Lines) -> io::Result<Option<Anchor>>,
    ) -> Result<(), ReadError> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let anchor = find(&mut segment.lines).map_err(|source| segment.failed(source))?;
        self.go_behind(anchor);
        Ok(())
    }

    fn go_behind(&mut self, anchor: Option<Anchor>) {
        let Some(segment) = &mut self.segment else { return };
        segment.lines.go_to(anchor.map_or(0, |anchor| anchor.at));
        if let Some(anchor) = anchor {
            self.sequence.resume_behind(anchor.position, anchor.chain);
            self.is_midway = true;
        }
    }

    /// Goes on behind the last line of a segment.
    fn leave(&mut self) -> Result<Step, ReadError> {
        let Some(segment) = self.segment.as_ref().filter(|_| self.part.is_none()) else {
            return Ok(Step::End);
        };
        let Some(next) = self.behind.front().copied() else {
            // Lines may have come to this one before the next was begun: it is read to its end once more.
            self.behind = list(&*self.storage)?.into_iter().filter(|first| *first > segment.first).collect();
            let Some(next) = self.behind.front() else { return Ok(Step::End) };
            self.sequence.set_next_first(*next);
            return Ok(Step::Passed);
        };
        let is_missing = self.sequence.next() < next.get();
        if self.is_midway && is_missing {
            return Ok(self.begin_again());
        }
        let at = segment.lines.place();
        let is_torn = segment.lines.file().len().map_err(|source| segment.failed(source))? > at;
        // If nothing is missing before the next segment, what is torn was written again there.
        let is_told = is_torn && is_missing && self.sequence.pass(&[]);
        let told = is_told.then(|| self.unreadable(at, LineFault::NoChain));
        self.open_next()?;
        Ok(told.map_or(Step::Passed, Step::Unreadable))
    }

    /// Opens the next segment that is still there.
    fn open_next(&mut self) -> Result<Option<Position>, ReadError> {
        while let Some(first) = self.behind.pop_front() {
            if let Some(segment) = Segment::open(&*self.storage, first)? {
                self.sequence.enter(first, self.behind.front().copied());
                (self.segment, self.is_midway) = (Some(segment), false);
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Goes on after the end; everything up to `known` was had from elsewhere. The file may have been cut meanwhile, or
    /// another put in its place: lines that come again are not given again.
    pub(super) fn resume_behind(&mut self, known: Option<Position>) -> Result<(), ReadError> {
        let [here, there] = [self.known(), known].map(|place| place.map_or(0, Position::get));
        if there.saturating_sub(here) > RATHER_READ {
            *self = Self::new(Arc::clone(&self.storage), known);
            return Ok(());
        }
        self.sequence.know(known);
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let looked = segment.lines.file().len().and_then(|len| Ok((len, segment.lines.file().is_current()?)));
        let (len, is_current) = looked.map_err(|source| segment.failed(source))?;
        if is_current {
            if segment.lines.look_again(len) {
                self.sequence.restart(segment.first);
            }
        } else if let Some(replaced) = Segment::open(&*self.storage, segment.first)? {
            *segment = replaced;
            self.sequence.restart(segment.first);
        }
        Ok(())
    }
}
