//! What callers hand in: [`NewPlan`], [`ApplySummary`], [`PlanFilter`].

use std::time::Duration;

use super::{Plan, PlanError};
use crate::event::text::check_name;
use crate::event::{Brief, Few, NameError, PlanId, PlanPhase, PlanState, SessionId, Text};

/// How often a plan may be reverted, unless said otherwise.
pub const DEFAULT_MAX_REVERSIONS: u32 = 3;

/// A plan to be created. Texts that are too long are cut, as in events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    pub(super) id: Option<PlanId>,
    pub(super) name: Brief,
    pub(super) session_id: Option<SessionId>,
    pub(super) project_names: Few<Text>,
    pub(super) actor: Option<Text>,
    pub(super) max_reversions: u32,
}

impl NewPlan {
    /// A plan called `name`, with a fresh id, no projects and [`DEFAULT_MAX_REVERSIONS`].
    pub fn new(name: impl Into<Brief>) -> Self {
        Self {
            id: None,
            name: name.into(),
            session_id: None,
            project_names: Few::default(),
            actor: None,
            max_reversions: DEFAULT_MAX_REVERSIONS,
        }
    }

    /// The same plan under that id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<PlanId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same plan in that session; otherwise it belongs to the session of the current scope, if there is one.
    #[must_use]
    pub fn with_session_id(mut self, session_id: impl Into<SessionId>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }

    /// The same plan, for those projects.
    #[must_use]
    pub fn with_project_names(mut self, project_names: impl Into<Few<Text>>) -> Self {
        self.project_names = project_names.into();
        self
    }

    /// The same plan, worked on by that actor.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<Text>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// The same plan, that may be reverted so often; with 0 never.
    #[must_use]
    pub fn with_max_reversions(mut self, max_reversions: u32) -> Self {
        self.max_reversions = max_reversions;
        self
    }

    /// Refuses names that could not be read back from an event.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let invalid = |what| move |source| PlanError::Invalid { what, source };
        if self.name.is_empty() {
            return Err(invalid("name")(NameError::Empty));
        }
        if let Some(id) = &self.id {
            check_name(&id.to_string()).map_err(invalid("id"))?;
        }
        if let Some(session) = &self.session_id {
            check_name(&session.to_string()).map_err(invalid("session id"))?;
        }
        if let Some(actor) = &self.actor {
            check_name(actor).map_err(invalid("actor"))?;
        }
        self.project_names.iter().try_for_each(|name| check_name(name).map_err(invalid("project name")))
    }
}

/// What applying a plan came to. The default is nothing at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplySummary {
    /// How many files were added, changed or removed.
    pub files_changed: u64,
    /// How many lines were added.
    pub lines_added: u64,
    /// How many lines were removed.
    pub lines_removed: u64,
    /// How many validations passed.
    pub validations_passed: u64,
    /// How long it took; told in whole milliseconds.
    pub duration: Duration,
}

/// Which plans; the default is all of them. What is set must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFilter {
    phase: Option<PlanPhase>,
    state: Option<PlanState>,
    project: Option<Text>,
    root: Option<PlanId>,
}

impl PlanFilter {
    /// All plans.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of them in that phase.
    #[must_use]
    pub fn in_phase(mut self, phase: PlanPhase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// Those of them in that state.
    #[must_use]
    pub fn in_state(mut self, state: PlanState) -> Self {
        self.state = Some(state);
        self
    }

    /// Those of them that work on that project.
    #[must_use]
    pub fn of_project(mut self, project: impl Into<Text>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Those of them in the tree of that root plan.
    #[must_use]
    pub fn under(mut self, root: impl Into<PlanId>) -> Self {
        self.root = Some(root.into());
        self
    }

    pub(super) fn matches(&self, plan: &Plan) -> bool {
        self.phase.is_none_or(|phase| plan.phase == phase)
            && self.state.is_none_or(|state| plan.state == state)
            && self.project.as_ref().is_none_or(|project| plan.project_names.contains(project))
            && self.root.as_ref().is_none_or(|root| plan.root_id == *root)
    }
}
