//! `resume`: what there is to go on from.

use std::fmt;

use super::{CheckpointStore, MalformedCheckpoint, StoredCheckpoint};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::filter::CheckpointFilter;
use crate::checkpoint::model::{CheckpointStatus, SessionCheckpoint};
use crate::event::{SessionId, Timestamp};
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, Position, ReadError, ReadFrom, Reading, Recorded};

/// What there is to go on from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// The newest checkpoint of the session that is active.
    pub stored: StoredCheckpoint,
    /// What the journal tells of the session since; `None` if the store knows no journal.
    pub events: Option<EventsSince>,
    /// Files that cannot be used: a newer checkpoint may be among them.
    pub malformed: Vec<MalformedCheckpoint>,
}

impl CheckpointStore {
    /// The newest active checkpoint of a session, and what the journal tells of the session since it was saved.
    ///
    /// What was told before the checkpoint is not among it if the checkpoint says how far this journal had come; else,
    /// also where it was saved beside another journal, what has a time before that of the checkpoint is not, by the
    /// clocks of both. [`EventsSince::since`] tells which. Nothing is written.
    ///
    /// # Errors
    /// [`CheckpointError::NotFound`] if the session has no active one; [`CheckpointError::Io`] if the folder cannot be
    /// listed; [`CheckpointError::Journal`] if the journal cannot be read.
    pub fn resume(&self, session: &SessionId) -> Result<Resumed, CheckpointError> {
        let active = CheckpointFilter::all().status(CheckpointStatus::Active);
        let listing = self.list(&active)?;
        let mut newest_first = listing.checkpoints.into_iter();
        let newest = newest_first.find(|stored| stored.checkpoint.saved.session_id == *session);
        let stored = newest.ok_or_else(|| {
            let session = session.to_string();
            CheckpointError::NotFound { what: format!("active checkpoint of the session {session:?}") }
        })?;
        let since = |journal| EventsSince::new(journal, session, &stored.checkpoint);
        let events = self.journal.as_ref().map(since).transpose().map_err(CheckpointError::Journal)?;
        Ok(Resumed { stored, events, malformed: listing.malformed })
    }
}

/// From where on a journal tells what happened since a checkpoint was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Since {
    /// Behind that position, which the checkpoint names.
    Position(Position),
    /// From that time on, at which the checkpoint was saved: it names no position that counts.
    Time(Timestamp, NoPosition),
}

/// Why a checkpoint names no position of a journal that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPosition {
    /// The store knew no journal, or one without events, when it was saved.
    #[error("the checkpoint names no position of a journal")]
    Unnamed,
    /// It names a journal that is not this one, as far as can be told.
    #[error("the checkpoint was saved beside another journal")]
    OtherJournal,
    /// Lines were lost, or an older copy of the journal was put in its place.
    #[error("the journal has not come as far as the checkpoint says")]
    NotReached,
}

impl NoPosition {
    /// Its word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unnamed => "unnamed",
            Self::OtherJournal => "other_journal",
            Self::NotReached => "not_reached",
        }
    }
}

/// What a journal tells of a session since a checkpoint was saved, oldest first; read while it is asked for. Lines that
/// cannot be read, or are gone, are told as in [`Reading`].
#[must_use = "nothing is read before an entry is asked for"]
pub struct EventsSince {
    reading: Reading,
    since: Since,
}

impl EventsSince {
    fn new(
        journal: &JournalReader,
        session: &SessionId,
        checkpoint: &SessionCheckpoint,
    ) -> Result<Self, ReadError> {
        let since = match place(journal, checkpoint)? {
            Ok(position) => Since::Position(position),
            Err(why) => Since::Time(checkpoint.created_at, why),
        };
        let behind = match since {
            Since::Position(position) => Some(position),
            Since::Time(..) => None,
        };
        let reading = journal.read(ReadFrom::from(behind), Filter::all().session(session))?;
        Ok(Self { reading, since })
    }

    /// From where on it tells.
    pub fn since(&self) -> Since {
        self.since
    }

    fn is_older(&self, recorded: &Recorded) -> bool {
        matches!(self.since, Since::Time(start, _) if recorded.event.timestamp() < start)
    }

    /// The line of the event given last, newline included, byte for byte as it stands in the journal; empty if what was
    /// given last is no event.
    pub fn line(&self) -> &[u8] {
        self.reading.line()
    }
}

/// The position that a checkpoint names, if it is one of that journal.
fn place(
    journal: &JournalReader,
    checkpoint: &SessionCheckpoint,
) -> Result<Result<Position, NoPosition>, ReadError> {
    let Some(position) = checkpoint.position else { return Ok(Err(NoPosition::Unnamed)) };
    if checkpoint.journal.is_none() || journal.id()? != checkpoint.journal {
        return Ok(Err(NoPosition::OtherJournal));
    }
    let is_reached = journal.last()?.is_some_and(|last| position <= last);
    Ok(if is_reached { Ok(position) } else { Err(NoPosition::NotReached) })
}

impl Iterator for EventsSince {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reading.next()? {
                Ok(Entry::Event(recorded)) if self.is_older(&recorded) => {}
                entry => return Some(entry),
            }
        }
    }
}

impl fmt::Debug for EventsSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsSince").field("since", &self.since).finish_non_exhaustive()
    }
}
