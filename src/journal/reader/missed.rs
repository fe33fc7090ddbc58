//! [`Missed`]: what a slow stream missed, read from the journal.

use std::cmp::Ordering;

use super::JournalReader;
use super::reading::Events;
use super::sieve::Sieve;
use crate::event::DomainEvent;
use crate::filter::Filter;
use crate::journal::position::Position;
use crate::journal::record::{ReadError, ReadFrom, Recorded};
use crate::stream::Lag;

/// As few positions are read rather than bisected further.
const NEAR: u64 = 64;

/// What the bus of a [`Lag`] emitted within it, as far as the journal has it. Made by
/// [`JournalReader::missed`](crate::journal::JournalReader::missed).
///
/// It reads files while it is asked for the next event. After an error it is at its end.
#[derive(Debug)]
#[must_use = "nothing is read before an event is asked for"]
pub struct Missed {
    events: Events,
    sieve: Sieve,
    lag: Lag,
    is_over: bool,
    is_complete: bool,
}

impl Missed {
    pub(super) fn new(journal: &JournalReader, lag: Lag, filter: Filter) -> Result<Self, ReadError> {
        let sieve = Sieve::new(filter);
        let from = if sieve.needs_history() { None } else { before(journal, &lag)? };
        let events = journal.read(from.into(), Filter::all())?.events();
        Ok(Self { events, sieve, lag, is_over: false, is_complete: false })
    }

    /// Whether it has come to the end of the lag: false before that, and where the journal does not reach so far. Then
    /// what was emitted last is not written yet.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many lines could not be read so far.
    pub fn unreadable(&self) -> u64 {
        self.events.unreadable()
    }

    /// How many times lines had been removed before they were read, so far.
    pub fn removed(&self) -> u64 {
        self.events.removed()
    }

    /// The next event within the lag that is asked for.
    fn advance(&mut self) -> Result<Option<Recorded>, ReadError> {
        while let Some(recorded) = self.events.next().transpose()? {
            let is_asked_for = self.sieve.admits(&recorded.event);
            match place(&self.lag, &recorded.event) {
                Some(Ordering::Equal) if is_asked_for => return Ok(Some(recorded)),
                Some(Ordering::Greater) => {
                    self.is_complete = true;
                    return Ok(None);
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Iterator for Missed {
    type Item = Result<Recorded, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.advance().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Whether an event is before, within or behind a lag; `None` for one that its bus did not emit.
fn place(lag: &Lag, event: &DomainEvent) -> Option<Ordering> {
    let seq = event.seq().filter(|_| event.origin() == Some(lag.origin))?.get();
    if lag.after.is_some_and(|after| seq <= after.get()) {
        return Some(Ordering::Less);
    }
    let is_behind = lag.before.is_some_and(|before| seq >= before.get());
    Some(if is_behind { Ordering::Greater } else { Ordering::Equal })
}

/// A position shortly before the lag, found by bisection: a bus's events stand in the journal in its order. `None` for
/// the start.
fn before(journal: &JournalReader, lag: &Lag) -> Result<Option<Position>, ReadError> {
    let Some(last) = journal.last()?.filter(|_| lag.after.is_some()) else {
        return Ok(None);
    };
    let (mut low, mut high) = (None, last.get());
    while high.saturating_sub(low.map_or(0, Position::get)) > NEAR {
        let start = low.map_or(0, Position::get);
        let Some(middle) = Position::new(start + (high - start) / 2) else {
            break;
        };
        match first_behind(journal, lag, middle, high)? {
            Some(position) => low = Some(position),
            None => high = middle.get(),
        }
    }
    Ok(low)
}

/// The position of the first event of the lag's bus behind `middle` and up to `high`, if it is from before the lag.
fn first_behind(
    journal: &JournalReader,
    lag: &Lag,
    middle: Position,
    high: u64,
) -> Result<Option<Position>, ReadError> {
    for recorded in journal.read(ReadFrom::After(middle), Filter::all())?.events() {
        let recorded = recorded?;
        if recorded.position.get() > high {
            break;
        }
        match place(lag, &recorded.event) {
            Some(Ordering::Less) => return Ok(Some(recorded.position)),
            Some(Ordering::Equal | Ordering::Greater) => break,
            None => {}
        }
    }
    Ok(None)
}
