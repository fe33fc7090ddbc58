//! What the order section of a [`Core`](super::core::Core) guards: turns, subscribers, dispatches under way.

use std::sync::Arc;

use super::channel::Aftermath;
use super::ledger::LedgerRow;
use super::member::{Member, Members};
use super::route::Routes;
use crate::event::{DomainEvent, EventType, Turn};
use crate::sync::{AtomicUsize, Ordering};

/// What the order section guards. Locks of channels, desks and members are taken inside it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) phase: Phase,
    /// The number of the last turn.
    pub(super) turn: u64,
    pub(super) routes: Routes,
    /// Handlers that are called on the emitting thread.
    pub(super) members: Members,
    /// Handlers that have a desk.
    pub(super) at_desks: Vec<Arc<Member>>,
    pub(super) flights: Vec<Flight>,
    /// Places of flights that are over, to be used again.
    pub(super) spare: Vec<Arc<AtomicUsize>>,
    pub(super) observers: [u32; EventType::NUMBERS],
    pub(super) departed: LedgerRow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// What handlers emit is still taken.
    Closing,
    Closed,
}

/// A dispatch that is not over.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) turn: u64,
    pub(super) members: Members,
    pub(super) reached: Arc<AtomicUsize>,
}

impl Order {
    /// Puts an event on the desks of the async handlers that want it; returns how many there are.
    pub(super) fn put_on_desks(
        &self,
        turn: Turn,
        event: &Arc<DomainEvent>,
        aftermath: &mut Aftermath,
    ) -> usize {
        for member in &self.at_desks {
            if let Some(desk) = member.handler.desk()
                && member.takes_on_desk(event)
            {
                desk.put(turn, event, aftermath);
            }
        }
        self.at_desks.len()
    }

    /// How many dispatches are on their way to `member`.
    pub(super) fn pending_at(&self, member: &Arc<Member>) -> u64 {
        let waits = |flight: &&Flight| {
            let place = flight.members.iter().position(|other| Arc::ptr_eq(other, member));
            place.is_some_and(|place| flight.reached.load(Ordering::Relaxed) <= place)
        };
        self.flights.iter().filter(waits).count() as u64
    }
}

/// The bits of the kinds that have observers.
pub(super) fn mask(observers: &[u32; EventType::NUMBERS]) -> u64 {
    let bits =
        observers.iter().enumerate().filter(|(_, count)| **count > 0).map(|(number, _)| 1_u64 << number);
    bits.fold(0, |mask, bit| mask | bit)
}
