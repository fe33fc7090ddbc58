//! A [`Chunk`]: so many consecutive places of a ring, each filled once and then read by whoever shares the chunk.

use std::sync::{Arc, OnceLock};

use super::report;
use crate::event::{DomainEvent, Turn};

/// An event and its turn at this bus.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) turn: Turn,
    pub(super) event: Arc<DomainEvent>,
}

/// The entries of a part of a ring that several readers share. The ring fills one place after the other, under the lock
/// of its channel; readers that learned under that lock how far it is filled read it afterwards without the lock.
#[derive(Debug)]
pub(super) struct Chunk(Box<[OnceLock<Entry>]>);

impl Chunk {
    pub(super) fn new(places: usize) -> Self {
        Self((0..places).map(|_| OnceLock::new()).collect())
    }

    pub(super) fn places(&self) -> usize {
        self.0.len()
    }

    /// Fills a place that is empty.
    pub(super) fn put(&self, place: usize, entry: Entry) {
        let put = self.0.get(place).map(|slot| slot.set(entry));
        debug_assert!(matches!(put, Some(Ok(()))), "each place is filled once");
    }

    pub(super) fn at(&self, place: usize) -> Option<&Entry> {
        self.0.get(place)?.get()
    }

    /// Empties all places. The events are for the caller to drop, outside of locks.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Entry> {
        self.0.iter_mut().filter_map(OnceLock::take)
    }

    /// Empties all places and drops the events, each whatever the others do.
    pub(super) fn clear(&mut self) {
        self.take_all().for_each(report::drop_event);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.clear();
    }
}
