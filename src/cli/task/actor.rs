//! Who works on a task: the actor, the scouts it sends ahead, and the models that they ask.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::event::{Text, Usd};
use agentbus::service::actor::{LanguageModel, TranscriptModel};
use serde::Deserialize;
use toml::Spanned;

use super::endpoint::{self, EndpointTable};
use super::{MAX_TRANSCRIPT_BYTES, Source, TaskError, paths, read_bounded};
use crate::cli::args::KeyGrant;
use crate::cli::escape::Escaped;

/// An actor that looks around before the plan's own begins, in a plan and a sandbox of its own, of which nothing is
/// committed. What it answers is told to the plan's own.
#[derive(Debug)]
pub(crate) struct Scout {
    pub(crate) actor: Text,
    pub(crate) goal: String,
    pub(crate) model: Arc<dyn LanguageModel>,
    /// What it may spend; the task's own budget pays it too.
    pub(crate) budget: Usd,
    /// Whether it may call only tools that change nothing.
    pub(crate) is_read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorTable {
    pub(super) name: Text,
    pub(super) instructions: Option<String>,
    model: Option<Text>,
    transcript: Option<Spanned<PathBuf>>,
    endpoint: Option<Spanned<EndpointTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScoutTable {
    name: Text,
    goal: Spanned<String>,
    plan_usd: Spanned<Usd>,
    #[serde(default)]
    read_only: bool,
    model: Option<Text>,
    transcript: Option<Spanned<PathBuf>>,
    endpoint: Option<Spanned<EndpointTable>>,
}

/// Where a model is looked for.
pub(super) struct Place<'a> {
    /// The task's folder as the user named it.
    pub(super) folder: &'a Path,
    pub(super) inside: &'a paths::Folder,
    /// Where keys may be sent.
    #[cfg_attr(
        not(feature = "openai"),
        expect(dead_code, reason = "a build that asks no endpoint sends no key")
    )]
    pub(super) keys: &'a [KeyGrant],
    pub(super) source: &'a Source<'a>,
}

/// The model that plays an actor.
pub(super) struct Played {
    pub(super) model: Arc<dyn LanguageModel>,
    /// The recording that it is, if it is one.
    pub(super) recording: Option<Arc<TranscriptModel>>,
}

/// The keys by which a table names a model.
struct ModelKeys {
    name: Option<Text>,
    transcript: Option<Spanned<PathBuf>>,
    endpoint: Option<Spanned<EndpointTable>>,
}

impl ActorTable {
    /// The model that the actor asks.
    pub(super) fn model(table: Spanned<Self>, place: &Place<'_>) -> Result<Played, TaskError> {
        let span = table.span();
        let Self { model: name, transcript, endpoint, .. } = table.into_inner();
        place.model(ModelKeys { name, transcript, endpoint }, span)
    }
}

impl ScoutTable {
    pub(super) fn check(table: Spanned<Self>, place: &Place<'_>) -> Result<Scout, TaskError> {
        let span = table.span();
        let Self { name, goal, plan_usd, read_only, model, transcript, endpoint } = table.into_inner();
        if goal.get_ref().trim().is_empty() {
            return Err(place.source.fault(goal.span(), "the goal is empty; expected what to look for"));
        }
        let Played { model, .. } = place.model(ModelKeys { name: model, transcript, endpoint }, span)?;
        Ok(Scout {
            actor: name,
            goal: goal.into_inner().trim().to_owned(),
            model,
            budget: place.source.amount(plan_usd)?,
            is_read_only: read_only,
        })
    }
}

impl Place<'_> {
    /// A recording, or a model behind an endpoint.
    fn model(&self, keys: ModelKeys, span: std::ops::Range<usize>) -> Result<Played, TaskError> {
        let source = self.source;
        match (keys.transcript, keys.endpoint) {
            (Some(transcript), None) => {
                let located = self.inside.locate(transcript.get_ref(), paths::Kind::File);
                let located = located.map_err(|error| source.fault(transcript.span(), error))?;
                let shown = self.folder.join(transcript.get_ref());
                let recording = Arc::new(recorded(&located, shown, keys.name)?);
                Ok(Played { model: Arc::<TranscriptModel>::clone(&recording), recording: Some(recording) })
            }
            (None, Some(endpoint)) => {
                Ok(Played { model: endpoint::open(endpoint, keys.name, self)?, recording: None })
            }
            (Some(_), Some(endpoint)) => {
                let message = "a transcript and an endpoint; expected one of them";
                Err(source.fault(endpoint.span(), message))
            }
            (None, None) => Err(source.fault(span, "no model; expected `transcript` or `endpoint`")),
        }
    }
}

/// The recording in the file `located`, which errors call `shown`.
fn recorded(located: &Path, shown: PathBuf, name: Option<Text>) -> Result<TranscriptModel, TaskError> {
    let json = read_bounded(located, MAX_TRANSCRIPT_BYTES);
    let json = json.map_err(|source| TaskError::Read { path: shown.clone(), source })?;
    let model = TranscriptModel::parse(shown, &json)?;
    Ok(match name {
        Some(name) => model.with_name(name.as_str()),
        None => model,
    })
}

/// Refuses two scouts of one name: their reports could not be told apart.
pub(super) fn check_scouts(
    tables: Vec<Spanned<ScoutTable>>,
    place: &Place<'_>,
) -> Result<Vec<Scout>, TaskError> {
    let mut scouts: Vec<Scout> = Vec::new();
    for table in tables {
        let span = table.span();
        let scout = ScoutTable::check(table, place)?;
        if scouts.iter().any(|other| other.actor == scout.actor) {
            let message = format!("two scouts are called \"{}\"", Escaped(&scout.actor));
            return Err(place.source.fault(span, message));
        }
        scouts.push(scout);
    }
    Ok(scouts)
}
