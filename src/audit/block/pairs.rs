//! [`Pairs`]: which events of a block caused which of another, or of the same.

use super::{NoPlaces, POSITIONS, Place};

/// An event and one that it caused, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Pair {
    pub(in crate::audit) cause: Place,
    pub(in crate::audit) effect: Place,
}

/// Pairs of the same two blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Pairs(Vec<Pair>);

impl Pairs {
    pub(in crate::audit) fn push(&mut self, pair: Pair) {
        self.0.push(pair);
    }

    pub(in crate::audit) fn append(&mut self, behind: &mut Self) {
        self.0.append(&mut behind.0);
    }

    pub(in crate::audit) fn iter(&self) -> impl Iterator<Item = Pair> {
        self.0.iter().copied()
    }

    /// As they are written: two bytes for the cause, two for the effect.
    pub(in crate::audit) fn to_bytes(&self) -> Vec<u8> {
        let places = self.0.iter().flat_map(|pair| [pair.cause, pair.effect]);
        places.flat_map(|place| place.0.to_le_bytes()).collect()
    }

    /// What was written.
    pub(in crate::audit) fn from_bytes(bytes: &[u8]) -> Result<Self, NoPlaces> {
        let place = |low, high| {
            let number = u16::from_le_bytes([low, high]);
            if usize::from(number) < POSITIONS { Ok(Place(number)) } else { Err(NoPlaces) }
        };
        let (pairs, rest) = bytes.as_chunks();
        let pairs =
            pairs.iter().map(|[a, b, c, d]| Ok(Pair { cause: place(*a, *b)?, effect: place(*c, *d)? }));
        if rest.is_empty() { pairs.collect::<Result<_, _>>().map(Self) } else { Err(NoPlaces) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_they_were_written_and_what_is_none_is_refused() {
        let mut pairs = Pairs::default();
        for (cause, effect) in [(0, 4_095), (4_095, 0), (77, 300)] {
            pairs.push(Pair { cause: Place(cause), effect: Place(effect) });
        }
        assert_eq!(Pairs::from_bytes(&pairs.to_bytes()), Ok(pairs));
        for bytes in [&[0, 0, 0][..], &[0, 0, 0, 16], &[0, 16, 0, 0], &[0; 5]] {
            assert_eq!(Pairs::from_bytes(bytes), Err(NoPlaces), "{bytes:?}");
        }
    }
}
