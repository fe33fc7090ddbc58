//! [`JournalReader`]: a journal, read.

use std::path::Path;
use std::sync::Arc;

use super::manifest::Manifest;
use super::position::Position;
use super::record::{Entry, ReadError, ReadFrom};
use super::storage::{FileSystem, Storage};
use super::tail::Tail;
use crate::event::EventId;
#[cfg(feature = "audit")]
use crate::event::Hash;
use crate::filter::Filter;
use crate::stream::Lag;

mod follow;
mod last;
mod lines;
#[cfg(feature = "audit")]
mod links;
mod missed;
mod newest;
mod peek;
mod reading;
mod scan;
mod seek;
mod segment;
mod sequence;
mod sieve;
mod stats;
mod verify;

pub use follow::{Follow, FollowLines};
pub use last::Tailed;
#[cfg(feature = "audit")]
pub(crate) use links::{Link, Links};
pub use missed::Missed;
pub(crate) use newest::newest;
pub use reading::{Events, Reading};
pub use stats::JournalStats;
pub use verify::{Damage, DamageFault, Unfinished, Verification};
#[cfg(feature = "audit")]
pub(crate) use verify::{Seen, Witness};

/// A view of a journal that never writes, takes no lock and recovers nothing. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalReader {
    storage: Arc<dyn Storage>,
    tail: Arc<Tail>,
}

impl JournalReader {
    /// A view of the journal in that directory.
    ///
    /// # Errors
    /// [`ReadError::NotAJournal`] if there is none, else what keeps its manifest from being read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, ReadError> {
        let directory = directory.as_ref();
        Self::checked(Arc::new(FileSystem::new(directory)), || directory.display().to_string())
    }

    /// A view of the journal on that storage.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn on(storage: Arc<dyn Storage>) -> Result<Self, ReadError> {
        let name = format!("{storage:?}");
        Self::checked(storage, || name)
    }

    fn checked(storage: Arc<dyn Storage>, name: impl FnOnce() -> String) -> Result<Self, ReadError> {
        if Manifest::read(&*storage)?.is_none() && segment::list(&*storage)?.is_empty() {
            return Err(ReadError::NotAJournal { directory: name() });
        }
        Ok(Self::of(storage))
    }

    /// A view of a journal that is known to be one.
    pub(crate) fn of(storage: Arc<dyn Storage>) -> Self {
        Self::sharing(storage, Tail::new())
    }

    /// A view of a journal and of what its writer in this process publishes.
    pub(crate) fn sharing(storage: Arc<dyn Storage>, tail: Arc<Tail>) -> Self {
        Self { storage, tail }
    }

    /// Where its files are.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// What stands in it from there on.
    ///
    /// With a filter that [needs history](Filter::needs_history) everything before is read too, and what is known by
    /// then of what caused what is kept in memory: 16 bytes for each event under the id asked for. Lines that are gone
    /// by then are told as removed.
    ///
    /// # Errors
    /// What keeps the end from being found, for [`ReadFrom::End`], or the segments from being listed.
    pub fn read(&self, from: ReadFrom, filter: Filter) -> Result<Reading, ReadError> {
        Reading::new(Arc::clone(&self.storage), from, filter)
    }

    /// What stands in it from there on, and then what comes, whoever writes it.
    ///
    /// For filters that [need history](Filter::needs_history) see [`JournalReader::read`].
    ///
    /// # Errors
    /// As [`JournalReader::read`], and [`ReadError::Watch`].
    pub fn follow(&self, from: ReadFrom, filter: Filter) -> Result<Follow, ReadError> {
        Follow::new(&self.storage, &self.tail, from, filter)
    }

    /// As [`JournalReader::follow`], with the bytes of each line as they stand in the file.
    ///
    /// # Errors
    /// As [`JournalReader::follow`].
    pub fn follow_lines(&self, from: ReadFrom, filter: Filter) -> Result<FollowLines, ReadError> {
        FollowLines::new(&self.storage, from, filter)
    }

    /// The last `n` events that the filter lets through, and what else stands between and behind them, in the order of
    /// the journal. Read from the end backward, unless the filter [needs history](Filter::needs_history); a segment whose
    /// lines are in no order is read whole.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn tail(&self, n: usize, filter: Filter) -> Result<Tailed, ReadError> {
        last::entries(&self.storage, n, filter)
    }

    /// What a stream missed, of which it was told by `lag`: what the bus of the lag emitted within it, in order, as far
    /// as the filter lets it through.
    ///
    /// Events that the bus passed on, of another origin, are not among it. What it emitted and the stream did get in
    /// between is: critical events have a ring of their own; who heals tells them by their id. A lag that reaches back
    /// to the start of its subscription has no [`after`](Lag::after): then everything from the first event of that bus
    /// on is within. What is not written yet is not found: flush before, and see [`Missed::is_complete`].
    ///
    /// The place is found by bisection, unless the filter [needs history](Filter::needs_history) or there is no `after`.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn missed(&self, lag: &Lag, filter: Filter) -> Result<Missed, ReadError> {
        Missed::new(self, *lag, filter)
    }

    /// Verifies that it is as it was written: each line has to follow by its chain from the one before, each segment from
    /// the one before it and from what `journal.json` says. What is changed, removed, added or reordered is found, and
    /// the first bad position named, but for oldest segments that are gone, which count as removed by retention, and
    /// lines cut from the very end.
    ///
    /// It reads everything; a writer may go on meanwhile.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn verify(&self) -> Result<Verification, ReadError> {
        verify::verify(&*self.storage, ()).map(|(found, ())| found)
    }

    /// Counts what is in it, which reads everything.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn stats(&self) -> Result<JournalStats, ReadError> {
        Ok(JournalStats { consumers: self.consumers()?, ..JournalStats::count(&self.storage)? })
    }

    /// The id of the journal, by which it is told from others; `None` if its manifest is gone.
    ///
    /// # Errors
    /// What keeps the manifest from being read.
    pub fn id(&self) -> Result<Option<EventId>, ReadError> {
        Ok(Manifest::read(&*self.storage)?.map(|manifest| manifest.id))
    }

    /// The position of the last event; `None` if there is none.
    ///
    /// # Errors
    /// What keeps a file from being read.
    pub fn last(&self) -> Result<Option<Position>, ReadError> {
        let last = self.tail(1, Filter::all())?;
        Ok(last.entries.into_iter().rev().find_map(Entry::into_event).map(|recorded| recorded.position))
    }
}

/// What the audit asks for.
#[cfg(feature = "audit")]
impl JournalReader {
    /// As [`JournalReader::verify`]; `witness` hears of each line that counts.
    pub(crate) fn verify_with<W: Witness>(&self, witness: W) -> Result<(Verification, W), ReadError> {
        verify::verify(&*self.storage, witness)
    }

    /// The lines behind a position, each of which has to follow from the one before; `chain` is the chain behind that
    /// position.
    pub(crate) fn links(&self, after: Option<Position>, chain: Hash) -> Links {
        Links::new(Arc::clone(&self.storage), after, chain)
    }

    /// The chain behind the line at that position, as it says; `None` if there is no such line.
    pub(crate) fn chain_at(&self, position: Position) -> Result<Option<Hash>, ReadError> {
        links::chain_at(&self.storage, position)
    }

    /// The first position of each segment there is, ascending.
    pub(crate) fn segments(&self) -> Result<Vec<Position>, ReadError> {
        segment::list(&*self.storage)
    }
}

impl AsRef<Self> for JournalReader {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod written;
