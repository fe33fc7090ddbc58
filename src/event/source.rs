//! Where events get their time and id from: the clock, read once for both, and a generator of this thread.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use super::id::EventId;
use super::time::Timestamp;

thread_local! {
    static SOURCE: RefCell<Source> = RefCell::new(Source::new());
}

/// The time and a fresh id: one reading of the clock for both.
pub(crate) fn stamp() -> (Timestamp, EventId) {
    SOURCE.try_with(|source| source.borrow_mut().stamp()).unwrap_or_else(|_gone| Source::new().stamp())
}

/// The time alone.
pub(crate) fn now() -> Timestamp {
    SOURCE
        .try_with(|source| match &mut source.borrow_mut().fixed {
            Some(fixed) => fixed.now,
            None => Timestamp::read_clock(),
        })
        .unwrap_or_else(|_gone| Timestamp::read_clock())
}

/// A clock that stands still and ids that count, for tests of this thread.
#[cfg(feature = "testing")]
pub(crate) fn fix(now: Option<Timestamp>) {
    SOURCE.with(|source| source.borrow_mut().fixed = now.map(|now| Fixed { now, ids: 0 }));
}

/// Moves a fixed clock; without one it does nothing.
#[cfg(feature = "testing")]
pub(crate) fn advance(by: std::time::Duration) {
    SOURCE.with(|source| {
        if let Some(fixed) = &mut source.borrow_mut().fixed {
            fixed.now = fixed.now.saturating_add(by);
        }
    });
}

struct Fixed {
    now: Timestamp,
    ids: u64,
}

/// ULIDs of one thread: each greater than the last, also within a millisecond and when the clock steps back.
struct Source {
    millis: u64,
    /// 80 bits: random at the start of a millisecond, then counted up by random steps.
    tail: u128,
    random: u64,
    fixed: Option<Fixed>,
}

const TAIL_BITS: u32 = 80;

impl Source {
    fn new() -> Self {
        // The keys of a `RandomState` come from the operating system and differ per thread and per state.
        let random = RandomState::new().hash_one(std::thread::current().id());
        Self { millis: 0, tail: 0, random, fixed: None }
    }

    fn stamp(&mut self) -> (Timestamp, EventId) {
        if let Some(fixed) = &mut self.fixed {
            fixed.ids += 1;
            return (fixed.now, ulid(fixed.now.unix_millis(), u128::from(fixed.ids)));
        }
        let now = Timestamp::read_clock();
        let millis = now.unix_millis();
        if millis > self.millis {
            self.millis = millis;
            self.tail = (u128::from(self.next_random()) << 16) | u128::from(self.next_random() >> 48);
        } else {
            self.tail += 1 + u128::from(self.next_random() >> 32);
            if self.tail >> TAIL_BITS != 0 {
                self.millis += 1;
                self.tail = u128::from(self.next_random());
            }
        }
        (now, ulid(self.millis, self.tail))
    }

    /// `SplitMix64`: two multiplications, and every 64-bit number once in its period.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn ulid(millis: u64, tail: u128) -> EventId {
    EventId::from_bytes(((u128::from(millis) << TAIL_BITS) | tail).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_ids_of_a_thread_ascend_and_carry_its_time() {
        let mut last = stamp().1;
        for _ in 0..100_000 {
            let (time, id) = stamp();
            assert!(id > last);
            assert!(id.unix_millis() >= time.unix_millis());
            last = id;
        }
    }

    #[test]
    fn ids_ascend_when_the_clock_steps_back_and_the_tail_runs_over() {
        let mut source = Source::new();
        source.millis = u64::MAX >> 16;
        source.tail = (1 << TAIL_BITS) - 1;
        let ids: Vec<_> = (0..3).map(|_| source.stamp().1).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_ids_of_many_threads_differ() {
        let threads: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| (0..1_000).map(|_| stamp().1).collect::<Vec<_>>()))
            .collect();
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 8_000);
    }
}
