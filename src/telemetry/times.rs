//! [`Times`]: how long things took.

use hdrhistogram::Histogram;

use super::interval::{DIGITS, MAX_MILLIS};

/// A histogram of milliseconds, with their sum and the longest as they were.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// None before the first time: most rows have none.
    histogram: Option<Histogram<u64>>,
    sum_ms: u64,
    max_ms: u64,
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new(digits).expect("up to five digits are fine")
}

/// Adds so many of one time.
fn add(histogram: &mut Histogram<u64>, ms: u64, count: u64) {
    histogram
        .record_n(ms.min(MAX_MILLIS), count)
        .expect("it grows up to the longest time that is told apart");
}

impl Times {
    pub(super) fn record(&mut self, ms: u64) {
        add(self.histogram.get_or_insert_with(|| histogram(DIGITS)), ms, 1);
        self.sum_ms = self.sum_ms.saturating_add(ms);
        self.max_ms = self.max_ms.max(ms);
    }

    /// Adds the times of a row.
    pub(super) fn merge(&mut self, slots: &[(u32, u64)], sum_ms: u64, max_ms: u64) {
        for (ms, count) in slots {
            add(self.histogram.get_or_insert_with(|| histogram(DIGITS)), u64::from(*ms), *count);
        }
        self.sum_ms = self.sum_ms.saturating_add(sum_ms);
        self.max_ms = self.max_ms.max(max_ms);
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    pub(super) fn sum_ms(&self) -> u64 {
        self.sum_ms
    }

    pub(super) fn max_ms(&self) -> u64 {
        self.max_ms
    }

    /// The time that so large a share took at most; 0 if there is none.
    pub(super) fn at(&self, share: f64) -> u64 {
        // The slot of the longest reaches beyond it.
        self.histogram.as_ref().map_or(0, |times| times.value_at_quantile(share).min(self.max_ms))
    }

    /// The slots that hold something, at so many digits.
    pub(super) fn slots(&self, digits: u8) -> Vec<(u32, u64)> {
        let Some(times) = &self.histogram else { return Vec::new() };
        if digits == DIGITS {
            return slots_of(times);
        }
        let mut coarse = histogram(digits);
        for (ms, count) in slots_of(times) {
            add(&mut coarse, u64::from(ms), count);
        }
        slots_of(&coarse)
    }
}

/// How many times these slots hold; `None` if a histogram of so many digits cannot have them.
pub(super) fn held(slots: &[(u32, u64)], digits: u8) -> Option<u64> {
    let shape = histogram(digits);
    let is_ascending = slots.iter().zip(slots.iter().skip(1)).all(|(slot, next)| slot.0 < next.0);
    let is_slot =
        |(ms, count): &(u32, u64)| *count > 0 && shape.highest_equivalent(u64::from(*ms)) == u64::from(*ms);
    let held = slots.iter().try_fold(0_u64, |held, (_, count)| held.checked_add(*count));
    held.filter(|_| is_ascending && slots.iter().all(is_slot))
}

/// Whether times that lie in these slots can have that sum and that longest one.
pub(super) fn can_be(slots: &[(u32, u64)], digits: u8, sum_ms: u64, max_ms: u64) -> bool {
    let Some(((top, most), below)) = slots.split_last() else { return sum_ms == 0 && max_ms == 0 };
    let shape = histogram(digits);
    let lowest = |ms: u32| shape.lowest_equivalent(u64::from(ms));
    // Those beyond what is told apart lie in the slot of the longest that is.
    let highest = if u64::from(*top) == MAX_MILLIS { u64::MAX } else { u64::from(*top) };
    if !(lowest(*top)..=highest).contains(&max_ms) {
        return false;
    }
    // One is the longest, and none is longer.
    let longest = u128::from(max_ms);
    let mut least = longest + u128::from(lowest(*top)) * u128::from(most.saturating_sub(1));
    let mut greatest = longest * u128::from(*most);
    for (ms, count) in below {
        least += u128::from(lowest(*ms)) * u128::from(*count);
        greatest += u128::from(*ms) * u128::from(*count);
    }
    // A sum that is too large for its number stays at the largest.
    let fitting = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
    (fitting(least)..=fitting(greatest)).contains(&sum_ms)
}

fn slots_of(times: &Histogram<u64>) -> Vec<(u32, u64)> {
    let slot = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
    times.iter_recorded().map(|step| (slot(step.value_iterated_to()), step.count_at_value())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(all: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        all.into_iter().for_each(|ms| times.record(ms));
        times
    }

    #[test]
    fn slots_say_all_that_the_histogram_knows() {
        let one = times([0, 1, 127, 128, 5_000, 123_456, MAX_MILLIS, u64::MAX]);
        let mut other = Times::default();
        other.merge(&one.slots(DIGITS), one.sum_ms(), one.max_ms());
        assert_eq!(other.slots(DIGITS), one.slots(DIGITS));
        for share in [0.01, 0.5, 0.9, 0.99, 1.0] {
            assert_eq!(other.at(share), one.at(share), "{share}");
        }
    }

    #[test]
    fn a_percentile_is_right_to_two_digits_and_never_beyond_the_longest() {
        let times = times(1..=10_000);
        for (share, exact) in [(0.5, 5_000), (0.9, 9_000), (0.99, 9_900), (1.0, 10_000)] {
            let found = times.at(share);
            assert!(found >= exact && found <= exact + exact / 100, "{share}: {found}");
        }
        assert_eq!(times.at(1.0), 10_000);
    }

    #[test]
    fn what_was_recorded_can_be_at_any_digits_and_what_lies_beyond_its_slots_cannot() {
        for all in [
            vec![0],
            vec![7, 7, 40],
            vec![1_000, 1_001, 255_999, 3],
            (0..5_000).map(|n| n * n).collect(),
            vec![MAX_MILLIS, MAX_MILLIS - 1],
            vec![u64::MAX, u64::MAX, 5],
            vec![MAX_MILLIS + 1, 12],
        ] {
            let times = times(all);
            for digits in [2, 1, 0] {
                let slots = times.slots(digits);
                assert_eq!(held(&slots, digits), Some(times.count()), "{slots:?}");
                let is_believed = |sum, max| can_be(&slots, digits, sum, max);
                let (sum, max) = (times.sum_ms(), times.max_ms());
                assert!(is_believed(sum, max), "{digits}: {slots:?}");
                let (last, _) = slots[slots.len() - 1];
                if u64::from(last) < MAX_MILLIS {
                    assert!(!is_believed(sum, u64::from(last) + 1));
                    let most: u64 = slots.iter().map(|(ms, count)| u64::from(*ms) * count).sum();
                    assert!(!is_believed(most + 1, max));
                }
                if max > 0 {
                    assert!(!is_believed(max - 1, max), "a sum is no less than one of its parts");
                }
                if last > 1 {
                    assert!(!is_believed(sum, 0), "the longest lies in the last slot");
                }
            }
        }
        assert!(can_be(&[], 2, 0, 0) && !can_be(&[], 2, 1, 0) && !can_be(&[], 2, 0, 1));
        assert_eq!(held(&[(1_000, 1)], 2), None, "no slot ends there");
        assert_eq!(held(&[(1_003, 1)], 2), Some(1));
    }

    #[test]
    fn fewer_digits_need_fewer_slots_and_keep_the_count() {
        let times = times((0..64).map(|bit| 1_u64.checked_shl(bit).unwrap_or(0)).chain(1..100_000));
        let lens = [2, 1, 0].map(|digits| times.slots(digits).len());
        assert!(lens[0] > lens[1] && lens[1] > lens[2] && lens[2] <= 33, "{lens:?}");
        for digits in [2, 1, 0] {
            let slots = times.slots(digits);
            assert_eq!(slots.iter().map(|(_, count)| count).sum::<u64>(), times.count());
            assert!(slots.windows(2).all(|two| two[0].0 < two[1].0), "ascending");
        }
    }
}
