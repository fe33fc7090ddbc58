//! [`JournalStats`]: what is in a journal, counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reading::Reading;
use super::segment::{Segment, list};
use crate::event::{DomainEvent, EventId, Timestamp};
use crate::filter::Filter;
use crate::journal::consumer::ConsumerState;
use crate::journal::manifest::Manifest;
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, ReadFrom};
use crate::journal::storage::Storage;

/// What is in a journal, counted.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct JournalStats {
    /// Its id; `None` if `journal.json` is gone.
    pub id: Option<EventId>,
    /// When it was made; `None` if `journal.json` is gone.
    pub created: Option<Timestamp>,
    /// The segments there are.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The position of the first event.
    pub first: Option<Position>,
    /// The position of the last event.
    pub last: Option<Position>,
    /// How many events there are.
    pub events: u64,
    /// How many of each kind, by its name.
    pub kinds: BTreeMap<String, u64>,
    /// When the earliest of them happened.
    pub earliest: Option<Timestamp>,
    /// When the latest of them happened.
    pub latest: Option<Timestamp>,
    /// How many lines cannot be read.
    pub unreadable: u64,
    /// Lines up to and including this position, behind others, are gone; `None` if none are.
    pub removed: Option<Position>,
    /// Its consumers, how far they have come and how much they lag.
    pub consumers: Vec<ConsumerState>,
}

impl JournalStats {
    /// Counts what is in the journal on that storage; of its consumers nothing yet.
    pub(super) fn count(storage: &Arc<dyn Storage>) -> Result<Self, ReadError> {
        let mut stats = Self::default();
        if let Some(manifest) = Manifest::read(&**storage)? {
            (stats.id, stats.created) = (Some(manifest.id), Some(manifest.created));
        }
        for first in list(&**storage)? {
            let Some(segment) = Segment::open(&**storage, first)? else { continue };
            stats.segments += 1;
            stats.bytes += segment.lines.file().len().map_err(|source| segment.failed(source))?;
        }
        for entry in Reading::new(Arc::clone(storage), ReadFrom::Start, Filter::all())? {
            match entry? {
                Entry::Event(recorded) => stats.add(recorded.position, &recorded.event),
                Entry::Unreadable(_) => stats.unreadable += 1,
                Entry::Removed { through } => stats.removed = Some(through),
            }
        }
        Ok(stats)
    }

    fn add(&mut self, position: Position, event: &DomainEvent) {
        self.events += 1;
        self.first.get_or_insert(position);
        self.last = Some(position);
        match self.kinds.get_mut(event.type_name()) {
            Some(count) => *count += 1,
            None => drop(self.kinds.insert(event.type_name().to_owned(), 1)),
        }
        let at = event.timestamp();
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        self.latest = self.latest.max(Some(at));
    }
}
