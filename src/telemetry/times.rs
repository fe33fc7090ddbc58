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
