//! The task file as it is written, and what must hold of it beyond its syntax.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{Fraction, Text, Usd};
use agentbus::service::actor::{LanguageModel, TranscriptModel};
use serde::Deserialize;
use toml::Spanned;

use super::endpoint::{self, EndpointTable};
use super::{Budget, Check, Limits, Mode, OwnProject, Source, Task, TaskError, paths};
use crate::cli::escape::Escaped;

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
    #[serde(rename = "validation")]
    validations: Spanned<Vec<CheckTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectTable {
    name: Text,
    path: Spanned<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorTable {
    name: Text,
    model: Option<Text>,
    transcript: Option<Spanned<PathBuf>>,
    endpoint: Option<Spanned<EndpointTable>>,
    instructions: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetTable {
    plan_usd: Spanned<Usd>,
    warn_at: Fraction,
    input_usd_per_million: Spanned<Usd>,
    output_usd_per_million: Spanned<Usd>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckTable {
    name: Spanned<Text>,
    command: Spanned<Vec<String>>,
    #[serde(default)]
    mode: Mode,
    timeout_s: Option<NonZeroU64>,
}

impl TaskFile {
    pub(super) fn check(
        self,
        folder: &Path,
        own_project: OwnProject,
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
        let (actor, instructions) =
            (self.actor.get_ref().name.clone(), self.actor.get_ref().instructions.clone());
        Ok(Task {
            goal: self.goal.into_inner().trim().to_owned(),
            project_name: self.project.name,
            project,
            model: model(self.actor, folder, &inside, source)?,
            actor,
            instructions,
            limits: self.limits,
            budget: self.budget.check(source)?,
            validations: check_validations(self.validations, source)?,
        })
    }
}

/// The model that the actor asks: a recording, or one behind an endpoint.
fn model(
    actor: Spanned<ActorTable>,
    folder: &Path,
    inside: &paths::Folder,
    source: &Source<'_>,
) -> Result<Arc<dyn LanguageModel>, TaskError> {
    let span = actor.span();
    let ActorTable { model: name, transcript, endpoint, .. } = actor.into_inner();
    match (transcript, endpoint) {
        (Some(transcript), None) => {
            let located = inside.locate(transcript.get_ref(), paths::Kind::File);
            let located = located.map_err(|error| source.fault(transcript.span(), error))?;
            Ok(Arc::new(recorded(&located, folder.join(transcript.get_ref()), name)?))
        }
        (None, Some(endpoint)) => endpoint::open(endpoint, name, source),
        (Some(_), Some(endpoint)) => {
            let message = "the actor has a transcript and an endpoint; expected one of them";
            Err(source.fault(endpoint.span(), message))
        }
        (None, None) => {
            Err(source.fault(span, "the actor has no model; expected `transcript` or `endpoint`"))
        }
    }
}

/// The recording in the file `located`, which errors call `shown`.
fn recorded(located: &Path, shown: PathBuf, name: Option<Text>) -> Result<TranscriptModel, TaskError> {
    let json = fs::read(located).map_err(|source| TaskError::Read { path: shown.clone(), source })?;
    let model = TranscriptModel::parse(shown, &json)?;
    Ok(match name {
        Some(name) => model.with_name(name.as_str()),
        None => model,
    })
}

impl BudgetTable {
    fn check(self, source: &Source<'_>) -> Result<Budget, TaskError> {
        let amount = |money: Spanned<Usd>| {
            if *money.get_ref() < Usd::ZERO {
                return Err(source.fault(money.span(), "a negative amount; expected 0 or more"));
            }
            Ok(money.into_inner())
        };
        Ok(Budget {
            plan: amount(self.plan_usd)?,
            warn_at: self.warn_at,
            input_per_million: amount(self.input_usd_per_million)?,
            output_per_million: amount(self.output_usd_per_million)?,
        })
    }
}

fn check_validations(tables: Spanned<Vec<CheckTable>>, source: &Source<'_>) -> Result<Vec<Check>, TaskError> {
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
        if table.command.get_ref().first().is_none_or(String::is_empty) {
            let message = "the command is empty; expected a program and its arguments";
            return Err(source.fault(table.command.span(), message));
        }
        checks.push(Check {
            name: table.name.into_inner(),
            command: table.command.into_inner(),
            mode: table.mode,
            timeout: Duration::from_secs(table.timeout_s.map_or(60, NonZeroU64::get)),
        });
    }
    Ok(checks)
}
