//! Finding a place in a segment without reading what stands before it.
//!
//! A line is believed where it stands if its chain follows from the line before it: a damaged position leads nowhere.
//! Lines that were copied to another place are believed too, so whoever reads on from an anchor and comes to a line that
//! does not go on from there reads the segment from its start.

use std::io;

use super::lines::{Found, Lines};
use crate::event::Hash;
use crate::journal::line::{self, Line};
use crate::journal::position::Position;

/// What is read rather than bisected further, in bytes.
const NEAR: u64 = 16 << 10;

/// A place behind a line that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The place, in bytes.
    pub(super) at: u64,
    /// The line's position.
    pub(super) position: Position,
    /// The chain behind it.
    pub(super) chain: Hash,
}

/// The first anchor whose line begins behind that place; it ends before `until`.
pub(super) fn anchor(lines: &mut Lines, from: u64, until: u64) -> io::Result<Option<Anchor>> {
    // The byte before may be a newline: then a line begins right here.
    lines.go_to(from.saturating_sub(1));
    lines.set_until(until);
    let mut before = None;
    let mut is_whole = from == 0;
    let mut found = None;
    while let Some((_, kind)) = lines.advance()? {
        let bytes = if kind == Found::Line && is_whole { lines.line() } else { &[] };
        if let (Some(before), Ok(line)) = (before, Line::split(bytes))
            && line.follows(&before)
        {
            found = Some(Anchor { at: lines.place(), position: line.position, chain: line.chain });
            break;
        }
        before = line::chain_of(bytes);
        is_whole = true;
    }
    lines.set_until(u64::MAX);
    Ok(found)
}

/// A place behind which `position` is soon followed by the next: the last anchor found by bisection that is not behind
/// it; `None` for the beginning, and where lines are in no order that could be bisected.
pub(super) fn bisect(lines: &mut Lines, position: Position) -> io::Result<Option<Anchor>> {
    let (mut low, mut high) = (0, lines.file().len()?);
    let mut best: Option<Anchor> = None;
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match anchor(lines, middle, high)? {
            Some(found) if best.is_some_and(|best| found.position <= best.position) => return Ok(None),
            Some(found) if found.position <= position => {
                low = found.at;
                best = Some(found);
            }
            _ => high = middle,
        }
    }
    Ok(best)
}

/// An anchor near the end; `None` for the beginning.
pub(super) fn near_end(lines: &mut Lines) -> io::Result<Option<Anchor>> {
    let len = lines.file().len()?;
    let mut span = NEAR;
    while span < len {
        if let Some(found) = anchor(lines, len - span, u64::MAX)? {
            return Ok(Some(found));
        }
        span *= 4;
    }
    Ok(None)
}
