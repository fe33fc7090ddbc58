//! One reader's place in the rings of a channel, and its account.

use std::sync::Arc;
use std::task::Waker;

use crate::bus::chunk::Chunk;
use crate::bus::hand::{Held, Told};
use crate::bus::lane::{Lane, Lanes};
use crate::bus::ledger::{LedgerRow, SubscriberKind};
use crate::bus::ring::Ring;
use crate::event::{Origin, Turn};
use crate::filter::Filter;
use crate::stream::Lag;

/// One reader's place in the two rings, and its account.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) filter: Arc<Filter>,
    /// Whether all that travels here passes the filter.
    pub(super) exact: bool,
    pub(super) readers: Lanes<Reader>,
    pub(super) waker: Option<Waker>,
    /// How many were taken from the rings.
    pub(super) taken: u64,
    /// What became of those.
    pub(super) told: Arc<Told>,
    /// How many it was moved past while it waited.
    pub(super) passed: u64,
    pub(super) overrun: u64,
}

/// A place in one ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// Where it began.
    pub(super) joined: u64,
    /// The place to read next.
    pub(super) next: u64,
    /// The last turn read or passed over.
    pub(super) after: Option<Turn>,
}

impl Seat {
    /// Whether the ring of a lane has something behind what this one has read of it.
    pub(super) fn is_behind(&self, lane: Lane, ring: &Ring) -> bool {
        self.readers[lane].next < ring.end()
    }

    /// Takes a chunk's worth of a ring at most.
    pub(super) fn take(&mut self, lane: Lane, ring: &mut Ring, held: &mut Held) {
        let reader = &mut self.readers[lane];
        let Some(taken) = ring.take(reader.next, &mut held.own) else {
            return;
        };
        self.taken += taken.count;
        held.part = taken.part;
        held.over = reader.move_by(taken.count, taken.last, ring);
    }

    /// Jumps over what the ring of a lane has given up before it was read; tells of it.
    pub(super) fn jump(&mut self, lane: Lane, ring: &Ring, origin: Origin) -> Option<Lag> {
        let reader = &mut self.readers[lane];
        let missed = ring.start().checked_sub(reader.next).filter(|missed| *missed > 0)?;
        self.overrun += missed;
        reader.next = ring.start();
        let before = ring.at_or_first(reader.next).map(|entry| entry.turn);
        Some(Lag { missed, origin, after: reader.after, before, exact: self.exact })
    }

    /// The account.
    pub(super) fn row(&self, rings: &Lanes<Ring>) -> LedgerRow {
        let (delivered, kept_away) = (self.told.delivered(), self.told.filtered());
        let mut row = LedgerRow {
            kind: SubscriberKind::Stream,
            delivered,
            filtered: self.passed + kept_away,
            overrun: self.overrun,
            // In the hand of the reader.
            pending: self.taken - delivered - kept_away,
            ..LedgerRow::default()
        };
        for (ring, reader) in rings.each_ref().into_iter().zip(self.readers.each_ref()) {
            row.offered += ring.end() - reader.joined;
            row.pending += ring.end() - reader.next.max(ring.start());
            // What the ring has given up and the reader has not noticed yet.
            row.overrun += ring.start().saturating_sub(reader.next);
        }
        row
    }
}

impl Reader {
    /// Moves on by so many places, the last of that turn; gives back the chunk that is over with that.
    pub(super) fn move_by(&mut self, places: u64, last: Turn, ring: &mut Ring) -> Option<Arc<Chunk>> {
        self.next += places;
        self.after = Some(last);
        ring.moved(self.next)
    }
}
