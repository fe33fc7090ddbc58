//! Measuring in turns, and what comes of it.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What some rounds gave: the middle of them, and the quarters beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
    rounds: Vec<f64>,
}

impl Figure {
    pub(crate) fn of(rounds: Vec<f64>) -> Self {
        let mut values = rounds.clone();
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Self { low: at(1), median: at(2), high: at(3), rounds }
    }

    /// This to the other, round by round; the median. The machine has quick and slow minutes: what was measured side by
    /// side was measured in the same.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        self.by_round(other, |this, other| this / other)
    }

    /// How much more this is than the other, in the same way.
    pub(crate) fn more_than(&self, other: &Self) -> f64 {
        self.by_round(other, |this, other| this - other)
    }

    fn by_round(&self, other: &Self, both: impl Fn(f64, f64) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Self::of(pairs.map(|(this, other)| both(*this, *other)).collect()).median
    }
}

/// One side of a comparison: each call measures it once.
pub(crate) type Side<'a, T> = Box<dyn FnMut() -> T + 'a>;

/// Measures each side once for warming up and then in turns, there and back, so that none is always behind the same;
/// returns what each gave.
pub(crate) fn in_turns<T>(rounds: usize, sides: &mut [Side<'_, T>]) -> Vec<Vec<T>> {
    for side in sides.iter_mut() {
        drop(side());
    }
    let mut given: Vec<Vec<T>> = sides.iter().map(|_| Vec::with_capacity(rounds)).collect();
    let places: Vec<usize> = (0..sides.len()).collect();
    for round in 0..rounds {
        let mut turns = places.clone();
        if round % 2 == 1 {
            turns.reverse();
        }
        for place in turns {
            given[place].push(sides[place]());
        }
    }
    given
}

/// The medians of two sides, measured in turns.
pub(crate) fn compare(
    rounds: usize,
    ours: impl FnMut() -> f64,
    theirs: impl FnMut() -> f64,
) -> (Figure, Figure) {
    let mut given = in_turns(rounds, &mut [Box::new(ours), Box::new(theirs)]).into_iter().map(Figure::of);
    (given.next().unwrap(), given.next().unwrap())
}

/// As many parts as a loop is timed in. The median of them counts: a part in which the machine did something else does
/// not.
const PARTS: u32 = 200;

/// Nanoseconds that `work` takes, over so many times.
pub(crate) fn nanos(times: u32, mut work: impl FnMut()) -> f64 {
    let a_part = (times / PARTS).max(1);
    let part = || {
        for _ in 0..a_part {
            work();
        }
    };
    nanos_after(PARTS as usize, || (), part) / f64::from(a_part)
}

/// Nanoseconds of `work`, so many times, each after something that is not counted; the median.
pub(crate) fn nanos_after(times: usize, mut before: impl FnMut(), mut work: impl FnMut()) -> f64 {
    let took = (0..times).map(|_| {
        before();
        let begun = Instant::now();
        work();
        begun.elapsed().as_nanos() as f64
    });
    Figure::of(took.collect()).median
}
