//! `resume`: what there is to go on from.

use std::fmt;

use super::{CheckpointStore, MalformedCheckpoint, StoredCheckpoint};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::filter::CheckpointFilter;
use crate::checkpoint::model::{CheckpointStatus, SessionCheckpoint};
use crate::event::{SessionId, Timestamp};
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, ReadError, ReadFrom, Reading};

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
    /// What was told before the checkpoint is not among it if the checkpoint says how far the journal had come; else
    /// what has a time before that of the checkpoint is not, by the clocks of both. Nothing is written.
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

/// What a journal tells of a session since a checkpoint was saved, oldest first; read while it is asked for. Lines that
/// cannot be read, or are gone, are told as in [`Reading`].
#[must_use = "nothing is read before an entry is asked for"]
pub struct EventsSince {
    reading: Reading,
    /// Where no position is known: what is older does not count.
    not_before: Option<Timestamp>,
}

impl EventsSince {
    fn new(
        journal: &JournalReader,
        session: &SessionId,
        checkpoint: &SessionCheckpoint,
    ) -> Result<Self, ReadError> {
        // A position that this journal has not reached is of another one.
        let last = journal.last()?;
        let known = checkpoint.position.filter(|position| last.is_some_and(|last| *position <= last));
        let reading = journal.read(ReadFrom::from(known), Filter::all().session(session))?;
        let not_before = known.is_none().then_some(checkpoint.created_at);
        Ok(Self { reading, not_before })
    }

    /// The line of the event given last, newline included, byte for byte as it stands in the journal; empty if what was
    /// given last is no event.
    pub fn line(&self) -> &[u8] {
        self.reading.line()
    }
}

impl Iterator for EventsSince {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reading.next()? {
                Ok(Entry::Event(recorded))
                    if self.not_before.is_some_and(|start| recorded.event.timestamp() < start) => {}
                entry => return Some(entry),
            }
        }
    }
}

impl fmt::Debug for EventsSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsSince").field("not_before", &self.not_before).finish_non_exhaustive()
    }
}
