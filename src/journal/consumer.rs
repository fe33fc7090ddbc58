//! Consumers: each has a name and a cursor on disk, and is given every event until it acknowledges it.
//!
//! A [`Consumer`] is opened by [`JournalReader::consumer`], whether or not this process writes the journal. It
//! [polls](Consumer::poll), does what it does with the events, and then [acknowledges](Consumer::ack) the position up
//! to which that is done; or it says that the next event [failed](Consumer::nack). [`Consumer::into_stream`] gives
//! the events live.
//!
//! It promises that
//!
//! - each event is given at least once, in order, across crashes and restarts: the cursor is written after the
//!   caller says that the effect is done, never before, and whole or not at all;
//! - a cursor never goes backward, nor ahead of the journal;
//! - a consumer is open once: a second opener, in this or another process, gets [`ConsumerError::Busy`]. What holds
//!   the lock is the open file, so that a dead process leaves none;
//! - a failed event is given again after a backoff, and those behind it wait; after the last attempt it becomes a
//!   [`DeadLetter`] with the reason, and they go on;
//! - a line that cannot be read, or is gone, removed by retention or lost, is told and holds nothing up.
//!
//! It does not promise exactly once: an effect that must happen once is told apart by the event's id or position.
//!
//! What goes wrong: a corrupt cursor is [`ConsumerError::Corrupt`], which names the file; the way out is
//! [`ConsumerOptions::reset_to`]. A cursor that cannot be written is an error of `ack` or `nack`, after which the same
//! call may be made again.
//!
//! Every call works on files, blocking but short; `ack` and `nack` wait for the disk. In async code use
//! `spawn_blocking` where that is too long.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # drop(agentbus::journal::Journal::open(directory.path())?);
//! use agentbus::journal::JournalReader;
//!
//! let reader = JournalReader::open(directory.path())?;
//! let mut consumer = reader.consumer("indexer")?;
//! for recorded in consumer.poll(64)?.events {
//!     println!("{} {}", recorded.position, recorded.event.event_type());
//!     consumer.ack(recorded.position)?;
//! }
//! # Ok(())
//! # }
//! ```

use std::io;

use super::Unreadable;
use super::layout::{SEGMENTS, segment_first};
use super::position::Position;
use super::reader::JournalReader;
use super::record::{Entry, ReadError, Recorded};
use super::signal::Signal;
use super::storage::StorageFile;
use crate::event::{Brief, Few, Timestamp};
use crate::stream::Count;

mod cursor;
mod dead;
mod error;
mod name;
mod open;
mod options;
mod state;
mod stream;

pub(crate) use cursor::{Cursor, Unusable};
pub use cursor::{CursorFault, Retry};
pub use dead::{DeadLetter, DeadLetters};
pub use error::{AckError, ConsumerError, ConsumerWriteError, NackError};
pub use name::{ConsumerName, ConsumerNameError, MAX_CONSUMER_NAME_BYTES};
pub use options::ConsumerOptions;
pub(crate) use state::cursors;
pub use state::{ConsumerState, CursorState};
pub use stream::ConsumerStream;

/// A named reader of a journal that remembers how far it has come.
#[derive(Debug)]
#[must_use = "a dropped consumer gives up its lock"]
pub struct Consumer {
    reader: JournalReader,
    name: ConsumerName,
    options: ConsumerOptions,
    /// As it was written last.
    cursor: Cursor,
    /// Held as long as the consumer is open; guards its cursor and its dead letters.
    lock: Box<dyn StorageFile>,
    /// The last position known to be in the journal.
    seen: Option<Position>,
}

/// What [`Consumer::poll`] gives.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Polled {
    /// What comes next, in order.
    pub events: Vec<Recorded>,
    /// What is true now; never acknowledged.
    pub signals: Vec<Signal>,
    /// Lines among and before the events that cannot be read.
    pub unreadable: Few<Unreadable>,
    /// Lines up to and including this position are gone, removed by retention or lost, before they were acknowledged.
    pub removed: Option<Position>,
    /// There is no other matching event up to here. Once the events are done this may be acknowledged, also if there
    /// were none: what does not match is then not read again. `None` if nothing was read.
    pub through: Option<Position>,
}

/// What became of an event that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nacked {
    /// It is given again.
    Again {
        /// How often it failed.
        attempts: u32,
        /// Not before.
        not_before: Timestamp,
    },
    /// It is a dead letter; the consumer goes on behind it.
    Dead {
        /// How often it failed.
        attempts: u32,
    },
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &ConsumerName {
        &self.name
    }

    /// The last position acknowledged; `None` if none was.
    pub fn position(&self) -> Option<Position> {
        self.cursor.position
    }

    /// The event that failed and is to be tried again.
    pub fn retry(&self) -> Option<&Retry> {
        self.cursor.retry.as_ref()
    }

    /// At most `max` events that stand behind the cursor and match the filter, and the signals of now.
    ///
    /// It moves nothing: until they are acknowledged the same events are given again, and the same lines told. An
    /// event that failed and whose time has not come is not given, nor are those behind it.
    ///
    /// # Errors
    /// [`ConsumerError::Read`] if the journal cannot be read at the next event. Events before that are given first.
    pub fn poll(&mut self, max: impl Count) -> Result<Polled, ConsumerError> {
        let now = Timestamp::now();
        let mut polled = Polled { signals: self.options.signals_at(now), ..Polled::default() };
        // Asked for first: what is read then reaches at least that far.
        let end = self.reader.last()?;
        self.read_into(&mut polled, max.at_least_one().get(), self.held_back(now), end)?;
        // Asked for last: what was removed before it was read is seen.
        polled.removed = polled.removed.max(self.removed_before_start()?);
        polled.through = polled.through.filter(|through| Some(*through) > self.cursor.position);
        self.seen = self.seen.max(end).max(polled.events.last().map(|recorded| recorded.position));
        Ok(polled)
    }

    fn read_into(
        &self,
        polled: &mut Polled,
        max: usize,
        held: Option<Position>,
        end: Option<Position>,
    ) -> Result<(), ReadError> {
        for entry in self.reader.read(self.cursor.position.into(), self.options.filter.clone())? {
            match entry {
                Ok(Entry::Event(recorded)) if Some(recorded.position) == held => {
                    polled.through = recorded.position.previous();
                    return Ok(());
                }
                Ok(Entry::Event(recorded)) => {
                    polled.through = Some(recorded.position);
                    polled.events.push(recorded);
                    if polled.events.len() == max {
                        return Ok(());
                    }
                }
                Ok(Entry::Unreadable(unreadable)) => polled.unreadable.push(unreadable),
                Ok(Entry::Removed { through }) => polled.removed = Some(through),
                Err(error) if polled.events.is_empty() => return Err(error),
                Err(_told_when_these_are_acknowledged) => return Ok(()),
            }
        }
        polled.through = polled.through.max(end);
        Ok(())
    }

    /// What is gone though nothing was acknowledged: to a reader from the start nothing is missing before the first
    /// line there is.
    fn removed_before_start(&self) -> Result<Option<Position>, ReadError> {
        if self.cursor.position.is_some() {
            return Ok(None);
        }
        let failed = |source| ReadError::Read { file: SEGMENTS.to_owned(), source };
        let files = match self.reader.storage().list(SEGMENTS) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(failed)?,
        };
        Ok(files.iter().filter_map(|file| segment_first(file)).min().and_then(Position::previous))
    }

    /// The position of a failed event whose time has not come.
    fn held_back(&self, now: Timestamp) -> Option<Position> {
        let longest = self.options.longest_backoff;
        self.retry().filter(|retry| retry.holds_back(now, longest)).map(|retry| retry.position)
    }

    /// Acknowledges everything up to and including `position`: it is done and is not given again.
    ///
    /// The position where the cursor is may be acknowledged again, to no effect.
    ///
    /// # Errors
    /// [`AckError::Backward`] before the cursor, [`AckError::Ahead`] behind the journal's last line;
    /// [`AckError::Read`] and [`AckError::Write`] if files cannot be used.
    pub fn ack(&mut self, position: Position) -> Result<(), AckError> {
        match self.cursor.position {
            Some(cursor) if position < cursor => return Err(AckError::Backward { cursor, asked: position }),
            Some(cursor) if position == cursor => return Ok(()),
            _ => {}
        }
        if Some(position) > self.seen {
            self.seen = self.seen.max(self.reader.last()?);
        }
        if Some(position) > self.seen {
            return Err(AckError::Ahead { last: self.seen, asked: position });
        }
        let retry = self.cursor.retry.clone().filter(|retry| retry.position > position);
        Ok(self.write(Cursor { retry, ..Cursor::at(Some(position)) })?)
    }

    /// Says that the event at `position`, the next one to acknowledge, failed: it is given again after a backoff, and
    /// after the last attempt it becomes a [`DeadLetter`].
    ///
    /// Every call counts as an attempt. Secrets in the reason are masked, and a long one is cut.
    ///
    /// # Errors
    /// [`NackError::NotNext`] if it is not the next one; [`NackError::Read`] and [`NackError::Write`] if files cannot
    /// be used.
    pub fn nack(&mut self, position: Position, reason: &str) -> Result<Nacked, NackError> {
        let next = self.next_event()?;
        let Some(failed) = next.as_ref().filter(|next| next.position == position) else {
            return Err(NackError::NotNext { next: next.map(|next| next.position), asked: position });
        };
        let now = Timestamp::now();
        let before =
            self.retry().filter(|retry| retry.position == position).map_or(0, |retry| retry.attempts);
        let attempts = before.saturating_add(1);
        let reason = Brief::from(&*self.options.redactor.redact_text(reason));
        if attempts >= self.options.max_attempts.get() {
            let event = failed.event.clone();
            self.give_up(&DeadLetter { position, attempts, reason, failed_at: now, event })?;
            return Ok(Nacked::Dead { attempts });
        }
        let not_before = now.saturating_add(self.options.backoff_after(attempts));
        let retry = Some(Retry { position, attempts, not_before, reason });
        self.write(Cursor { retry, ..Cursor::at(self.cursor.position) })?;
        Ok(Nacked::Again { attempts, not_before })
    }

    /// Writes the letter, then moves the cursor behind its event, in this order: nothing is passed over in silence.
    fn give_up(&mut self, letter: &DeadLetter) -> Result<(), ConsumerWriteError> {
        let storage = self.reader.storage();
        dead::bury(&**storage, &self.name, letter, self.cursor.updated)
            .map_err(|source| ConsumerWriteError { file: self.name.dead_file(), source })?;
        self.write(Cursor::at(Some(letter.position)))
    }

    /// The next event to acknowledge.
    fn next_event(&self) -> Result<Option<Recorded>, ReadError> {
        let reading = self.reader.read(self.cursor.position.into(), self.options.filter.clone())?;
        reading.events().next().transpose()
    }

    fn write(&mut self, cursor: Cursor) -> Result<(), ConsumerWriteError> {
        self.write_if_locked(&cursor)
            .map_err(|source| ConsumerWriteError { file: self.name.cursor_file(), source })?;
        self.cursor = cursor;
        Ok(())
    }

    fn write_if_locked(&self, cursor: &Cursor) -> io::Result<()> {
        if !self.lock.is_current()? {
            return Err(io::Error::other(
                "the lock file of the consumer was removed or replaced: open it anew",
            ));
        }
        cursor.write(&**self.reader.storage(), &self.name)
    }
}
