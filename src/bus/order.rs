//! What the order section of a [`Core`](super::core::Core) guards: turns, subscribers, dispatches under way.

use std::collections::VecDeque;
use std::sync::Arc;

use super::aftermath::Aftermath;
use super::ledger::LedgerRow;
use super::marks::{Mark, Marks, Slot};
use super::member::{Member, Members};
use super::route::Routes;
use crate::event::{DomainEvent, EventType, Turn};

/// How many courses of flights that are over are kept: about as many as threads emit at once.
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
    /// In the order of their turns.
    pub(super) flights: VecDeque<Flight>,
    /// Courses of flights that are over, to be used again; all of the members there are.
    pub(super) spare: Vec<Arc<Course>>,
    /// How many handlers have subscribed.
    pub(super) subscribed: u64,
    /// How many wait for flights to land.
    pub(super) awaiting: usize,
    pub(super) observers: [u32; EventType::NUMBERS],
    pub(super) departed: LedgerRow,
    /// What the emission leaves that is in here; empty otherwise.
    pub(super) aftermath: Aftermath,
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
    pub(super) course: Arc<Course>,
}

/// Whom a dispatch calls, and how far it has come.
#[derive(Debug)]
pub(super) struct Course {
    members: Members,
    marks: Marks,
}

impl Course {
    fn new(members: Members) -> Self {
        Self { marks: Marks::new(members.len()), members }
    }

    /// The handlers, each with its mark.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Arc<Member>, &Slot)> {
        self.members.iter().zip(self.marks.iter())
    }

    /// The mark of that handler, if it is one of them.
    fn mark_of(&self, member: &Member) -> Option<&Slot> {
        // They stand there in the order in which they subscribed.
        let place = self.members.binary_search_by_key(&member.number, |other| other.number).ok()?;
        self.marks.at(place)
    }
}

impl Order {
    /// Puts an event on the desks of the async handlers that want it; returns how many there are.
    pub(super) fn put_on_desks(&mut self, turn: Turn, event: &Arc<DomainEvent>) -> usize {
        for member in &self.at_desks {
            if let Some(desk) = member.handler.desk()
                && member.takes_on_desk(event)
            {
                desk.put(turn, event, &mut self.aftermath);
            }
        }
        self.at_desks.len()
    }

    /// Has other handlers from now on. What is returned holds handlers, and is for the caller to drop outside of locks.
    #[must_use]
    pub(super) fn replace_members(&mut self, members: Members) -> (Members, Vec<Arc<Course>>) {
        (std::mem::replace(&mut self.members, members), std::mem::take(&mut self.spare))
    }

    /// Begins a dispatch of the last turn to the handlers there are, if there are any.
    #[inline]
    pub(super) fn take_off(&mut self) -> Option<Arc<Course>> {
        if self.members.is_empty() {
            return None;
        }
        let spare = self.spare.pop();
        let course = spare.unwrap_or_else(|| Arc::new(Course::new(Arc::clone(&self.members))));
        self.flights.push_back(Flight { turn: self.turn, course: Arc::clone(&course) });
        Some(course)
    }

    /// Ends the dispatch of that turn, whose marks go on the accounts. What is returned is dropped outside of locks.
    pub(super) fn land(&mut self, turn: u64) -> Option<Arc<Course>> {
        let course = self.take_flight(turn)?.course;
        for (member, mark) in course.each() {
            member.settle(mark.settle());
        }
        if !Arc::ptr_eq(&course.members, &self.members) || self.spare.len() == MAX_SPARE {
            return Some(course);
        }
        self.spare.push(course);
        None
    }

    fn take_flight(&mut self, turn: u64) -> Option<Flight> {
        // Nearly always it is the only one.
        if self.flights.front()?.turn == turn {
            return self.flights.pop_front();
        }
        let place = self.flights.binary_search_by_key(&turn, |flight| flight.turn).ok()?;
        self.flights.remove(place)
    }

    /// The account of a handler.
    pub(super) fn row(&self, member: &Arc<Member>) -> LedgerRow {
        member.row(self.turn, self.marks_of(member).map(Slot::last))
    }

    /// Ends the account of a handler: what is on its way to it does not reach it any more.
    pub(super) fn depart(&self, member: &Arc<Member>) -> LedgerRow {
        for mark in self.marks_of(member) {
            mark.claim(Mark::Departed);
        }
        let row = self.row(member);
        member.depart();
        row
    }

    /// The marks of that handler in the dispatches under way.
    fn marks_of<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = &'a Slot> {
        self.flights.iter().filter_map(|flight| flight.course.mark_of(member))
    }
}

/// The bits of the kinds that have observers.
pub(super) fn mask(observers: &[u32; EventType::NUMBERS]) -> u64 {
    let bits =
        observers.iter().enumerate().filter(|(_, count)| **count > 0).map(|(number, _)| 1_u64 << number);
    bits.fold(0, |mask, bit| mask | bit)
}
