//! Whose turn it is among several sources: [`Turns`].

use tokio::time::Instant;

/// How many turns a source may have in a row at one instant: one that is endless would stop a paused clock.
const MOST: u32 = 1_000;

/// Sources are asked in their order, so that at one instant their items come in it. One that is busy beyond an
/// instant, or for very long within it, is asked last from then on, until none has anything: no source drowns another.
#[derive(Debug)]
pub(super) struct Turns {
    /// The place of the source that is asked first.
    first: usize,
    /// Since when a source has been busy.
    since: Option<Instant>,
    /// How many turns it has had since then.
    count: u32,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self { first: 0, since: None, count: 0 }
    }

    /// The places of `count` sources, in the order in which they are asked.
    pub(super) fn order(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let first = if self.first < count { self.first } else { 0 };
        (first..count).chain(0..first)
    }

    /// The source at `place` had its turn, and may have more.
    pub(super) fn busy(&mut self, place: usize) {
        if self.is_over() {
            self.first = place + 1;
        }
    }

    /// A source had its turn, and may have more: whether it is to be asked last.
    pub(super) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        self.count += 1;
        let is_over = *self.since.get_or_insert(now) < now || self.count == MOST;
        if is_over {
            (self.since, self.count) = (Some(now), 0);
        }
        is_over
    }

    /// No source has anything: the order begins anew.
    pub(super) fn rest(&mut self) {
        *self = Self::new();
    }
}

/// What two sources have together, as [`Stream::size_hint`](tokio_stream::Stream::size_hint) says it.
pub(super) fn both(
    (one, one_most): (usize, Option<usize>),
    (other, other_most): (usize, Option<usize>),
) -> (usize, Option<usize>) {
    let most = one_most.zip(other_most).and_then(|(one, other)| one.checked_add(other));
    (one.saturating_add(other), most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_busy_beyond_an_instant_is_asked_last_until_none_has_anything() {
        let order = |turns: &Turns| turns.order(3).collect::<Vec<_>>();
        let mut turns = Turns::new();
        turns.busy(0);
        turns.busy(0);
        assert_eq!(order(&turns), [0, 1, 2], "it is one instant");
        tokio::time::advance(Duration::from_millis(1)).await;
        turns.busy(0);
        assert_eq!(order(&turns), [1, 2, 0]);
        tokio::time::advance(Duration::from_millis(1)).await;
        turns.busy(2);
        assert_eq!(order(&turns), [0, 1, 2]);
        tokio::time::advance(Duration::from_millis(1)).await;
        turns.busy(1);
        turns.rest();
        assert_eq!(order(&turns), [0, 1, 2]);
        assert_eq!(turns.order(0).count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_busy_for_very_long_at_one_instant_is_asked_last_too() {
        let mut turns = Turns::new();
        (1..MOST).for_each(|_| turns.busy(0));
        assert_eq!(turns.order(2).next(), Some(0));
        turns.busy(0);
        assert_eq!(turns.order(2).next(), Some(1));
    }
}
