//! [`Reading`]: what stands in a journal, one entry after the other.

use std::sync::Arc;

use super::scan::{Scan, Step};
use super::segment::list;
use super::sieve::Sieve;
use crate::filter::Filter;
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, ReadFrom, Recorded};
use crate::journal::storage::Storage;

/// What stands in a journal from a place on, to its end at the time when it is reached. Made by
/// [`JournalReader::read`](crate::journal::JournalReader::read).
///
/// It reads files while it is asked for the next entry: in async code it belongs into a blocking task. After an error
/// it is at its end. A line whose kind is not asked for is passed without a look at its details.
#[derive(Debug)]
#[must_use = "nothing is read before an entry is asked for"]
pub struct Reading {
    scan: Scan,
    sieve: Sieve,
    /// Behind which position entries are asked for, if all before is read for its history.
    asked_after: Option<Position>,
    /// Lines that are gone, to be told first.
    gone: Option<Position>,
    is_over: bool,
    /// Whether the entry given last is an event.
    is_at_event: bool,
}

impl Reading {
    pub(super) fn new(storage: Arc<dyn Storage>, from: ReadFrom, filter: Filter) -> Result<Self, ReadError> {
        let sieve = Sieve::new(filter);
        let scan = match from {
            ReadFrom::Start => Scan::new(Arc::clone(&storage), None),
            ReadFrom::After(position) => Scan::new(Arc::clone(&storage), Some(position)),
            ReadFrom::End => Scan::at_end(&storage)?,
        };
        if !sieve.needs_history() {
            return Ok(Self::of(scan, sieve));
        }
        let asked_after = scan.known();
        let gone = list(&*storage)?.first().and_then(|first| first.previous());
        Ok(Self { asked_after, gone, ..Self::of(Scan::from_start(storage, asked_after), sieve) })
    }

    /// Of what a scan finds.
    pub(super) fn of(scan: Scan, sieve: Sieve) -> Self {
        Self { scan, sieve, asked_after: None, gone: None, is_over: false, is_at_event: false }
    }

    /// The greatest position that it has seen or that is not asked for.
    pub(super) fn known(&self) -> Option<Position> {
        self.scan.known()
    }

    /// How long the line is that it looked at last, in bytes.
    pub(super) fn line_len(&self) -> usize {
        self.scan.line().len()
    }

    /// Whether an event is asked for that comes next and was not read here.
    pub(super) fn admits(&mut self, recorded: &Recorded) -> bool {
        self.sieve.admits(&recorded.event) && Some(recorded.position) > self.asked_after
    }

    /// Goes on after its end; everything up to `known` was had from elsewhere.
    pub(super) fn resume_behind(&mut self, known: Option<Position>) -> Result<(), ReadError> {
        self.scan.resume_behind(known)
    }

    /// What it reads by.
    pub(super) fn into_parts(self) -> (Scan, Sieve) {
        (self.scan, self.sieve)
    }

    /// The events alone; the rest is counted.
    pub fn events(self) -> Events {
        Events { reading: self, unreadable: 0, removed: 0 }
    }

    /// The line of the event given last, newline included, byte for byte as it stands in the file; empty if what was
    /// given last is no event.
    pub fn line(&self) -> &[u8] {
        if self.is_at_event { self.scan.line() } else { &[] }
    }

    /// The next entry; `None` at the end, behind which more may come.
    fn advance(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            match self.advance_by_a_line()? {
                Advanced::Entry(entry) => return Ok(Some(entry)),
                Advanced::Nothing => {}
                Advanced::End => return Ok(None),
            }
        }
    }

    /// Goes on by one line.
    pub(super) fn advance_by_a_line(&mut self) -> Result<Advanced, ReadError> {
        self.is_at_event = false;
        if let Some(through) = self.gone.take() {
            return Ok(Advanced::Entry(Entry::Removed { through }));
        }
        let before = self.scan.place();
        let entry = match self.scan.step()? {
            Step::Line { position, at } => match self.sieve.decode(self.scan.line(), position) {
                Err(fault) => match self.scan.reject(before, at, fault) {
                    Some(unreadable) => Entry::Unreadable(unreadable),
                    None => return Ok(Advanced::Nothing),
                },
                _ if Some(position) <= self.asked_after => return Ok(Advanced::Nothing),
                Ok(None) => return Ok(Advanced::Nothing),
                Ok(Some(recorded)) => {
                    self.is_at_event = true;
                    Entry::Event(recorded)
                }
            },
            Step::Unreadable(unreadable) => Entry::Unreadable(unreadable),
            Step::Removed(through) => Entry::Removed { through },
            Step::Passed => return Ok(Advanced::Nothing),
            Step::End => return Ok(Advanced::End),
        };
        Ok(Advanced::Entry(entry))
    }
}

/// What going on by a line came to.
#[derive(Debug)]
pub(super) enum Advanced {
    Entry(Entry),
    Nothing,
    End,
}

impl Iterator for Reading {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            self.is_at_event = false;
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
