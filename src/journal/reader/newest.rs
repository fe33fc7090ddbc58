//! When the newest event of a segment happened.

use std::sync::Arc;

use super::peek;
use super::scan::{Scan, Step};
use super::segment::Segment;
use crate::event::Timestamp;
use crate::journal::line::Line;
use crate::journal::position::Position;
use crate::journal::record::ReadError;
use crate::journal::storage::Storage;

/// The latest time of all readable events of a sealed segment that is not later than `now`; `now` if all are later, as
/// they are when the clock was set back; `None` if there is none.
///
/// Events may be appended with any time of their own, so that one from tomorrow would keep the segment for ever.
pub(crate) fn newest(
    storage: &Arc<dyn Storage>,
    first: Position,
    next_first: Position,
    now: Timestamp,
) -> Result<Option<Timestamp>, ReadError> {
    let Some(segment) = Segment::open(&**storage, first)? else { return Ok(None) };
    let mut scan = Scan::of_part(Arc::clone(storage), segment, Some(next_first), None, u64::MAX);
    let (mut newest, mut is_future) = (None, false);
    let mut scratch = Vec::new();
    loop {
        match scan.step()? {
            Step::Line { .. } => match time_of(scan.line(), &mut scratch) {
                Some(time) if time > now => is_future = true,
                time => newest = newest.max(time),
            },
            Step::End => return Ok(newest.or(is_future.then_some(now))),
            Step::Unreadable(_) | Step::Removed(_) | Step::Passed => {}
        }
    }
}

fn time_of(line: &[u8], scratch: &mut Vec<u8>) -> Option<Timestamp> {
    let line = Line::split(line).ok()?;
    peek::timestamp(line.body()).or_else(|| Some(line.decode(scratch).ok()?.timestamp()))
}
