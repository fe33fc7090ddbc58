//! What a task demands of what is applied: the checks that must pass, and the invariants.

use std::num::NonZeroU64;
use std::time::Duration;

use agentbus::event::{Brief, InvariantId, PlanId, Text};
use agentbus::service::invariant::{InvariantService, NewInvariant, Reach};
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{Check, Mode, Source, TaskError};
use crate::cli::escape::Escaped;
use crate::cli::report::with_causes;

/// An invariant of a task.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    id: InvariantId,
    pub(crate) text: Brief,
    reach: RuleReach,
    key: Option<Text>,
    is_non_overridable: bool,
    /// What must hold of the files that a sandbox changed; nothing for a statement that only the actor is told.
    pub(crate) demands: Option<Demands>,
}

/// What must hold of the files that a sandbox changed.
#[derive(Clone, Debug)]
pub(crate) struct Demands {
    /// None of these.
    pub(crate) unchanged: GlobSet,
    /// Not more than so many.
    pub(crate) max_files: Option<u64>,
}

#[derive(Clone, Debug)]
enum RuleReach {
    Plan,
    Action(Text),
    Project,
    Global,
}

impl Rule {
    /// The invariant of a run whose plan and project these are, so far without a check.
    pub(crate) fn invariant(&self, plan: &PlanId, project: &Text) -> NewInvariant {
        let reach = match &self.reach {
            RuleReach::Plan => Reach::Plan(plan.clone()),
            RuleReach::Action(action) => Reach::Action(action.clone()),
            RuleReach::Project => Reach::Project(project.clone()),
            RuleReach::Global => Reach::Global,
        };
        let mut invariant = NewInvariant::new(self.text.clone(), reach).with_id(self.id.clone());
        if let Some(key) = &self.key {
            invariant = invariant.with_key(key.clone());
        }
        if self.is_non_overridable { invariant.non_overridable() } else { invariant }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RuleScope {
    Plan,
    Action,
    #[default]
    Project,
    Global,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    id: Spanned<InvariantId>,
    text: Spanned<Brief>,
    #[serde(default)]
    scope: RuleScope,
    /// The phase that a rule of the scope `action` is about.
    action: Option<Spanned<Text>>,
    key: Option<Text>,
    non_overridable: Option<Spanned<bool>>,
    unchanged: Option<Spanned<Vec<String>>>,
    max_files: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckTable {
    name: Spanned<Text>,
    command: Spanned<Vec<String>>,
    #[serde(default)]
    mode: Mode,
    timeout_s: Option<NonZeroU64>,
}

/// The phases that a plan enters: what an action can be.
const PHASES: [&str; 3] = ["strategize", "execute", "apply"];

impl RuleTable {
    fn check(self, source: &Source<'_>) -> Result<Rule, TaskError> {
        if self.text.get_ref().trim().is_empty() {
            return Err(source.fault(self.text.span(), "the text is empty; expected what must hold"));
        }
        let reach = match (self.scope, self.action) {
            (RuleScope::Action, Some(action)) if PHASES.contains(&action.get_ref().as_str()) => {
                RuleReach::Action(action.into_inner())
            }
            (RuleScope::Action, Some(action)) => {
                let message = format!("no such action; expected one of {}", PHASES.join(", "));
                return Err(source.fault(action.span(), message));
            }
            (RuleScope::Action, None) => {
                let message = "a rule of the scope `action` lacks `action`: the phase it is about";
                return Err(source.fault(self.id.span(), message));
            }
            (_, Some(action)) => {
                return Err(source.fault(action.span(), "only a rule of the scope `action` has an `action`"));
            }
            (RuleScope::Plan, None) => RuleReach::Plan,
            (RuleScope::Project, None) => RuleReach::Project,
            (RuleScope::Global, None) => RuleReach::Global,
        };
        let wants_all = self.non_overridable.filter(|wanted| *wanted.get_ref());
        if let Some(wanted) = wants_all.as_ref().filter(|_| self.scope != RuleScope::Global) {
            return Err(source.fault(wanted.span(), "only a rule of the scope `global` can be that"));
        }
        let demands = match (self.unchanged, self.max_files) {
            (None, None) => None,
            (unchanged, max_files) => {
                let unchanged = unchanged.map(|globs| compile(&globs, source)).transpose()?;
                Some(Demands { unchanged: unchanged.unwrap_or_default(), max_files })
            }
        };
        Ok(Rule {
            id: self.id.into_inner(),
            text: self.text.into_inner(),
            reach,
            key: self.key,
            is_non_overridable: wants_all.is_some(),
            demands,
        })
    }
}

fn compile(globs: &Spanned<Vec<String>>, source: &Source<'_>) -> Result<GlobSet, TaskError> {
    let fault = |error: globset::Error| source.fault(globs.span(), error);
    let mut set = GlobSetBuilder::new();
    for glob in globs.get_ref() {
        set.add(Glob::new(glob).map_err(fault)?);
    }
    set.build().map_err(fault)
}

/// The rules of a task, which can hold beside each other.
pub(super) fn check_rules(tables: Vec<RuleTable>, source: &Source<'_>) -> Result<Vec<Rule>, TaskError> {
    let (trial, plan, project) = (InvariantService::new(None), PlanId::generate(), Text::from("project"));
    let mut rules: Vec<Rule> = Vec::new();
    for table in tables {
        let span = table.id.span();
        let rule = table.check(source)?;
        trial
            .add(rule.invariant(&plan, &project))
            .map_err(|error| source.fault(span, with_causes(&error)))?;
        rules.push(rule);
    }
    Ok(rules)
}

pub(super) fn check_validations(
    tables: Spanned<Vec<CheckTable>>,
    source: &Source<'_>,
) -> Result<Vec<Check>, TaskError> {
    if !tables.get_ref().iter().any(|table| table.mode == Mode::Required) {
        let message = "no validation is required; expected at least one with mode = \"required\"";
        return Err(source.fault(tables.span(), message));
    }
    let mut checks: Vec<Check> = Vec::new();
    for table in tables.into_inner() {
        if checks.iter().any(|check| check.name == *table.name.get_ref()) {
            let message = format!("two validations are called \"{}\"", Escaped(table.name.get_ref()));
            return Err(source.fault(table.name.span(), message));
        }
        checks.push(Check {
            name: table.name.into_inner(),
            command: source.command(table.command)?,
            mode: table.mode,
            timeout: Duration::from_secs(table.timeout_s.map_or(60, NonZeroU64::get)),
        });
    }
    Ok(checks)
}
