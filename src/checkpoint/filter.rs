//! [`CheckpointFilter`]: which checkpoints.

use std::time::Duration;

use super::model::{CheckpointStatus, SessionCheckpoint};
use crate::event::Timestamp;

/// Which checkpoints; all that is said must hold.
///
/// ```
/// use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus};
///
/// let mine = CheckpointFilter::all().agent("agents/planner").status(CheckpointStatus::Active);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a filter filters nothing by itself"]
pub struct CheckpointFilter {
    agent: Option<String>,
    status: Option<CheckpointStatus>,
    shipment: Option<String>,
    feature: Option<String>,
    max_age: Option<Duration>,
}

impl CheckpointFilter {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of that agent.
    pub fn agent(self, agent: impl Into<String>) -> Self {
        Self { agent: Some(agent.into()), ..self }
    }

    /// Those of that status.
    pub fn status(self, status: CheckpointStatus) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Those on that shipment.
    pub fn shipment(self, shipment: impl Into<String>) -> Self {
        Self { shipment: Some(shipment.into()), ..self }
    }

    /// Those on that feature.
    pub fn feature(self, feature: impl Into<String>) -> Self {
        Self { feature: Some(feature.into()), ..self }
    }

    /// Those that were saved no longer ago than that.
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..self }
    }

    /// Whether it holds for a checkpoint, at that moment.
    pub(super) fn holds(&self, checkpoint: &SessionCheckpoint, now: Timestamp) -> bool {
        let (saved, context) = (&checkpoint.saved, &checkpoint.saved.context);
        let is_same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is_same(&self.agent, Some(&saved.agent))
            && self.status.is_none_or(|status| status == checkpoint.status)
            && is_same(&self.shipment, context.shipment_id.as_deref())
            && is_same(&self.feature, context.feature_id.as_deref())
            && self.max_age.is_none_or(|max_age| now.since(checkpoint.created_at) <= max_age)
    }
}
