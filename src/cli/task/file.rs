//! The task file as it is written, and what must hold of it beyond its syntax.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use agentbus::event::{Fraction, Hash, Text, Usd};
use serde::Deserialize;
use toml::Spanned;

use super::actor::{ActorTable, Place, Played, ScoutTable, check_scouts};
use super::rules::{CheckTable, RuleTable, check_rules, check_validations};
use super::tools::{ToolTable, check_tools};
use super::{Budget, Limits, OwnProject, Source, Task, TaskError, paths};
use crate::cli::args::KeyGrant;

/// The task file as it is written. Without debug output, as the table of an endpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskFile {
    goal: Spanned<String>,
    project: ProjectTable,
    actor: Spanned<ActorTable>,
    #[serde(default)]
    limits: Limits,
    budget: BudgetTable,
    context: Option<ContextTable>,
    #[serde(default, rename = "scout")]
    scouts: Vec<Spanned<ScoutTable>>,
    #[serde(default, rename = "invariant")]
    rules: Vec<RuleTable>,
    #[serde(default, rename = "tool")]
    tools: Vec<ToolTable>,
    #[serde(rename = "validation")]
    validations: Spanned<Vec<CheckTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectTable {
    name: Text,
    path: Spanned<PathBuf>,
}

/// How many tokens a context may have: with fewer there is no room for what was left out, and with more it might have
/// more bytes than a session takes as one message.
pub(crate) const CONTEXT_TOKENS: RangeInclusive<u64> = 256..=60_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextTable {
    /// How much of the project the actor is shown at the beginning.
    tokens: Spanned<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetTable {
    plan_usd: Spanned<Usd>,
    warn_at: Fraction,
    input_usd_per_million: Spanned<Usd>,
    output_usd_per_million: Spanned<Usd>,
}

impl TaskFile {
    pub(super) fn check(
        self,
        folder: &Path,
        own_project: OwnProject,
        keys: &[KeyGrant],
        source: &Source<'_>,
    ) -> Result<Task, TaskError> {
        if self.goal.get_ref().trim().is_empty() {
            return Err(source.fault(self.goal.span(), "the goal is empty; expected what is to be done"));
        }
        let inside = paths::Folder::open(folder).map_err(|error| source.fault(0..0, error))?;
        let project = match own_project {
            OwnProject::Needed => {
                let located = inside.locate(self.project.path.get_ref(), paths::Kind::Folder);
                located.map_err(|error| source.fault(self.project.path.span(), error))?
            }
            OwnProject::Replaced => PathBuf::new(),
        };
        let place = Place { folder, inside: &inside, keys, source };
        let (name, instructions) =
            (self.actor.get_ref().name.clone(), self.actor.get_ref().instructions.clone());
        let Played { model, recording } = ActorTable::model(self.actor, &place)?;
        Ok(Task {
            hash: Hash::of(source.text),
            goal: self.goal.into_inner().trim().to_owned(),
            project_name: self.project.name,
            project,
            actor: name,
            instructions,
            model,
            recording,
            limits: self.limits,
            budget: self.budget.check(source)?,
            context_tokens: self.context.map(|context| context.check(source)).transpose()?,
            scouts: check_scouts(self.scouts, &place)?,
            rules: check_rules(self.rules, source)?,
            tools: check_tools(self.tools, source)?,
            validations: check_validations(self.validations, source)?,
        })
    }
}

impl ContextTable {
    fn check(self, source: &Source<'_>) -> Result<u64, TaskError> {
        let (least, most) = CONTEXT_TOKENS.into_inner();
        if CONTEXT_TOKENS.contains(self.tokens.get_ref()) {
            return Ok(self.tokens.into_inner());
        }
        let message = format!("`tokens` of a context; expected {least} to {most}");
        Err(source.fault(self.tokens.span(), message))
    }
}

impl BudgetTable {
    fn check(self, source: &Source<'_>) -> Result<Budget, TaskError> {
        Ok(Budget {
            plan: source.amount(self.plan_usd)?,
            warn_at: self.warn_at,
            input_per_million: source.amount(self.input_usd_per_million)?,
            output_per_million: source.amount(self.output_usd_per_million)?,
        })
    }
}
