//! [`Said`]: what was said and taken in a run, and how far that has led.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use agentbus::event::{PlanId, SessionId};
use agentbus::service::actor::Conversation;

use super::agent::Agent;
use super::kept::{Come, Taken};
use super::progress::{Progress, Work};

/// What was said and taken, and how far that has led.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Where it is recorded.
    pub(super) session: Option<SessionId>,
    /// The plan that it is about.
    pub(super) plan: Option<PlanId>,
    /// How the run is gone on with that ended before its plan did.
    pub(super) way_on: Option<String>,
    pub(super) conversation: Conversation,
    pub(super) taken: Taken,
    pub(super) answer: Option<String>,
    pub(super) progress: Progress,
}

impl Agent {
    /// Says where what is said is recorded from now on.
    pub(super) fn record_in(&self, session: &SessionId) {
        self.said().session = Some(session.clone());
    }

    /// Says what plan it is about.
    pub(super) fn work_on(&self, plan: &PlanId) {
        self.said().plan = Some(plan.clone());
    }

    /// The session and the plan.
    pub(super) fn ids(&self) -> Option<(SessionId, PlanId)> {
        let said = self.said();
        said.session.clone().zip(said.plan.clone())
    }

    pub(super) fn tell_way_on(&self, way_on: Option<String>) {
        self.said().way_on = way_on;
    }

    /// The command that goes on with the run, if that can be.
    pub(super) fn way_on(&self) -> Option<String> {
        self.said().way_on.clone()
    }

    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks how far the run has come, or says so.
    pub(super) fn progress<R>(&self, look: impl FnOnce(&mut Progress) -> R) -> R {
        look(&mut self.said().progress)
    }

    /// The same of the work in the sandbox.
    pub(super) fn work<R>(&self, look: impl FnOnce(&mut Work) -> R) -> R {
        self.progress(|progress| look(&mut progress.work))
    }

    /// How long the run has taken, in all of its processes.
    pub(super) fn elapsed(&self) -> Duration {
        self.before.saturating_add(self.started.elapsed())
    }

    /// What was said and taken, and how far the run has come.
    pub(super) fn come(&self) -> Come {
        let elapsed_ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let said = self.said();
        let (conversation, progress) = (said.conversation.clone(), said.progress.clone());
        Come { conversation, taken: said.taken.clone(), elapsed_ms, progress }
    }
}
