//! [`SafetyProfile`]: which calls of tools are allowed.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::Plans;
use super::spec::{ToolCall, ToolSpec};
use crate::event::PlanId;

/// Who is asked before each call that the lists allow: a person, or a policy.
///
/// It may take as long as it needs; cancelling the call ends the wait. A panic refuses the call.
#[async_trait]
pub trait Approval: fmt::Debug + Send + Sync {
    /// Decides about one call.
    ///
    /// # Cancel safety
    /// Dropped when the call is cancelled; the question is then void.
    async fn decide(&self, question: &ApprovalQuestion) -> ApprovalDecision;
}

/// A call of which somebody is to decide.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApprovalQuestion {
    /// The call, with its whole input.
    pub call: ToolCall,
    /// What the tool says of itself.
    pub spec: ToolSpec,
    /// The plan that the call serves.
    pub plan: Option<PlanId>,
}

/// What was decided about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalDecision {
    /// It may be done.
    Approved,
    /// It may not.
    Refused {
        /// Why, for the model and the event.
        reason: String,
    },
}

/// A pattern of a list is not a glob.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the pattern `{pattern}` for names of tools")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    source: globset::Error,
}

/// Which calls of tools are allowed. Made with [`SafetyProfile::new`], it allows every call.
#[derive(Clone, Debug, Default)]
pub struct SafetyProfile {
    allowed: Option<GlobSet>,
    denied: Option<GlobSet>,
    pub(super) approval: Option<Arc<dyn Approval>>,
    pub(super) max_calls_per_plan: Option<NonZeroU32>,
}

impl SafetyProfile {
    /// Allows every call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows only the tools whose names match one of these globs.
    ///
    /// # Errors
    /// [`PatternError`] if one is not a glob.
    pub fn allow<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        self.allowed = Some(globs(names)?);
        Ok(self)
    }

    /// Refuses the tools whose names match one of these globs, even if they are allowed otherwise.
    ///
    /// # Errors
    /// [`PatternError`] if one is not a glob.
    pub fn deny<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        self.denied = Some(globs(names)?);
        Ok(self)
    }

    /// Asks before each call that is allowed otherwise.
    #[must_use]
    pub fn with_approval(mut self, approval: Arc<dyn Approval>) -> Self {
        self.approval = Some(approval);
        self
    }

    /// Allows a plan that many calls.
    #[must_use]
    pub fn with_max_calls_per_plan(mut self, calls: NonZeroU32) -> Self {
        self.max_calls_per_plan = Some(calls);
        self
    }

    /// Whether a tool of that name may be called at all; if not, why.
    pub(super) fn check_name(&self, name: &str) -> Result<(), String> {
        if self.denied.as_ref().is_some_and(|denied| denied.is_match(name)) {
            return Err(format!("the tool {name} is denied by the safety profile"));
        }
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.is_match(name)) {
            return Err(format!("the tool {name} is not among those that the safety profile allows"));
        }
        Ok(())
    }

    /// Whether a plan may have a call of that tool; if not, why.
    pub(super) fn check_plan(&self, plans: &Plans, plan: &PlanId, spec: &ToolSpec) -> Result<(), String> {
        if !spec.read_only && plans.read_only.contains(plan) {
            return Err(format!("plan {plan} is read-only, and {} may change something", spec.name));
        }
        match self.max_calls_per_plan {
            Some(max) if plans.calls.get(plan).is_some_and(|calls| *calls >= max.get()) => {
                Err(format!("plan {plan} has used up its {max} calls of tools"))
            }
            _ => Ok(()),
        }
    }
}

fn globs<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<GlobSet, PatternError> {
    let failed = |pattern: &str| {
        let pattern = pattern.to_owned();
        move |source| PatternError { pattern, source }
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(failed(pattern))?);
    }
    set.build().map_err(failed("all of them together"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_stronger_than_allowance() {
        let profile = SafetyProfile::new().allow(["read_*", "run_command"]).unwrap().deny(["run_*"]).unwrap();
        assert_eq!(profile.check_name("read_file"), Ok(()));
        assert!(profile.check_name("run_command").unwrap_err().contains("denied"));
        assert!(profile.check_name("write_file").unwrap_err().contains("not among"));
    }

    #[test]
    fn an_empty_list_of_allowed_names_allows_nothing() {
        let profile = SafetyProfile::new().allow([]).unwrap();
        assert!(profile.check_name("read_file").is_err());
    }

    #[test]
    fn a_pattern_that_is_no_glob_is_refused_by_name() {
        let error = SafetyProfile::new().deny(["a[", "b"]).unwrap_err();
        assert!(error.to_string().contains("`a[`"), "{error}");
    }
}
