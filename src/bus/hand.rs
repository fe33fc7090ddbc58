//! A [`Hand`]: what a reader has taken from its channel and not yet handed over.

use std::sync::Arc;

use super::chunk::{Chunk, Entry};
use super::lane::{Lane, Lanes};
use super::ring::Part;
use crate::filter::Filter;
use crate::stream::{Delivery, Lag};
use crate::sync::{AtomicU64, Ordering};

/// What became of the events that a reader took. Written by the reader alone, without a lock. Whoever has the lock of
/// the channel knows how many were taken; those that are not told here are still in the hand.
#[derive(Debug, Default)]
pub(super) struct Told {
    delivered: AtomicU64,
    filtered: AtomicU64,
}

impl Told {
    /// Counts one that was handed over as it was taken; called under the channel's lock.
    pub(super) fn hand_over(&self) {
        self.delivered.store(self.delivered() + 1, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    pub(super) fn filtered(&self) -> u64 {
        self.filtered.load(Ordering::Relaxed)
    }
}

/// What a reader takes at once, to hand it over without the channel's lock: a part of a chunk of each ring. Nothing in
/// there is overrun any more.
#[derive(Debug)]
pub(super) struct Hand {
    parts: Lanes<Taken>,
    /// The chunks that were read to their end and that nobody else has: to be used again.
    pub(super) spent: Lanes<Option<Arc<Chunk>>>,
    /// What the route does not keep away; none if it keeps everything away that the reader does not want.
    filter: Option<Arc<Filter>>,
    told: Arc<Told>,
    /// What was told, for the reader itself.
    delivered: u64,
    filtered: u64,
}

/// What was taken from one ring.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The loss that lies before the first entry.
    pub(super) lag: Option<Lag>,
    pub(super) part: Option<Part>,
    /// Whether the ring had more behind it when the reader last looked.
    pub(super) is_cut: bool,
}

impl Taken {
    fn head(&self) -> Option<&Entry> {
        let part = self.part.as_ref()?;
        part.chunk.at(part.from)
    }

    /// Passes over the first entry; gives back the chunk if that was the last of it.
    fn advance(&mut self) -> Option<Arc<Chunk>> {
        let part = self.part.as_mut()?;
        part.from += 1;
        if part.from < part.to {
            return None;
        }
        self.part.take().filter(|part| part.to == part.chunk.places()).map(|part| part.chunk)
    }
}

impl Hand {
    pub(super) fn new(filter: Option<Arc<Filter>>, told: Arc<Told>) -> Self {
        Self { parts: Lanes::default(), spent: Lanes::default(), filter, told, delivered: 0, filtered: 0 }
    }

    /// What is taken from the ring of a lane. Under the channel's lock only parts that are read to their end are
    /// replaced.
    pub(super) fn taken(&mut self, lane: Lane) -> &mut Taken {
        &mut self.parts[lane]
    }

    /// Whether anything is in it.
    pub(super) fn has_any(&self) -> bool {
        self.parts.each_ref().into_iter().any(|taken| taken.part.is_some())
    }

    /// Hands over the next thing; none if the channel must be looked at before.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        loop {
            let lane = self.next_lane()?;
            let taken = &mut self.parts[lane];
            if let Some(lag) = taken.lag.take() {
                return Some(Delivery::Lagged(lag));
            }
            let entry = taken.head()?;
            let is_wanted = self.filter.as_ref().is_none_or(|filter| filter.matches(&entry.event));
            let event = is_wanted.then(|| Arc::clone(&entry.event));
            if let Some(chunk) = taken.advance() {
                self.spend(lane, chunk);
            }
            if let Some(event) = event {
                self.delivered += 1;
                self.told.delivered.store(self.delivered, Ordering::Relaxed);
                return Some(Delivery::Event(event));
            }
            self.filtered += 1;
            self.told.filtered.store(self.filtered, Ordering::Relaxed);
        }
    }

    /// The lane whose next entry has the lower turn. None if one lane is read to the end of its part while its ring had
    /// more: that may come before what is left of the other.
    fn next_lane(&self) -> Option<Lane> {
        let Lanes { chatter, critical } = &self.parts;
        match (chatter.head(), critical.head()) {
            (Some(chatter), Some(critical)) if chatter.turn > critical.turn => Some(Lane::Critical),
            (Some(_), Some(_)) => Some(Lane::Chatter),
            (Some(_), None) if !critical.is_cut => Some(Lane::Chatter),
            (None, Some(_)) if !chatter.is_cut => Some(Lane::Critical),
            _ => None,
        }
    }

    /// Lets go of a chunk; the last to have it empties it, to be used again.
    fn spend(&mut self, lane: Lane, mut chunk: Arc<Chunk>) {
        if let Some(own) = Arc::get_mut(&mut chunk) {
            own.clear();
            self.spent[lane] = Some(chunk);
        }
    }
}
