//! [`Checker`]: judges line after line by the chain.

use super::before::Before;
use super::found::{Damage, DamageFault, Verification};
use super::repair;
use super::witness::{Seen, Witness};
use crate::event::DomainEvent;
use crate::journal::kinds::JournalGap;
use crate::journal::line::{self, Line, LineFault};
use crate::journal::position::Position;

/// Judges the lines of a journal in their order.
///
/// Only what follows by the chain is believed, positions too: a damaged line is named by its own position only where
/// that lies between those of its neighbours.
#[derive(Clone, Debug)]
pub(super) struct Checker<W> {
    pub(super) found: Verification,
    /// Who hears of the lines that count.
    witness: W,
    /// What the next line has to follow from.
    before: Before,
    /// The position of the last line that was believed; at the start of a segment the one before its first.
    last: Option<Position>,
    /// That of the first damage is not known yet: the next line that is believed bounds it.
    first_damage: Option<Unbounded>,
    file: String,
    next_first: Option<Position>,
    /// How things stood before the first line that is left over.
    before_left_over: Option<End>,
    scratch: Vec<u8>,
}

/// Where the lines of a segment end that count.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) file: String,
    pub(super) at: u64,
    pub(super) before: Before,
    pub(super) last: Option<Position>,
}

/// A damage whose position is not known yet.
#[derive(Clone, Debug)]
struct Unbounded {
    after: Option<Position>,
    /// The position that the line says it has.
    said: Option<Position>,
    file: String,
    at: u64,
    fault: DamageFault,
}

impl<W: Witness> Checker<W> {
    /// One that has seen nothing.
    pub(super) fn new(witness: W) -> Self {
        Self {
            found: Verification::default(),
            witness,
            before: Before::default(),
            last: None,
            first_damage: None,
            file: String::new(),
            next_first: None,
            before_left_over: None,
            scratch: Vec::new(),
        }
    }

    /// A segment begins.
    pub(super) fn enter(
        &mut self,
        file: String,
        first: Position,
        next_first: Option<Position>,
        before: Before,
    ) {
        (self.file, self.last, self.next_first, self.before) = (file, first.previous(), next_first, before);
        self.found.trusted += u64::from(self.before.is_unknown());
    }

    /// A segment ends, at that place in bytes.
    pub(super) fn leave(&mut self, at: u64) -> End {
        self.bound(self.next_first);
        let end = || End { file: self.file.clone(), at, before: self.before, last: self.last };
        self.before_left_over.take().unwrap_or_else(end)
    }

    /// Judges the line at that place.
    pub(super) fn check(&mut self, bytes: &[u8], at: u64) {
        match Line::split(bytes) {
            Err(fault) => self.damaged_line(bytes, at, DamageFault::Line(fault)),
            Ok(line) if !self.before.leads_to(&line) => self.damaged_line(bytes, at, DamageFault::Chain),
            Ok(line) if Some(line.position) <= self.last => {
                self.damaged_line(bytes, at, DamageFault::Line(LineFault::Backward));
            }
            Ok(line) => self.believe(&line, at),
        }
    }

    /// A line at that place is too long; so it begins.
    pub(super) fn check_too_long(&mut self, beginning: &[u8], at: u64) {
        self.damaged_line(beginning, at, DamageFault::Line(LineFault::TooLong));
    }

    fn believe(&mut self, line: &Line<'_>, at: u64) {
        self.bound(Some(line.position));
        if self.next_first.is_some_and(|next| line.position >= next) {
            let end = End { file: self.file.clone(), at, before: self.before, last: self.last };
            self.before_left_over.get_or_insert(end);
            self.found.left_over += 1;
        } else {
            self.count(line);
        }
        self.last = Some(line.position);
        self.before = Before::stated(line.chain);
    }

    fn count(&mut self, line: &Line<'_>) {
        let (position, covered, chain) = (line.position, line.leaf_of(), line.chain);
        self.witness.line(&Seen { position, covered, chain, is_trusted: self.before.is_unknown() });
        self.found.lines += 1;
        self.found.first.get_or_insert(line.position);
        if let Some(last) = self.found.last.replace(line.position) {
            let skipped = line.position.get().saturating_sub(last.get() + 1);
            self.found.gaps += u64::from(skipped > 0);
            self.found.skipped += skipped;
        }
        match line.decode(&mut self.scratch) {
            Ok(event) => self.count_loss(&event),
            Err(_) => self.found.unreadable += 1,
        }
    }

    fn count_loss(&mut self, event: &DomainEvent) {
        if let Some(gap) = event.details::<JournalGap>() {
            self.found.known_losses += 1;
            self.found.known_lost_events = self.found.known_lost_events.saturating_add(gap.events);
        }
    }

    fn damaged_line(&mut self, bytes: &[u8], at: u64, fault: DamageFault) {
        self.witness.damage(line::position(bytes), line::chain_of(bytes));
        if self.is_intact_so_far() {
            let repaired = repair::position(bytes, &self.before, self.last);
            let (said, fault) = match repaired {
                Some(position) => (Some(position), DamageFault::Position),
                None => (line::position(bytes), fault),
            };
            self.tell(at, said, fault);
        }
        self.found.damaged += 1;
        self.before = self.before.behind_damage(bytes);
    }

    /// Something else than a line is damaged at that place: behind a line that is whole, or in what a segment lacks.
    pub(super) fn damaged(&mut self, at: u64, said: Option<Position>, fault: DamageFault) {
        self.witness.damage(said, None);
        if self.is_intact_so_far() {
            self.tell(at, said, fault);
        }
        self.found.damaged += 1;
        self.before = Before::default();
    }

    /// Something is damaged whose position is known.
    pub(super) fn damaged_at(&mut self, position: Position, file: String, at: u64, fault: DamageFault) {
        self.witness.damage(None, None);
        self.bound(None);
        self.found.first_damage.get_or_insert(Damage { position, file, at, fault });
        self.found.damaged += 1;
    }

    fn is_intact_so_far(&self) -> bool {
        self.found.first_damage.is_none() && self.first_damage.is_none()
    }

    fn tell(&mut self, at: u64, said: Option<Position>, fault: DamageFault) {
        self.first_damage = Some(Unbounded { after: self.last, said, file: self.file.clone(), at, fault });
    }

    /// The position of the first damage lies before `next`.
    fn bound(&mut self, next: Option<Position>) {
        let Some(Unbounded { after, said, file, at, fault }) = self.first_damage.take() else { return };
        let is_before = |next: Option<Position>, said: Position| next.is_none_or(|next| said < next);
        let is_between = |said: &Position| {
            Some(*said) > after && is_before(next, *said) && is_before(self.next_first, *said)
        };
        let expected = after.map_or(Position::FIRST, |after| after.next().unwrap_or(after));
        let position = said.filter(is_between).unwrap_or(expected);
        self.found.first_damage = Some(Damage { position, file, at, fault });
    }

    /// A segment of so many bytes was looked at.
    pub(super) fn count_segment(&mut self, bytes: u64, is_listed: bool) {
        self.found.segments += 1;
        self.found.bytes += bytes;
        self.found.unlisted += u64::from(!is_listed);
    }

    /// Nothing more comes.
    pub(super) fn finish(mut self) -> (Verification, W) {
        self.bound(None);
        (self.found, self.witness)
    }
}
