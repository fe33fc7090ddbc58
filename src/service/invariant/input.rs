//! What callers hand in: [`NewInvariant`], [`Setting`], [`Subject`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{InvariantCheck, InvariantError, Reach};
use crate::event::text::check_name;
use crate::event::{Brief, Few, InvariantId, NameError, PlanId, Scope, Text};
use crate::gate::{GateOperation, GateQuestion};
use crate::service::plan::Plan;
use crate::service::sandbox::Sandbox;

/// An invariant to be added. Texts that are too long are cut, as in events.
#[derive(Debug, Clone)]
pub struct NewInvariant {
    pub(super) id: Option<InvariantId>,
    pub(super) text: Brief,
    pub(super) reach: Reach,
    pub(super) key: Option<Text>,
    pub(super) is_non_overridable: bool,
    pub(super) check: Option<Arc<dyn InvariantCheck>>,
}

impl NewInvariant {
    /// A statement of what must hold, so far; with a fresh id, and without a key, so that it conflicts with none.
    pub fn new(text: impl Into<Brief>, reach: Reach) -> Self {
        Self { id: None, text: text.into(), reach, key: None, is_non_overridable: false, check: None }
    }

    /// The same invariant under that id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<InvariantId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same invariant, about that matter: of those with one key only the strongest holds.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Text>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same invariant, that beats every other of its key. Only a global one can be that.
    #[must_use]
    pub fn non_overridable(mut self) -> Self {
        self.is_non_overridable = true;
        self
    }

    /// The same invariant, that is checked and no longer a mere statement.
    #[must_use]
    pub fn with_check(mut self, check: Arc<dyn InvariantCheck>) -> Self {
        self.check = Some(check);
        self
    }

    /// Refuses what could not be read back from an event or a snapshot.
    pub(super) fn validate(&self) -> Result<(), InvariantError> {
        if self.text.is_empty() {
            return Err(InvariantError::Invalid { what: "text", source: NameError::Empty });
        }
        if let Some(id) = &self.id {
            check("id", &id.to_string())?;
        }
        if let Some(key) = &self.key {
            check("key", key)?;
        }
        match &self.reach {
            Reach::Plan(plan) => check("plan id", &plan.to_string())?,
            Reach::Action(action) => check("action", action)?,
            Reach::Project(project) => check("project name", project)?,
            Reach::Global => return Ok(()),
        }
        if self.is_non_overridable {
            return Err(InvariantError::NotGlobal { reach: self.reach.clone() });
        }
        Ok(())
    }
}

fn check(what: &'static str, name: &str) -> Result<(), InvariantError> {
    check_name(name).map_err(|source| InvariantError::Invalid { what, source })
}

/// Where invariants are asked for: which plan, what it is about to do, for which projects.
///
/// An invariant of a plan holds for that plan alone; plans below it are plans of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    plan_id: PlanId,
    root_plan_id: Option<PlanId>,
    action: Option<Text>,
    project_names: BTreeSet<Text>,
    /// How many projects the plan has besides; their names were cut off on the way.
    unnamed_projects: u64,
}

impl Setting {
    /// A plan that does nothing in particular, for no project.
    pub fn new(plan_id: impl Into<PlanId>) -> Self {
        Self {
            plan_id: plan_id.into(),
            root_plan_id: None,
            action: None,
            project_names: BTreeSet::new(),
            unnamed_projects: 0,
        }
    }

    /// The same plan in the tree of that root, for the events that tell of it.
    #[must_use]
    pub fn with_root_plan_id(mut self, root_plan_id: impl Into<PlanId>) -> Self {
        self.root_plan_id = Some(root_plan_id.into());
        self
    }

    /// The same plan, about to do that.
    #[must_use]
    pub fn with_action(mut self, action: impl Into<Text>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// The same plan, for those projects.
    #[must_use]
    pub fn with_project_names(mut self, project_names: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.project_names = project_names.into_iter().map(Into::into).collect();
        self.unnamed_projects = 0;
        self
    }

    /// The plan.
    pub fn plan_id(&self) -> &PlanId {
        &self.plan_id
    }

    /// What it is about to do.
    pub fn action(&self) -> Option<&Text> {
        self.action.as_ref()
    }

    /// For which projects, as far as they are named.
    pub fn project_names(&self) -> impl Iterator<Item = &Text> {
        self.project_names.iter()
    }

    pub(super) fn unnamed_projects(&self) -> u64 {
        self.unnamed_projects
    }

    /// Whether an invariant that reaches so far is one for this plan.
    pub(super) fn is_reached_by(&self, reach: &Reach) -> bool {
        match reach {
            Reach::Plan(plan) => *plan == self.plan_id,
            Reach::Action(action) => self.action.as_ref() == Some(action),
            Reach::Project(project) => self.project_names.contains(project),
            Reach::Global => true,
        }
    }

    /// Refuses names that no event could hold.
    pub(super) fn validate(&self) -> Result<(), InvariantError> {
        check("plan id", &self.plan_id.to_string())?;
        if let Some(root) = &self.root_plan_id {
            check("root plan id", &root.to_string())?;
        }
        if let Some(action) = &self.action {
            check("action", action)?;
        }
        self.project_names.iter().try_for_each(|project| check("project name", project))
    }

    /// The scope in which events about this plan are told: that of what runs now, and the plan's ids.
    pub(super) fn scope(&self) -> Scope {
        let scope = Scope::current().within_plan(&self.plan_id);
        match &self.root_plan_id {
            Some(root) => scope.with_root_plan_id(root),
            None => scope,
        }
    }

    fn of(plan_id: &PlanId, root_plan_id: &PlanId, project_names: &Few<Text>) -> Self {
        let setting = Self::new(plan_id).with_root_plan_id(root_plan_id);
        let setting = setting.with_project_names(project_names.iter().cloned());
        Self { unnamed_projects: project_names.more(), ..setting }
    }
}

impl From<&Self> for Setting {
    fn from(setting: &Self) -> Self {
        setting.clone()
    }
}

/// The setting of a plan, which does nothing in particular.
impl From<&Plan> for Setting {
    fn from(plan: &Plan) -> Self {
        Self::of(&plan.id, &plan.root_id, &plan.project_names)
    }
}

/// The setting of a question. The action of a plan that enters a phase is the name of that phase.
impl From<&GateQuestion> for Setting {
    fn from(question: &GateQuestion) -> Self {
        let setting = Self::of(&question.plan_id, &question.root_plan_id, &question.project_names);
        match question.operation {
            GateOperation::EnterPhase { to, .. } => setting.with_action(to.as_str()),
        }
    }
}

/// What the checks look at. All of it is optional; a check that lacks what it needs cannot say.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    operation: Option<GateOperation>,
    sandbox: Option<Sandbox>,
    value: Option<Arc<Value>>,
    cancellation: CancellationToken,
}

impl Subject {
    /// Nothing in particular, which nobody cancels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, before that operation.
    #[must_use]
    pub fn with_operation(mut self, operation: GateOperation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// The same, with what was written in that sandbox.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = Some(sandbox);
        self
    }

    /// The same, with whatever else the checks are to look at.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Arc<Value>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The same, cancelled by another token.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// What is to be done.
    pub fn operation(&self) -> Option<GateOperation> {
        self.operation
    }

    /// The sandbox.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// What else there is.
    pub fn value(&self) -> Option<&Value> {
        self.value.as_deref()
    }

    /// Cancelled when the enforcement is.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}
