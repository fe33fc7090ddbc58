//! A [`Channel`]: what a route is made of. Two rings, chatter and critical, and the seats of those who read them.
//!
//! The rings are disjoint; a reader gets both merged by turn. Each ring's loss is its own, so chatter never overruns
//! what is critical. A reader that waits is at the end of both rings: an event that its filter keeps from it moves it
//! on without waking it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::hand::{HAND, Hand, InHand};
use super::lane::{Lane, Lanes};
use super::ledger::LedgerRow;
use super::report;
use super::ring::{Entry, Ring};
use super::slab::{Slab, Slot};
use crate::event::{DomainEvent, Origin, Turn};
use crate::filter::Filter;
use crate::stream::Lag;
use crate::sync::{Mutex, MutexGuard, lock};

/// How many events each ring of a channel holds.
pub(super) type Capacity = Lanes<NonZeroUsize>;

/// What must happen outside of all locks: wakers to wake, events to drop. Both run foreign code.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    wakers: Vec<Waker>,
    gone: Vec<Entry>,
}

impl Aftermath {
    /// Wakes and drops, each whatever the others do; keeps its memory for the next emission.
    pub(super) fn settle(&mut self) {
        self.wakers.drain(..).for_each(|waker| report::quietly(|| waker.wake()));
        self.gone.drain(..).for_each(report::drop_event);
    }
}

#[derive(Debug)]
pub(super) struct Channel {
    origin: Origin,
    /// Guards rings and seats. Taken inside the order section or alone; nothing is taken inside it.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rings: Lanes<Ring>,
    seats: Slab<Seat>,
    /// The seats that wait, each once.
    parked: Vec<Slot>,
    closed: bool,
}

/// One reader's place in the two rings, and its account.
#[derive(Debug)]
struct Seat {
    filter: Filter,
    /// Whether all that travels here passes the filter.
    exact: bool,
    readers: Lanes<Reader>,
    waker: Option<Waker>,
    /// How many were taken from the rings; of those some are still in the hand of the reader.
    taken: u64,
    in_hand: InHand,
    filtered: u64,
    overrun: u64,
}

#[derive(Clone, Copy, Debug)]
struct Reader {
    joined: u64,
    /// The place to read next.
    next: u64,
    /// The last turn read or passed over.
    after: Option<Turn>,
}

/// What a seat reads.
#[derive(Debug)]
pub(super) enum Read {
    Entry(Entry),
    Lagged(Lag),
}

impl Channel {
    pub(super) fn new(origin: Origin, capacity: Capacity) -> Self {
        let rings = Lanes { chatter: Ring::new(capacity.chatter), critical: Ring::new(capacity.critical) };
        let state = State { rings, seats: Slab::new(), parked: Vec::new(), closed: false };
        Self { origin, state: Mutex::new(state) }
    }

    /// Takes a seat: the events from now on. `exact` says that the filter keeps nothing on this channel away.
    pub(super) fn join(&self, filter: Filter, exact: bool) -> Slot {
        let mut state = lock(&self.state);
        let reader = |ring: &Ring| Reader { joined: ring.end(), next: ring.end(), after: None };
        let readers =
            Lanes { chatter: reader(&state.rings.chatter), critical: reader(&state.rings.critical) };
        let (waker, taken, filtered, overrun, in_hand) = (None, 0, 0, 0, InHand::default());
        state.seats.insert(Seat { filter, exact, readers, waker, taken, in_hand, filtered, overrun })
    }

    /// An empty hand for the reader at that seat.
    pub(super) fn hand(&self, slot: Slot) -> Hand {
        let state = lock(&self.state);
        Hand::new(state.seats.get(slot).map(|seat| seat.in_hand.clone()).unwrap_or_default())
    }

    /// Gives up a seat; returns its account, and whether it was the last.
    pub(super) fn leave(&self, slot: Slot, aftermath: &mut Aftermath) -> (LedgerRow, bool) {
        let mut state = lock(&self.state);
        let row = state.row(slot);
        state.parked.retain(|parked| *parked != slot);
        let seat = state.seats.remove(slot);
        // Woken rather than dropped in here: either is foreign code.
        aftermath.wakers.extend(seat.and_then(|seat| seat.waker));
        let is_last = state.seats.len() == 0;
        if is_last {
            state.take_all(aftermath);
        }
        (row, is_last)
    }

    /// Puts an event on the channel; called in the order section. Returns how many seats there are; without any,
    /// nothing is kept.
    pub(super) fn send(&self, turn: Turn, event: &Arc<DomainEvent>, aftermath: &mut Aftermath) -> usize {
        let mut state = lock(&self.state);
        if state.seats.len() == 0 {
            return 0;
        }
        let lane = Lane::of(event.event_type());
        let entry = Entry { turn, event: Arc::clone(event) };
        aftermath.gone.extend(state.rings[lane].push(entry));
        state.wake_or_pass(lane, turn, event, aftermath);
        state.seats.len()
    }

    /// Reads the next thing for a seat, or parks it until there is one; `None` is the end.
    pub(super) fn poll(&self, slot: Slot, waker: &Waker) -> Poll<Option<Read>> {
        let mut state = lock(&self.state);
        if let Some(read) = state.read(slot, self.origin) {
            return Poll::Ready(Some(read));
        }
        end_or_park(state, slot, waker)
    }

    /// Reads the next thing for a seat as [`poll`](Self::poll) does, and with an event takes those that follow it into
    /// the reader's hand, up to the next loss: so the lock is taken once for many. The hand must be empty.
    pub(super) fn poll_into(&self, slot: Slot, hand: &mut Hand, waker: &Waker) -> Poll<Option<Read>> {
        let mut state = lock(&self.state);
        let Some(first) = state.read(slot, self.origin) else {
            return end_or_park(state, slot, waker);
        };
        if let Read::Entry(_) = first {
            hand.take(std::iter::from_fn(|| state.read_entry(slot)).take(HAND));
        }
        Poll::Ready(Some(first))
    }

    /// Reads up to `at_most` things that are there, under one lock.
    pub(super) fn read_many(&self, slot: Slot, at_most: usize, take: impl FnMut(Read)) -> usize {
        let mut state = lock(&self.state);
        let reads = std::iter::from_fn(|| state.read(slot, self.origin));
        reads.take(at_most).map(take).count()
    }

    /// Ends the channel after what is on it.
    pub(super) fn close(&self, aftermath: &mut Aftermath) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.parked.clear();
        aftermath.wakers.extend(state.seats.iter_mut().filter_map(|seat| seat.waker.take()));
    }

    /// Whether something that waits for the seat stands at or before `through`.
    pub(super) fn has_pending_through(&self, slot: Slot, through: Turn) -> bool {
        let state = lock(&self.state);
        state.seats.get(slot).is_some_and(|seat| {
            [Lane::Chatter, Lane::Critical].into_iter().any(|lane| {
                let head = state.rings[lane].at_or_first(seat.readers[lane].next);
                head.is_some_and(|entry| entry.turn <= through)
            })
        })
    }

    /// The account of a seat.
    pub(super) fn row(&self, slot: Slot) -> LedgerRow {
        lock(&self.state).row(slot)
    }

    /// How many seats there are.
    pub(super) fn seats(&self) -> usize {
        lock(&self.state).seats.len()
    }

    /// The accounts of all seats, named after their filters.
    pub(super) fn rows(&self) -> Vec<LedgerRow> {
        let state = lock(&self.state);
        state.seats.iter().map(|seat| state.row_of(seat)).collect()
    }
}

impl State {
    /// Wakes those who wait for such an event, and moves on those whose filter keeps it from them.
    fn wake_or_pass(&mut self, lane: Lane, turn: Turn, event: &DomainEvent, aftermath: &mut Aftermath) {
        let seats = &mut self.seats;
        self.parked.retain(|slot| {
            let Some(seat) = seats.get_mut(*slot) else {
                return false;
            };
            if seat.exact || seat.filter.matches(event) {
                aftermath.wakers.extend(seat.waker.take());
                return false;
            }
            let reader = &mut seat.readers[lane];
            reader.next += 1;
            reader.after = Some(turn);
            seat.filtered += 1;
            true
        });
    }

    /// Has a seat wait; gives back the waker that it waited with before.
    fn park(&mut self, slot: Slot, waker: &Waker) -> Option<Waker> {
        let seat = self.seats.get_mut(slot)?;
        match &mut seat.waker {
            Some(parked) if parked.will_wake(waker) => None,
            Some(parked) => Some(std::mem::replace(parked, waker.clone())),
            none => {
                *none = Some(waker.clone());
                self.parked.push(slot);
                None
            }
        }
    }

    /// The next entry or notice for a seat, in the order of turns over both rings.
    fn read(&mut self, slot: Slot, origin: Origin) -> Option<Read> {
        if let Some(entry) = self.read_entry(slot) {
            return Some(Read::Entry(entry));
        }
        let seat = self.seats.get_mut(slot)?;
        let lane = next_lane(&self.rings, &seat.readers)?;
        let (ring, reader) = (&self.rings[lane], &mut seat.readers[lane]);
        let before = ring.at_or_first(reader.next).map(|entry| entry.turn);
        let missed = ring.start() - reader.next;
        seat.overrun += missed;
        reader.next = ring.start();
        Some(Read::Lagged(Lag { missed, origin, after: reader.after, before, exact: seat.exact }))
    }

    /// The next entry for a seat; none at the end, and where a loss lies before it.
    fn read_entry(&mut self, slot: Slot) -> Option<Entry> {
        let is_alone = self.seats.len() == 1;
        let seat = self.seats.get_mut(slot)?;
        loop {
            let lane = next_lane(&self.rings, &seat.readers)?;
            let (ring, reader) = (&mut self.rings[lane], &mut seat.readers[lane]);
            let entry = ring.at_or_first(reader.next)?;
            if ring.start() > reader.next {
                return None;
            }
            reader.after = Some(entry.turn);
            reader.next += 1;
            if !seat.exact && !seat.filter.matches(&entry.event) {
                seat.filtered += 1;
                continue;
            }
            seat.taken += 1;
            // What nobody else will read need not be kept.
            let can_take = is_alone && ring.start() + 1 == reader.next;
            return if can_take { ring.pop_front() } else { Some(entry.clone()) };
        }
    }

    fn row(&self, slot: Slot) -> LedgerRow {
        self.seats.get(slot).map(|seat| self.row_of(seat)).unwrap_or_default()
    }

    fn row_of(&self, seat: &Seat) -> LedgerRow {
        let mut row = LedgerRow::stream(&seat.filter);
        row.pending = seat.in_hand.count();
        (row.delivered, row.filtered, row.overrun) = (seat.taken - row.pending, seat.filtered, seat.overrun);
        for (ring, reader) in self.rings.each_ref().into_iter().zip(seat.readers.each_ref()) {
            row.offered += ring.end() - reader.joined;
            row.pending += ring.end() - reader.next.max(ring.start());
            // What the ring has given up and the reader has not noticed yet.
            row.overrun += ring.start().saturating_sub(reader.next);
        }
        row
    }

    fn take_all(&mut self, aftermath: &mut Aftermath) {
        aftermath.gone.extend(self.rings.chatter.take_all());
        aftermath.gone.extend(self.rings.critical.take_all());
    }
}

/// The end of a channel that is closed; else the seat waits.
fn end_or_park(mut state: MutexGuard<'_, State>, slot: Slot, waker: &Waker) -> Poll<Option<Read>> {
    if state.closed {
        return Poll::Ready(None);
    }
    let replaced = state.park(slot, waker);
    drop(state);
    // The last reference to a waker may be the last one to a task, and to a stream of this channel in it.
    drop(replaced);
    Poll::Pending
}

/// The lane whose next entry has the lower turn; none if both are read to their end.
fn next_lane(rings: &Lanes<Ring>, readers: &Lanes<Reader>) -> Option<Lane> {
    let head = |lane: Lane| rings[lane].at_or_first(readers[lane].next).map(|entry| entry.turn);
    match (head(Lane::Chatter), head(Lane::Critical)) {
        (Some(chatter), Some(critical)) if chatter > critical => Some(Lane::Critical),
        (Some(_), _) => Some(Lane::Chatter),
        (None, Some(_)) => Some(Lane::Critical),
        (None, None) => None,
    }
}
