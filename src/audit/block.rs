//! Blocks of positions, and sets of places within one.
//!
//! An index entry for each event and condition would cost more than all else: so the positions that have a value in
//! common are kept as one set for each block of 4,096 positions. Sets of one block are joined and intersected word by
//! word.

use std::fmt;

pub(super) use self::pairs::{Pair, Pairs};
use crate::journal::Position;

mod pairs;

/// How many positions a block has, as a power of two.
const BITS: u32 = 12;

/// How many positions a block has.
const POSITIONS: usize = 1 << BITS;

/// The greatest place in a block, as the database takes it.
const LAST: i64 = (1 << BITS) - 1;

const WORDS: usize = POSITIONS / 64;

/// A set of at least so many places is written as bits: it is not longer then.
const DENSE: usize = WORDS * 8 / 2;

/// A block of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Block(u64);

impl Block {
    pub(super) const FIRST: Self = Self(0);

    /// The block in which that position lies.
    pub(super) const fn of(position: Position) -> Self {
        Self(position.get() >> BITS)
    }

    /// The block of that number, as the database has it.
    pub(super) fn numbered(number: i64) -> Self {
        Self(number.unsigned_abs())
    }

    /// Its number, as the database takes it: no position makes it too large.
    pub(super) const fn number(self) -> i64 {
        self.0.cast_signed()
    }

    /// The least and the greatest number of a position in it, as the database takes them.
    pub(super) const fn bounds(self) -> (i64, i64) {
        let first = self.number() << BITS;
        (first, first | LAST)
    }

    /// The position at a place in it; `None` for what no position has.
    pub(super) const fn position(self, place: Place) -> Option<Position> {
        Position::new((self.0 << BITS) + place.0 as u64)
    }
}

/// A place in a block: below 4,096.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(u16);

impl Place {
    /// The place of a position in its block.
    #[expect(clippy::cast_possible_truncation, reason = "what is left has 12 bits")]
    pub(super) const fn of(position: Position) -> Self {
        Self((position.get() % POSITIONS as u64) as u16)
    }

    const fn word(self) -> usize {
        self.0 as usize / 64
    }

    const fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}

/// Some places of a block.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Places([u64; WORDS]);

/// What is written is no set of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPlaces;

impl Places {
    /// None.
    pub(super) const NONE: Self = Self([0; WORDS]);

    pub(super) fn insert(&mut self, place: Place) {
        if let Some(word) = self.0.get_mut(place.word()) {
            *word |= place.bit();
        }
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.0.get(place.word()).is_some_and(|word| word & place.bit() != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps what is in `other` too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.each_word(other, |word, other| word & other);
    }

    /// Takes out what is in `other`.
    pub(super) fn drop_all(&mut self, other: &Self) {
        self.each_word(other, |word, other| word & !other);
    }

    /// Adds what is in `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.each_word(other, |word, other| word | other);
    }

    fn each_word(&mut self, other: &Self, join: impl Fn(u64, u64) -> u64) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word = join(*word, *other);
        }
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Place> {
        let words = (0..64_u16).zip(&self.0).filter(|(_, word)| **word != 0);
        words.flat_map(|(number, word)| Bits(*word).map(move |bit| Place(number * 64 + bit)))
    }

    /// As it is written: two bytes for each place, or a bit for each.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        if self.len() < DENSE {
            return self.iter().flat_map(|place| place.0.to_le_bytes()).collect();
        }
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Adds what was written.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), NoPlaces> {
        if bytes.len() == WORDS * 8 {
            let (words, _) = bytes.as_chunks();
            for (word, written) in self.0.iter_mut().zip(words) {
                *word |= u64::from_le_bytes(*written);
            }
            return Ok(());
        }
        let (places, rest) = bytes.as_chunks();
        for written in places {
            let place = u16::from_le_bytes(*written);
            if usize::from(place) >= POSITIONS {
                return Err(NoPlaces);
            }
            self.insert(Place(place));
        }
        if rest.is_empty() && bytes.len() < WORDS * 8 { Ok(()) } else { Err(NoPlaces) }
    }

    /// What was written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, NoPlaces> {
        let mut places = Self::NONE;
        places.add_bytes(bytes).map(|()| places)
    }
}

/// The bits of a word that are set, by number.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u16;

    #[expect(clippy::cast_possible_truncation, reason = "a bit has a number below 64")]
    fn next(&mut self) -> Option<u16> {
        let bit = self.0.trailing_zeros();
        (bit < 64).then(|| {
            self.0 &= self.0 - 1;
            bit as u16
        })
    }
}

impl DoubleEndedIterator for Bits {
    #[expect(clippy::cast_possible_truncation, reason = "a bit has a number below 64")]
    fn next_back(&mut self) -> Option<u16> {
        let bit = 63_u32.checked_sub(self.0.leading_zeros())?;
        self.0 &= !(1 << bit);
        Some(bit as u16)
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(all: I) -> Self {
        let mut places = Self::NONE;
        all.into_iter().for_each(|place| places.insert(place));
        places
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|place| place.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(numbers: &[u16]) -> Places {
        numbers.iter().map(|number| Place(*number)).collect()
    }

    proptest! {
        #[test]
        fn a_set_reads_what_it_wrote(numbers in prop::collection::btree_set(0_u16..4096, 0..600)) {
            let set: Places = numbers.iter().map(|number| Place(*number)).collect();
            prop_assert_eq!(set.len(), numbers.len());
            prop_assert!(set.iter().map(|place| place.0).eq(numbers.iter().copied()));
            prop_assert!(set.iter().rev().map(|place| place.0).eq(numbers.iter().rev().copied()));
            prop_assert_eq!(Places::from_bytes(&set.to_bytes()), Ok(set));
        }
    }

    #[test]
    fn sets_are_joined_and_intersected() {
        let mut set = places(&[1, 64, 4095]);
        set.add(&places(&[2]));
        set.keep(&places(&[1, 2, 4095]));
        set.drop_all(&places(&[2]));
        assert_eq!(set, places(&[1, 4095]));
        assert!(!set.contains(Place(2)) && set.contains(Place(4095)));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for bytes in [&[1][..], &[0, 16], &[0; 513], &[0; 514]] {
            assert_eq!(Places::from_bytes(bytes), Err(NoPlaces), "{}", bytes.len());
        }
    }

    #[test]
    fn a_position_is_a_block_and_a_place() {
        for number in [1, 4095, 4096, 4097, Position::MAX.get()] {
            let position = Position::new(number).unwrap();
            let block = Block::of(position);
            assert_eq!(block.position(Place::of(position)), Some(position));
            assert_eq!(Block::numbered(block.number()), block);
            let (first, last) = block.bounds();
            assert!((first..=last).contains(&i64::try_from(number).unwrap()));
        }
        assert_eq!(Block(0).position(Place(0)), None);
    }
}
