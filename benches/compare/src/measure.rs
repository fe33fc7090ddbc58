//! Measuring in turns, and what comes of it.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// The middle of some measurements, and the quarters beside it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Figure {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

/// One side of a comparison: each call measures it once.
pub(crate) type Side<'a, T> = Box<dyn FnMut() -> T + 'a>;

/// Measures each side once for warming up and then in turns; returns what each gave.
pub(crate) fn in_turns<T>(rounds: usize, sides: &mut [Side<'_, T>]) -> Vec<Vec<T>> {
    for side in sides.iter_mut() {
        drop(side());
    }
    let mut given: Vec<Vec<T>> = sides.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for _ in 0..rounds {
        for (side, given) in sides.iter_mut().zip(&mut given) {
            given.push(side());
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
