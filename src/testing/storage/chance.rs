//! [`Chance`]: what a crash leaves to chance, the same for the same seed.

/// A generator of numbers (`SplitMix64`). With seed 0 they are all 0, and no toss comes out as hoped.
#[derive(Debug)]
pub(super) struct Chance {
    state: u64,
    is_none: bool,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, is_none: seed == 0 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        if self.is_none {
            return 0;
        }
        let count = (most as u64).saturating_add(1);
        usize::try_from(self.next() % count).unwrap_or(most)
    }

    /// A toss for something to be kept.
    pub(super) fn tosses(&mut self) -> bool {
        self.up_to(1) == 1
    }
}
