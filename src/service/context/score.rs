//! [`Weights`]: how four figures of a fragment become one.

use std::time::Duration;

use super::{ContextRequest, Fragment};

/// After so long a fragment is half as recent.
pub const HALF_RECENT_AFTER: Duration = Duration::from_hours(24);

/// How much each figure of a fragment counts in its score.
///
/// | figure | weight | between 0 and 1 |
/// |---|---|---|
/// | relevance | 0.4 | as the source says |
/// | hierarchy | 0.3 | `1 / (1 + depth)` |
/// | quality | 0.2 | as the source says |
/// | recency | 0.1 | `h / (h + age)`, with `h` = [`HALF_RECENT_AFTER`] and the age as of the request; 0 without a time, 1 for one to come |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    relevance: f64,
    hierarchy: f64,
    quality: f64,
    recency: f64,
}

/// A weight is negative, infinite or no number, or all are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("weights must be finite, at least 0 and not all 0")]
pub struct WeightsError;

impl Weights {
    /// The weights of relevance, hierarchy, quality and recency.
    ///
    /// # Errors
    /// [`WeightsError`].
    pub fn new(relevance: f64, hierarchy: f64, quality: f64, recency: f64) -> Result<Self, WeightsError> {
        let all = [relevance, hierarchy, quality, recency];
        let are_weights = all.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if !are_weights || all.iter().all(|weight| *weight == 0.0) {
            return Err(WeightsError);
        }
        Ok(Self { relevance, hierarchy, quality, recency })
    }

    /// The score of a fragment as of the time of `request`.
    pub fn score(&self, fragment: &Fragment, request: &ContextRequest) -> f64 {
        let hierarchy = 1.0 / (1.0 + f64::from(fragment.depth()));
        let recency = fragment.time().map_or(0.0, |time| {
            let half = HALF_RECENT_AFTER.as_secs_f64();
            half / (half + request.now().since(time).as_secs_f64())
        });
        self.relevance * fragment.relevance()
            + self.hierarchy * hierarchy
            + self.quality * fragment.quality()
            + self.recency * recency
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self { relevance: 0.4, hierarchy: 0.3, quality: 0.2, recency: 0.1 }
    }
}
