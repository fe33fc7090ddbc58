//! [`Reading`]: what stands in a journal, one entry after the other.

use std::sync::Arc;

use super::scan::{Scan, Step};
use crate::filter::Filter;
use crate::journal::line::{Line, LineFault};
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, Recorded};
use crate::journal::storage::Storage;

/// What stands in a journal from a place on, to its end at the time when it is reached. Made by
/// [`JournalReader::read`](crate::journal::JournalReader::read).
///
/// It reads files while it is asked for the next entry: in async code it belongs into a blocking task. After an error
/// it is at its end.
#[derive(Debug)]
#[must_use = "nothing is read before an entry is asked for"]
pub struct Reading {
    scan: Scan,
    filter: Filter,
    /// Memory to decode in.
    scratch: Vec<u8>,
    is_over: bool,
}

impl Reading {
    pub(super) fn new(storage: Arc<dyn Storage>, after: Option<Position>, filter: Filter) -> Self {
        Self { scan: Scan::new(storage, after), filter, scratch: Vec::new(), is_over: false }
    }

    /// The events alone; the rest is counted.
    pub fn events(self) -> Events {
        Events { reading: self, unreadable: 0, removed: 0 }
    }

    /// The next entry; `None` at the end, behind which more may come.
    fn advance(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            let before = self.scan.previous();
            match self.scan.step()? {
                Step::Line { position, at } => match self.decode(position) {
                    Ok(None) => {}
                    Ok(Some(recorded)) => return Ok(Some(Entry::Event(recorded))),
                    Err(fault) => {
                        return Ok(Some(Entry::Unreadable(self.scan.unreadable(before, at, fault))));
                    }
                },
                Step::Unreadable(unreadable) => return Ok(Some(Entry::Unreadable(unreadable))),
                Step::Removed(through) => return Ok(Some(Entry::Removed { through })),
                Step::Passed => {}
                Step::End => return Ok(None),
            }
        }
    }

    fn decode(&mut self, position: Position) -> Result<Option<Recorded>, LineFault> {
        let event = Line::split(self.scan.line())?.decode(&mut self.scratch)?;
        Ok(self.filter.matches(&event).then(|| Recorded { position, event: Arc::new(event) }))
    }
}

impl Iterator for Reading {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.advance().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The events of a [`Reading`].
#[derive(Debug)]
#[must_use = "nothing is read before an event is asked for"]
pub struct Events {
    reading: Reading,
    unreadable: u64,
    removed: u64,
}

impl Events {
    /// How many lines could not be read so far.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// How many times lines had been removed before they were read, so far.
    pub fn removed(&self) -> u64 {
        self.removed
    }
}

impl Iterator for Events {
    type Item = Result<Recorded, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reading.next()? {
                Ok(Entry::Event(recorded)) => return Some(Ok(recorded)),
                Ok(Entry::Unreadable(_)) => self.unreadable += 1,
                Ok(Entry::Removed { .. }) => self.removed += 1,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
