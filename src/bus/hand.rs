//! A [`Hand`]: what a reader has taken from its channel and not yet handed over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::chunk::{Chunk, Entry};
use super::lane::{Lane, Lanes};
use super::report;
use super::ring::Part;
use crate::event::DomainEvent;
use crate::filter::Filter;
use crate::stream::{Delivery, Handed, Lag};
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

/// What a reader takes at once, to hand it over without the channel's lock: of each ring a chunk's worth at most.
/// Nothing in there is overrun any more.
#[derive(Debug)]
pub(super) struct Hand {
    lanes: Lanes<Held>,
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
pub(super) struct Held {
    /// The loss that lies before the first entry.
    pub(super) lag: Option<Box<Lag>>,
    /// Entries that this reader alone has, or
    pub(super) own: VecDeque<Entry>,
    /// entries that it shares with others.
    pub(super) part: Option<Part>,
    /// The chunk, if the ring has let go of it with that.
    pub(super) over: Option<Arc<Chunk>>,
    /// Whether the ring had more behind it when the reader last looked.
    pub(super) is_cut: bool,
}

impl Held {
    fn len(&self) -> usize {
        self.own.len() + self.part.as_ref().map_or(0, |part| part.to - part.from)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.part.is_none()
    }

    fn head(&self) -> Option<&Entry> {
        match &self.part {
            None => self.own.front(),
            Some(part) => part.chunk.at(part.from),
        }
    }

    /// Hands over the first entry.
    fn pop(&mut self) -> Option<Arc<DomainEvent>> {
        match &self.part {
            None => self.own.pop_front().map(|entry| entry.event),
            Some(part) => part.chunk.at(part.from).map(|entry| Arc::clone(&entry.event)),
        }
    }

    /// Hands over so many entries, which there are.
    fn pop_many(&mut self, count: usize, into: &mut Vec<Delivery>) {
        match &self.part {
            None => into.extend(self.own.drain(..count).map(|entry| Delivery::Event(entry.event))),
            Some(part) => {
                let entries = (part.from..part.from + count).filter_map(|place| part.chunk.at(place));
                into.extend(entries.map(|entry| Delivery::Event(Arc::clone(&entry.event))));
            }
        }
    }

    /// Goes on behind so many shared entries; gives back the chunk if they were the last of it.
    fn advance(&mut self, count: usize) -> Option<Arc<Chunk>> {
        let part = self.part.as_mut()?;
        part.from += count;
        if part.from < part.to {
            return None;
        }
        self.part.take().filter(|part| part.to == part.chunk.places()).map(|part| part.chunk)
    }
}

impl Hand {
    pub(super) fn new(filter: Option<Arc<Filter>>, told: Arc<Told>) -> Self {
        Self { lanes: Lanes::default(), spent: Lanes::default(), filter, told, delivered: 0, filtered: 0 }
    }

    /// What is taken from the ring of a lane. Under the channel's lock only what is empty is filled.
    pub(super) fn held(&mut self, lane: Lane) -> &mut Held {
        &mut self.lanes[lane]
    }

    /// How many entries are in it.
    pub(super) fn len(&self) -> usize {
        self.lanes.each_ref().into_iter().map(Held::len).sum()
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.each_ref().into_iter().all(Held::is_empty)
    }

    /// Hands over the next thing; none if the channel must be looked at before.
    pub(super) fn next(&mut self) -> Option<Handed> {
        loop {
            let lane = self.next_lane()?;
            let held = &mut self.lanes[lane];
            if let Some(lag) = held.lag.take() {
                return Some(Handed::Lagged(lag));
            }
            let is_wanted = match &self.filter {
                None => true,
                Some(filter) => filter.matches(&held.head()?.event),
            };
            let event = if is_wanted || held.part.is_none() { held.pop() } else { None };
            if let Some(chunk) = held.advance(1) {
                self.spend(lane, chunk);
            }
            if is_wanted {
                let event = event?;
                self.tell_delivered(1);
                return Some(Handed::Event(event));
            }
            report::drop_event(event);
            self.filtered += 1;
            self.told.filtered.store(self.filtered, Ordering::Relaxed);
        }
    }

    /// Hands over as many events as follow each other in one lane, `at_most` so many, without looking at each. Whether
    /// there were any; none where there is something to look at: another lane, a filter, a loss.
    pub(super) fn next_run(&mut self, at_most: usize, into: &mut Vec<Delivery>) -> bool {
        let is_one_lane = self.lanes.each_ref().into_iter().any(Held::is_empty);
        let Some(lane) = self.next_lane().filter(|_| is_one_lane && self.filter.is_none()) else {
            return false;
        };
        let held = &mut self.lanes[lane];
        if held.lag.is_some() {
            return false;
        }
        let count = held.len().min(at_most);
        held.pop_many(count, into);
        if let Some(chunk) = held.advance(count) {
            self.spend(lane, chunk);
        }
        self.tell_delivered(count as u64);
        true
    }

    fn tell_delivered(&mut self, count: u64) {
        self.delivered += count;
        self.told.delivered.store(self.delivered, Ordering::Relaxed);
    }

    /// The lane whose next entry has the lower turn. None if one lane is read to the end of its part while its ring had
    /// more: that may come before what is left of the other.
    fn next_lane(&self) -> Option<Lane> {
        let Lanes { chatter, critical } = &self.lanes;
        match (chatter.is_empty(), critical.is_empty()) {
            (false, true) => (!critical.is_cut).then_some(Lane::Chatter),
            (true, false) => (!chatter.is_cut).then_some(Lane::Critical),
            (true, true) => None,
            (false, false) => {
                let turn = |held: &Held| held.head().map(|entry| entry.turn);
                Lane::with_lower(turn(chatter), turn(critical))
            }
        }
    }

    /// Lets go of what the rings have let go of; called outside of the channel's lock.
    pub(super) fn tidy(&mut self) {
        for lane in Lane::BOTH {
            if let Some(chunk) = self.lanes[lane].over.take() {
                self.spend(lane, chunk);
            }
        }
    }

    /// Lets go of a chunk that is read to its end; the last to have it empties it, to be used again.
    fn spend(&mut self, lane: Lane, mut chunk: Arc<Chunk>) {
        if let Some(own) = Arc::get_mut(&mut chunk) {
            own.clear();
            self.spent[lane] = Some(chunk);
        }
    }
}

impl Drop for Hand {
    /// What was not handed over is dropped, each whatever the others do; it stays counted.
    fn drop(&mut self) {
        for lane in Lane::BOTH {
            self.lanes[lane].own.drain(..).for_each(report::drop_event);
        }
    }
}
