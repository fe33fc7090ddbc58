//! Derived signals: what is true now though no event says so, such as a plan that has stood still for too long.
//!
//! A [`SignalProvider`] works them out when a consumer [polls](super::Consumer::poll); they are recorded nowhere,
//! have no position and are never acknowledged: a signal goes when its reason does.
//!
//! What goes wrong: a provider that panics is held off for that poll and told in the log; the others go on, and it
//! is asked again at the next poll.
//!
//! ```
//! use agentbus::event::Timestamp;
//! use agentbus::journal::{Signal, SignalProvider};
//!
//! #[derive(Debug)]
//! struct Heartbeat(Timestamp);
//!
//! impl SignalProvider for Heartbeat {
//!     fn name(&self) -> &str {
//!         "heartbeat"
//!     }
//!     fn signals(&self, now: Timestamp) -> Vec<Signal> {
//!         let is_late = now.since(self.0).as_secs() > 60;
//!         let late = Signal::new(self.name(), "worker-1", "no heartbeat for a minute", self.0);
//!         is_late.then_some(late).into_iter().collect()
//!     }
//! }
//! ```

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bus::report;
use crate::event::{Brief, PlanId, SessionId, Text, Timestamp};
use crate::redact::Redactor;

/// Works out signals.
///
/// Implementors hold to this: an answer comes at once, from memory; asking changes nothing; calls come from any
/// thread, and many at a time.
pub trait SignalProvider: fmt::Debug + Send + Sync {
    /// What signals and the log call it.
    fn name(&self) -> &str;

    /// What is true at `now`.
    fn signals(&self, now: Timestamp) -> Vec<Signal>;
}

/// Something that is true now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signal {
    /// Who says so.
    pub provider: Text,
    /// What it is about, the same at every poll.
    pub key: Text,
    /// What is true, in a sentence.
    pub summary: Brief,
    /// The plan it is about.
    pub plan_id: Option<PlanId>,
    /// The session it is about.
    pub session_id: Option<SessionId>,
    /// Since when.
    pub since: Timestamp,
}

impl Signal {
    /// A signal of that provider.
    pub fn new(
        provider: impl Into<Text>,
        key: impl Into<Text>,
        summary: impl Into<Brief>,
        since: Timestamp,
    ) -> Self {
        let (provider, key, summary) = (provider.into(), key.into(), summary.into());
        Self { provider, key, summary, plan_id: None, session_id: None, since }
    }

    /// The same signal about that plan.
    #[must_use]
    pub fn with_plan_id(mut self, plan_id: impl Into<PlanId>) -> Self {
        self.plan_id = Some(plan_id.into());
        self
    }

    /// The same signal about that session.
    #[must_use]
    pub fn with_session_id(mut self, session_id: impl Into<SessionId>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }
}

/// What a provider says is true now; nothing if it panics.
pub(super) fn ask(provider: &dyn SignalProvider, now: Timestamp, redactor: &Redactor) -> Vec<Signal> {
    catch_unwind(AssertUnwindSafe(|| provider.signals(now))).unwrap_or_else(|panic| {
        let message = report::panic_message(panic);
        let error = &*redactor.redact_text(&message);
        report::quietly(|| {
            let provider = &*redactor.redact_text(provider.name());
            tracing::error!(target: "agentbus::journal", provider, error, "signal_provider_failed");
        });
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Panics;

    impl SignalProvider for Panics {
        fn name(&self) -> &str {
            std::panic::resume_unwind(Box::new("by design, too"))
        }
        fn signals(&self, _now: Timestamp) -> Vec<Signal> {
            std::panic::resume_unwind(Box::new("by design"))
        }
    }

    #[test]
    fn a_provider_that_panics_all_the_way_says_nothing() {
        assert_eq!(ask(&Panics, Timestamp::now(), &Redactor::new()), []);
    }
}
