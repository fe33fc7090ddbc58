//! [`ConsumerOptions`]: which events a consumer wants, and how often a failed one is tried again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Timestamp;
use crate::filter::Filter;
use crate::journal::record::ReadFrom;
use crate::journal::signal::{Signal, SignalProvider, ask};
use crate::redact::Redactor;

/// How often an event may fail, unless told otherwise.
const MAX_ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);

/// What a consumer is opened with. None of it is kept on disk: it may differ at every opening.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    pub(super) filter: Filter,
    pub(super) max_attempts: NonZeroU32,
    first_backoff: Duration,
    pub(super) longest_backoff: Duration,
    pub(super) redactor: Redactor,
    signals: Vec<Arc<dyn SignalProvider>>,
    pub(super) reset_to: Option<ReadFrom>,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            filter: Filter::all(),
            max_attempts: MAX_ATTEMPTS,
            first_backoff: FIRST_BACKOFF,
            longest_backoff: LONGEST_BACKOFF,
            redactor: Redactor::new(),
            signals: Vec::new(),
            reset_to: None,
        }
    }
}

impl ConsumerOptions {
    /// Every event, five attempts, a backoff of a second that doubles up to five minutes, no signals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only the events that match.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = filter.into();
        self
    }

    /// An event that fails so often becomes a dead letter; 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// A failed event is given again after `first`, then after twice as long each time, at most `longest`.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_backoff, self.longest_backoff) = (first, longest);
        self
    }

    /// Masks secrets in the reasons of failures by that redactor instead of one with the built-in rules.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Asks `provider` for signals, too, at every poll.
    #[must_use]
    pub fn signals(mut self, provider: Arc<dyn SignalProvider>) -> Self {
        self.signals.push(provider);
        self
    }

    /// Begins anew there, whatever the cursor says, also if it is corrupt. What was acknowledged behind that place is
    /// given again; what was not before it is given up.
    #[must_use]
    pub fn reset_to(mut self, from: ReadFrom) -> Self {
        self.reset_to = Some(from);
        self
    }

    /// How long an event waits that failed so often, at least once.
    pub(super) fn backoff_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        self.first_backoff.saturating_mul(factor).min(self.longest_backoff)
    }

    pub(super) fn signals_at(&self, now: Timestamp) -> Vec<Signal> {
        self.signals.iter().flat_map(|provider| ask(&**provider, now, &self.redactor)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_the_longest() {
        let options = ConsumerOptions::new();
        let seconds = |attempts| options.backoff_after(attempts).as_secs();
        assert_eq!([1, 2, 3, 4, 9, 10, 32, 33, u32::MAX].map(seconds), [1, 2, 4, 8, 256, 300, 300, 300, 300]);
        let none = options.backoff(Duration::ZERO, Duration::ZERO);
        assert_eq!(none.backoff_after(7), Duration::ZERO);
    }

    #[test]
    fn an_event_fails_five_times_unless_told_otherwise_and_at_least_once() {
        assert_eq!(ConsumerOptions::new().max_attempts.get(), 5);
        assert_eq!(ConsumerOptions::new().max_attempts(0).max_attempts.get(), 1);
    }
}
