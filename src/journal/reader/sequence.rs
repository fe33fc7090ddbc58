//! [`Sequence`]: which lines stand in their place.

use crate::event::Hash;
use crate::journal::line::{self, Line, LineFault};
use crate::journal::position::Position;

/// Judges lines by their positions, in the order in which they stand.
///
/// A position that is not the next one, counting lines at fault as one each, is believed if the chain bears it out, or
/// if the line behind it goes on from there: else damaged digits would make all lines behind them look as if they went
/// back.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    /// The greatest position known: lines up to it were given before or are not asked for.
    floor: Option<Position>,
    /// What is asked for stands behind it.
    asked_after: Option<Position>,
    /// How many lines at fault stand behind the last one in its place.
    faults: u64,
    /// Whether a line was judged: before that, nothing can be missing.
    has_begun: bool,
    /// That of the last line in its place in this segment; at its start the one before its first.
    previous: Option<Position>,
    /// The chain behind the line before, if its ending was whole.
    chain: Option<Hash>,
    /// The chain behind the last line in its place: what was added by hand behind it has none.
    chain_in_place: Option<Hash>,
    /// The first position of this segment, if it leaves a gap, as long as none of its lines was judged.
    entered: Option<Position>,
    /// What was known before the first line that is left over.
    before_leftovers: Option<(Option<Position>, Option<Hash>)>,
    /// The first position of the next segment, once there is one: those from it on are left over from a write that
    /// was taken back and written again there.
    next_first: Option<Position>,
}

/// The positions that a [`Sequence`] knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    floor: Option<Position>,
    previous: Option<Position>,
    /// The chain behind that.
    chain: Option<Hash>,
    faults: u64,
}

/// What is to be done with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is asked for.
    Wanted(Position),
    /// It was given before, is not asked for or is left over.
    Passed,
    /// Lines up to that position are missing before it; it is to be judged again.
    Missing(Position),
    /// It is in no order.
    Fault(LineFault),
}

impl Sequence {
    /// Of what stands behind that position.
    pub(super) fn new(floor: Option<Position>) -> Self {
        Self { floor, ..Self::from_start(floor) }
    }

    /// Of everything, for somebody who asks for what stands behind that position.
    pub(super) fn from_start(asked_after: Option<Position>) -> Self {
        Self {
            floor: None,
            asked_after,
            faults: 0,
            has_begun: false,
            previous: None,
            chain: None,
            chain_in_place: None,
            entered: None,
            before_leftovers: None,
            next_first: None,
        }
    }

    /// Everything up to that position was had from elsewhere.
    pub(super) fn know(&mut self, position: Option<Position>) {
        self.floor = self.floor.max(position);
    }

    /// The greatest position known.
    pub(super) fn floor(&self) -> Option<Position> {
        self.floor
    }

    /// The position of the last line in its place.
    pub(super) fn previous(&self) -> Option<Position> {
        self.previous
    }

    /// The number of the next position, if each line at fault took one.
    pub(super) fn next(&self) -> u64 {
        self.previous.map_or(0, Position::get) + self.faults + 1
    }

    /// The segment with that first position begins, and `next_first` the one behind it.
    pub(super) fn enter(&mut self, first: Position, next_first: Option<Position>) {
        if let Some((previous, chain)) = self.before_leftovers.take() {
            (self.previous, self.chain, self.faults) = (previous, chain, 0);
            self.chain_in_place = chain;
        }
        let next = self.next();
        self.entered = (self.has_begun && first.get() > next).then_some(first);
        if first.get() != next && self.entered.is_none() {
            (self.chain, self.chain_in_place) = (None, None);
        }
        (self.previous, self.next_first, self.faults) = (first.previous(), next_first, 0);
    }

    /// A segment was begun behind the present one.
    pub(super) fn set_next_first(&mut self, next_first: Position) {
        self.next_first = Some(next_first);
    }

    /// The place behind a line of this segment whose position and chain are known.
    pub(super) fn resume_behind(&mut self, previous: Position, chain: Hash) {
        (self.has_begun, self.previous, self.chain, self.entered) = (true, Some(previous), Some(chain), None);
        self.chain_in_place = Some(chain);
        self.floor = self.floor.max(Some(previous));
    }

    /// The file was cut: lines may come again.
    pub(super) fn restart(&mut self, first: Position) {
        (self.previous, self.chain, self.chain_in_place) = (first.previous(), None, None);
    }

    /// The segment is read once more, from its start; what was told stays told.
    pub(super) fn begin_again(&mut self, first: Position) {
        self.asked_after = self.asked_after.max(self.floor);
        (self.before_leftovers, self.faults) = (None, 0);
        self.restart(first);
    }

    /// Whether a line goes on from the last one in its place.
    pub(super) fn goes_on_with(&self, bytes: &[u8]) -> bool {
        line::position(bytes).is_some_and(|position| self.is_next(position)) || self.is_borne_out(bytes)
    }

    /// Judges a line; `ahead` is what is known of the one behind it. What is at fault has to be [passed](Self::pass).
    pub(super) fn judge(&mut self, bytes: &[u8], ahead: &[u8]) -> Verdict {
        let Some(position) = line::position(bytes) else {
            return Verdict::Fault(LineFault::NoPosition);
        };
        if let Some(first) = self.entered.take()
            && !self.is_borne_out(bytes)
        {
            (self.chain, self.chain_in_place) = (None, None);
            return Verdict::Missing(first.previous().unwrap_or(first));
        }
        if Some(position) <= self.previous {
            return Verdict::Fault(LineFault::Backward);
        }
        if position.get() != self.next()
            && !self.goes_on_with(bytes)
            && self.is_doubtful(position, bytes, ahead)
        {
            return Verdict::Fault(LineFault::Unproven);
        }
        let Some(chain) = line::chain_of(bytes) else {
            return Verdict::Fault(LineFault::NoChain);
        };
        let is_left_over = self.next_first.is_some_and(|next| position >= next);
        if is_left_over && self.before_leftovers.is_none() {
            self.before_leftovers = Some((self.previous, self.chain));
        }
        (self.has_begun, self.previous, self.chain) = (true, Some(position), Some(chain));
        (self.chain_in_place, self.faults) = (Some(chain), 0);
        if is_left_over || Some(position) <= self.floor {
            return Verdict::Passed;
        }
        self.floor = Some(position);
        Verdict::Wanted(position)
    }

    /// The positions it knows.
    pub(super) fn place(&self) -> Place {
        let Self { floor, previous, chain_in_place: chain, faults, .. } = *self;
        Place { floor, previous, chain, faults }
    }

    /// Knows no more than before a line was judged.
    pub(super) fn go_back(&mut self, before: Place) {
        let Place { floor, previous, chain, faults } = before;
        (self.floor, self.previous, self.chain_in_place, self.faults) = (floor, previous, chain, faults);
    }

    /// Goes on behind a line that is at fault; whether it is asked for, as far as can be told if each took a position.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> bool {
        (self.has_begun, self.chain) = (true, line::chain_of(bytes));
        self.faults += 1;
        self.next() - 1 > self.asked_after.map_or(0, Position::get)
    }

    /// Whether lines up to that position have not been told as gone; they are now.
    pub(super) fn tell_removed(&mut self, through: Position) -> bool {
        let is_new = Some(through) > self.floor;
        self.floor = self.floor.max(Some(through));
        is_new
    }

    fn is_next(&self, position: Position) -> bool {
        position.previous() == self.previous
    }

    /// Whether the chain of a line follows from a line before it.
    fn is_borne_out(&self, bytes: &[u8]) -> bool {
        let Ok(line) = Line::split(bytes) else { return false };
        [self.chain, self.chain_in_place].iter().flatten().any(|chain| line.follows(chain))
    }

    /// Whether the line behind does not go on from that position: by the next number, or by a greater one and the
    /// chain, as far as it is known. If there is none to ask, a gap is believed only where nothing could bear it out.
    fn is_doubtful(&self, position: Position, bytes: &[u8], ahead: &[u8]) -> bool {
        match line::position(ahead) {
            Some(next) if position.next() == Some(next) => false,
            Some(next) => {
                let whole = memchr::memchr(b'\n', ahead).and_then(|end| ahead.get(..=end));
                let split = whole.and_then(|whole| Line::split(whole).ok());
                let follows =
                    |ahead: Line<'_>| line::chain_of(bytes).is_some_and(|chain| ahead.follows(&chain));
                next <= position || split.is_some_and(|ahead| !follows(ahead))
            }
            None => !ahead.is_empty() || self.chain.is_some() || self.faults > 0,
        }
    }
}
