//! A [`Channel`]: what a route is made of. Two rings, chatter and critical, and the seats of those who read them.
//!
//! The rings are disjoint; a reader gets both merged by turn. Each ring's loss is its own, so chatter never overruns
//! what is critical. A reader that waits is at the end of both rings: an event that its filter keeps from it moves it
//! on without waking it.
//!
//! A stream takes a chunk's worth at most of each ring into its [`Hand`] and reads it without the lock; so the lock is
//! taken once for many events, and what is read is neither cloned nor filtered under it. A desk, whose queue is exact,
//! reads one at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Poll, Waker};

use self::seat::{Reader, Seat};
use super::aftermath::Aftermath;
use super::chunk::Entry;
use super::hand::Hand;
use super::lane::{Lane, Lanes};
use super::ledger::LedgerRow;
use super::ring::Ring;
use super::slab::{Slab, Slot};
use crate::event::{DomainEvent, Origin, Turn};
use crate::filter::Filter;
use crate::sync::{Mutex, lock};

mod seat;

/// How many events each ring of a channel holds.
pub(super) type Capacity = Lanes<NonZeroUsize>;

#[derive(Debug)]
pub(super) struct Channel {
    /// Guards rings and seats. Taken inside the order section or alone; nothing is taken inside it.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    origin: Origin,
    rings: Lanes<Ring>,
    seats: Slab<Seat>,
    /// The seats that wait, each once.
    parked: Vec<Slot>,
    closed: bool,
}

/// What a desk reads.
#[derive(Debug)]
pub(super) enum Read {
    Entry(Entry),
    Lagged,
}

impl Channel {
    pub(super) fn new(origin: Origin, capacity: Capacity) -> Self {
        let rings = Lanes { chatter: Ring::new(capacity.chatter), critical: Ring::new(capacity.critical) };
        let state = State { origin, rings, seats: Slab::new(), parked: Vec::new(), closed: false };
        Self { state: Mutex::new(state) }
    }

    /// Takes a seat: the events from now on. `exact` says that the filter keeps nothing on this channel away.
    pub(super) fn join(&self, filter: Filter, exact: bool) -> Slot {
        let filter = Arc::new(filter);
        let mut state = lock(&self.state);
        let mut reader = |lane: Lane| {
            let ring = &mut state.rings[lane];
            ring.join();
            Reader { joined: ring.end(), next: ring.end(), after: None }
        };
        let readers = Lanes { chatter: reader(Lane::Chatter), critical: reader(Lane::Critical) };
        let (waker, told, taken, passed, overrun) = (None, Arc::default(), 0, 0, 0);
        state.seats.insert(Seat { filter, exact, readers, waker, taken, told, passed, overrun })
    }

    /// An empty hand for the reader at that seat.
    pub(super) fn hand(&self, slot: Slot) -> Hand {
        let state = lock(&self.state);
        let seat = state.seats.get(slot).expect("whoever has the slot has not left");
        let filter = (!seat.exact).then(|| Arc::clone(&seat.filter));
        Hand::new(filter, Arc::clone(&seat.told))
    }

    /// Gives up a seat; returns its account, and whether it was the last.
    pub(super) fn leave(&self, slot: Slot, aftermath: &mut Aftermath) -> (LedgerRow, bool) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let row = state.row(slot);
        state.parked.retain(|parked| *parked != slot);
        if let Some(seat) = state.seats.remove(slot) {
            for lane in Lane::BOTH {
                state.rings[lane].leave(seat.readers[lane].next, aftermath);
            }
            state.leave_alone(aftermath);
            // Woken rather than dropped in here: either is foreign code.
            aftermath.wakers.extend(seat.waker);
        }
        (row, state.seats.len() == 0)
    }

    /// Puts an event on the channel; called in the order section. Returns how many seats there are; without any,
    /// nothing is kept.
    pub(super) fn send(&self, turn: Turn, event: Arc<DomainEvent>, aftermath: &mut Aftermath) -> usize {
        let mut state = lock(&self.state);
        let readers = state.seats.len();
        let lane = Lane::of(event.event_type());
        if !state.parked.is_empty() {
            state.wake(&event, aftermath);
        }
        let entry = Entry { turn, event };
        if readers == 0 {
            aftermath.events.push(entry);
            return 0;
        }
        state.rings[lane].push(entry, aftermath);
        if !state.parked.is_empty() {
            state.pass(lane, turn, aftermath);
        }
        readers
    }

    /// Takes what follows into the reader's hand, in which nothing is left to hand over. Whether there was anything.
    pub(super) fn fill(&self, slot: Slot, hand: &mut Hand) -> bool {
        let is_filled = lock(&self.state).fill(slot, hand);
        hand.tidy();
        is_filled
    }

    /// Fills a hand as [`fill`](Self::fill) does, or parks its reader until there is something; `false` is the end.
    pub(super) fn poll_fill(&self, slot: Slot, hand: &mut Hand, waker: &Waker) -> Poll<bool> {
        let mut state = lock(&self.state);
        if state.fill(slot, hand) {
            drop(state);
            hand.tidy();
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        let replaced = state.park(slot, waker);
        drop(state);
        // The last reference to a waker may be the last one to a task, and to a stream of this channel in it.
        drop(replaced);
        Poll::Pending
    }

    /// Reads the next thing for a seat, or parks it until there is one; `None` is the end. Where the rings have what the
    /// filter keeps away, it is for a desk, whose filter keeps nothing away.
    pub(super) fn poll(&self, slot: Slot, waker: &Waker, aftermath: &mut Aftermath) -> Poll<Option<Read>> {
        let mut state = lock(&self.state);
        if let Some(read) = state.read(slot, aftermath) {
            return Poll::Ready(Some(read));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        // Woken rather than dropped in here, where the desk is locked: either is foreign code.
        aftermath.wakers.extend(state.park(slot, waker));
        Poll::Pending
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
            Lane::BOTH.into_iter().any(|lane| {
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

    /// The accounts of all seats, and the filters to name them after.
    pub(super) fn rows(&self) -> Vec<(Arc<Filter>, LedgerRow)> {
        let state = lock(&self.state);
        state.seats.iter().map(|seat| (Arc::clone(&seat.filter), seat.row(&state.rings))).collect()
    }
}

impl State {
    /// Has those woken who wait for such an event.
    fn wake(&mut self, event: &DomainEvent, aftermath: &mut Aftermath) {
        let Self { seats, parked, .. } = self;
        parked.retain(|slot| {
            let Some(seat) = seats.get_mut(*slot) else {
                return false;
            };
            let is_woken = seat.exact || seat.filter.matches(event);
            if is_woken {
                aftermath.wakers.extend(seat.waker.take());
            }
            !is_woken
        });
    }

    /// Moves those on who still wait: their filter keeps the last event of that lane from them.
    fn pass(&mut self, lane: Lane, turn: Turn, aftermath: &mut Aftermath) {
        let Self { rings, seats, parked, .. } = self;
        let ring = &mut rings[lane];
        let is_only_one = seats.len() == 1;
        for slot in &*parked {
            let Some(seat) = seats.get_mut(*slot) else { continue };
            seat.passed += 1;
            if is_only_one {
                // Nobody will read it.
                aftermath.events.extend(ring.take_one(seat.readers[lane].next));
            }
            if let Some(chunk) = seat.readers[lane].move_by(1, turn, ring) {
                ring.give_back(chunk, aftermath);
            }
        }
    }

    /// Tells the rings where the last reader stands, if only one is left.
    fn leave_alone(&mut self, aftermath: &mut Aftermath) {
        let Self { rings, seats, .. } = self;
        if seats.len() == 1
            && let Some(last) = seats.iter().next()
        {
            for lane in Lane::BOTH {
                rings[lane].leave_alone(last.readers[lane].next, aftermath);
            }
        }
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

    /// Takes a chunk's worth at most of each ring of which nothing is in the hand.
    fn fill(&mut self, slot: Slot, hand: &mut Hand) -> bool {
        let Some(seat) = self.seats.get_mut(slot) else {
            return false;
        };
        for lane in Lane::BOTH {
            let ring = &mut self.rings[lane];
            if let Some(chunk) = hand.spent[lane].take() {
                ring.spare(chunk);
            }
            let held = hand.held(lane);
            if held.is_empty() && seat.is_behind(lane, ring) {
                held.lag = seat.jump(lane, ring, self.origin).map(Box::new);
                seat.take(lane, ring, held);
            }
            held.is_cut = seat.is_behind(lane, ring);
        }
        !hand.is_empty()
    }

    /// The next entry or notice for a seat that keeps nothing away, in the order of turns over both rings.
    fn read(&mut self, slot: Slot, aftermath: &mut Aftermath) -> Option<Read> {
        let seat = self.seats.get_mut(slot)?;
        let lane = next_lane(&self.rings, &seat.readers)?;
        let ring = &mut self.rings[lane];
        if seat.jump(lane, ring, self.origin).is_some() {
            return Some(Read::Lagged);
        }
        let reader = &mut seat.readers[lane];
        let entry = ring.take_one(reader.next)?;
        if let Some(chunk) = reader.move_by(1, entry.turn, ring) {
            ring.give_back(chunk, aftermath);
        }
        seat.taken += 1;
        seat.told.hand_over();
        Some(Read::Entry(entry))
    }

    fn row(&self, slot: Slot) -> LedgerRow {
        self.seats.get(slot).map(|seat| seat.row(&self.rings)).unwrap_or_default()
    }
}

/// The lane whose next entry has the lower turn; none if both are read to their end.
fn next_lane(rings: &Lanes<Ring>, readers: &Lanes<Reader>) -> Option<Lane> {
    let head = |lane: Lane| rings[lane].at_or_first(readers[lane].next).map(|entry| entry.turn);
    Lane::with_lower(head(Lane::Chatter), head(Lane::Critical))
}
