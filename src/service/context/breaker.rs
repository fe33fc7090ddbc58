//! The circuit of a source: one that fails again and again is left alone for a while.
//!
//! | state | a source is asked | it answers | it fails |
//! |---|---|---|---|
//! | closed | always | the count of failures begins anew | counted; at so many in a row the circuit opens |
//! | open | never, until it has cooled down | | |
//! | half-open | once, by one at a time | the circuit closes | it opens again |
//!
//! An answer to what was asked before the circuit last changed says nothing about it any more and is not counted. Time
//! is that of tokio.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::FailureReason;
use crate::sync::{Mutex, lock};

/// When a source is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerOptions {
    /// After how many failures in a row: 3.
    pub failures: NonZeroU32,
    /// For how long: 30 seconds.
    pub cool_down: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        let failures = NonZeroU32::new(3).expect("three is not zero");
        Self { failures, cool_down: Duration::from_secs(30) }
    }
}

impl BreakerOptions {
    /// The same, after that many failures in a row.
    #[must_use]
    pub fn with_failures(mut self, failures: NonZeroU32) -> Self {
        self.failures = failures;
        self
    }

    /// The same, for that long.
    #[must_use]
    pub fn with_cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self
    }
}

/// How the circuit of a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// The source is asked.
    Closed {
        /// How often it failed in a row.
        failures: u32,
    },
    /// It is left alone.
    Open {
        /// For how long still.
        cools_for: Duration,
    },
    /// It has cooled down: the next request that needs it tries whether it works again.
    HalfOpen,
}

/// The circuit of one source.
#[derive(Debug)]
pub(super) struct Breaker {
    options: BreakerOptions,
    /// Guards the circuit; held for single moves.
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
struct Circuit {
    state: State,
    /// Counts the changes of state.
    generation: u64,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
        cool_down: Duration,
    },
    /// One is trying.
    Trying,
}

impl State {
    /// For how long it is open still; none if it is not.
    fn cools_for(&self) -> Option<Duration> {
        match self {
            Self::Open { since, cool_down } => Some(cool_down.saturating_sub(since.elapsed())),
            Self::Closed { .. } | Self::Trying => None,
        }
    }
}

impl Circuit {
    fn become_state(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Arc<Self> {
        let circuit = Circuit { state: State::Closed { failures: 0 }, generation: 0 };
        Arc::new(Self { options, circuit: Mutex::new(circuit) })
    }

    pub(super) fn state(&self) -> CircuitState {
        let circuit = lock(&self.circuit);
        match (&circuit.state, circuit.state.cools_for()) {
            (State::Closed { failures }, _) => CircuitState::Closed { failures: *failures },
            (_, None | Some(Duration::ZERO)) => CircuitState::HalfOpen,
            (_, Some(cools_for)) => CircuitState::Open { cools_for },
        }
    }

    /// Whether the source may be asked now.
    pub(super) fn permit(self: &Arc<Self>) -> Result<Permit, FailureReason> {
        let mut circuit = lock(&self.circuit);
        match (&circuit.state, circuit.state.cools_for()) {
            (State::Closed { .. }, _) => {}
            (_, None) => return Err(FailureReason::CircuitTried),
            (_, Some(Duration::ZERO)) => circuit.become_state(State::Trying),
            (_, Some(cools_for)) => return Err(FailureReason::CircuitOpen(cools_for)),
        }
        Ok(Permit { breaker: Arc::clone(self), generation: circuit.generation, is_settled: false })
    }

    fn settle(&self, generation: u64, outcome: Outcome) {
        let mut circuit = lock(&self.circuit);
        if circuit.generation != generation {
            return;
        }
        let open = |cool_down| State::Open { since: Instant::now(), cool_down };
        match (&mut circuit.state, outcome) {
            (State::Closed { failures }, Outcome::Answered) => *failures = 0,
            (State::Closed { failures }, Outcome::Failed) => {
                *failures += 1;
                if *failures >= self.options.failures.get() {
                    circuit.become_state(open(self.options.cool_down));
                }
            }
            (State::Trying, Outcome::Answered) => circuit.become_state(State::Closed { failures: 0 }),
            (State::Trying, Outcome::Failed) => circuit.become_state(open(self.options.cool_down)),
            // Nobody knows yet: the next one may try at once.
            (State::Trying, Outcome::Unknown) => circuit.become_state(open(Duration::ZERO)),
            (State::Closed { .. }, Outcome::Unknown) | (State::Open { .. }, _) => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Answered,
    Failed,
    Unknown,
}

/// The right to ask a source once. Dropped, it says that nobody waited for the answer.
#[derive(Debug)]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    generation: u64,
    is_settled: bool,
}

impl Permit {
    /// The source works.
    pub(super) fn answered(self) {
        self.settle(Outcome::Answered);
    }

    /// It does not.
    pub(super) fn failed(self) {
        self.settle(Outcome::Failed);
    }

    fn settle(mut self, outcome: Outcome) {
        self.is_settled = true;
        self.breaker.settle(self.generation, outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_settled {
            self.breaker.settle(self.generation, Outcome::Unknown);
        }
    }
}
