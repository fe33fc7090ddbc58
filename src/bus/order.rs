//! What the order section of a [`Core`](super::core::Core) guards: turns, subscribers, dispatches under way.

use std::sync::Arc;

use super::aftermath::Aftermath;
use super::ledger::LedgerRow;
use super::marks::{Mark, Marks};
use super::member::{Member, Members};
use super::route::Routes;
use crate::event::{DomainEvent, EventType, Turn};

/// How many marks of flights that are over are kept: about as many as threads emit at once.
const MAX_SPARE: usize = 16;

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
    /// The marks of flights that are over, to be used again.
    pub(super) spare: Vec<Arc<Marks>>,
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
    pub(super) marks: Arc<Marks>,
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

    /// Begins a dispatch of the last turn to the handlers there are.
    pub(super) fn take_off(&mut self) -> (Members, Arc<Marks>) {
        let members = Arc::clone(&self.members);
        let spare = self.spare.pop().filter(|marks| marks.reset(members.len()));
        let marks = spare.unwrap_or_else(|| Arc::new(Marks::new(members.len())));
        self.flights.push(Flight {
            turn: self.turn,
            members: Arc::clone(&members),
            marks: Arc::clone(&marks),
        });
        (members, marks)
    }

    /// Ends the dispatch of that turn, whose marks go on the accounts.
    pub(super) fn land(&mut self, turn: u64) -> Option<Flight> {
        let place = self.flights.iter().position(|flight| flight.turn == turn)?;
        let flight = self.flights.swap_remove(place);
        for (place, member) in flight.members.iter().enumerate() {
            member.settle(flight.marks.at(place));
        }
        if self.spare.len() < MAX_SPARE {
            self.spare.push(Arc::clone(&flight.marks));
        }
        Some(flight)
    }

    /// The account of a handler.
    pub(super) fn row(&self, member: &Arc<Member>) -> LedgerRow {
        member.row(self.turn, self.marks_of(member).map(|(marks, place)| marks.at(place)))
    }

    /// Ends the account of a handler: what is on its way to it does not reach it any more.
    pub(super) fn depart(&self, member: &Arc<Member>) -> LedgerRow {
        for (marks, place) in self.marks_of(member) {
            marks.claim(place, Mark::Departed);
        }
        let row = self.row(member);
        member.depart();
        row
    }

    /// Where the dispatches under way have their mark of that handler.
    fn marks_of<'a>(&'a self, member: &'a Arc<Member>) -> impl Iterator<Item = (&'a Marks, usize)> {
        self.flights.iter().filter_map(move |flight| {
            let place = flight.members.iter().position(|other| Arc::ptr_eq(other, member))?;
            Some((&*flight.marks, place))
        })
    }
}

/// The bits of the kinds that have observers.
pub(super) fn mask(observers: &[u32; EventType::NUMBERS]) -> u64 {
    let bits =
        observers.iter().enumerate().filter(|(_, count)| **count > 0).map(|(number, _)| 1_u64 << number);
    bits.fold(0, |mask, bit| mask | bit)
}
