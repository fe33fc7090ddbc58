//! Reads a task: a folder with a `task.toml`.
//!
//! What is read here is checked whole before anything runs: syntax, keys, values, and that the files it names exist
//! inside the folder. A fault is told with its file, line and column and what was expected there.

use std::fmt;
use std::io::{self, Read as _};
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{Fraction, Hash, Text, Usd};
use agentbus::service::actor::{LanguageModel, TranscriptError, TranscriptModel};
use agentbus::service::tool::ProgramTool;
use agentbus::service::validation::MAX_RUNS;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::args::KeyGrant;
use super::escape::Escaped;
use super::regular::{self, Links};

mod actor;
mod endpoint;
mod file;
mod paths;
mod rules;
mod tools;

pub(crate) use actor::Scout;
#[cfg(test)]
pub(crate) use file::CONTEXT_TOKENS;
pub(crate) use rules::{Demands, Rule};

#[cfg(test)]
mod tests;

/// The file that makes a folder a task.
const TASK_FILE: &str = "task.toml";

/// How often the actor may try to make the validations pass: they are run before each attempt and after the last.
const MAX_FIXES: u32 = MAX_RUNS.get() - 1;

/// The largest task file that is read, in bytes.
const MAX_TASK_BYTES: u64 = 1 << 20;

/// The largest recording of a model that is read, in bytes.
const MAX_TRANSCRIPT_BYTES: u64 = 64 << 20;

/// A task, checked.
#[derive(Debug)]
pub(crate) struct Task {
    /// The hash of the task file.
    pub(crate) hash: Hash,
    pub(crate) goal: String,
    pub(crate) project_name: Text,
    /// The task's own project; there is none where the user names another.
    pub(crate) project: PathBuf,
    pub(crate) actor: Text,
    pub(crate) instructions: Option<String>,
    pub(crate) model: Arc<dyn LanguageModel>,
    /// The recording that the model is, if it is one.
    pub(crate) recording: Option<Arc<TranscriptModel>>,
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    /// How much of the project the actor is shown at the beginning; none for nothing.
    pub(crate) context_tokens: Option<u64>,
    pub(crate) scouts: Vec<Scout>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tools: Vec<Arc<ProgramTool>>,
    pub(crate) validations: Vec<Check>,
}

/// What bounds a run.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Questions to the model in one attempt.
    pub(crate) iterations: NonZeroU32,
    /// Calls of tools in one attempt.
    pub(crate) tool_calls: NonZeroU32,
    /// Attempts to make the validations pass; one less than there are runs of them.
    #[serde(deserialize_with = "fixes")]
    pub(crate) fixes: NonZeroU32,
    /// How often the work is tried again when the model cannot be reached.
    pub(crate) retries: u32,
    /// Of one attempt, in seconds.
    timeout_s: NonZeroU64,
    /// Of one call of a tool, in seconds.
    tool_timeout_s: NonZeroU64,
}

impl Limits {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.get())
    }

    pub(crate) fn tool_timeout(&self) -> Duration {
        Duration::from_secs(self.tool_timeout_s.get())
    }
}

impl Default for Limits {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let seconds = |n| NonZeroU64::new(n).unwrap_or(NonZeroU64::MIN);
        Self {
            iterations: count(25),
            tool_calls: count(100),
            fixes: count(MAX_FIXES),
            retries: 1,
            timeout_s: seconds(600),
            tool_timeout_s: seconds(30),
        }
    }
}

fn fixes<'de, D: Deserializer<'de>>(number: D) -> Result<NonZeroU32, D::Error> {
    let fixes = NonZeroU32::deserialize(number)?;
    if fixes.get() > MAX_FIXES {
        return Err(D::Error::custom(format!("too many attempts; expected at most {MAX_FIXES}")));
    }
    Ok(fixes)
}

/// What a run may cost, and what the model does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// What the plan may spend.
    pub(crate) plan: Usd,
    /// The share of it at which a warning is due.
    pub(crate) warn_at: Fraction,
    /// A million tokens that the model reads.
    pub(crate) input_per_million: Usd,
    /// A million tokens that the model writes.
    pub(crate) output_per_million: Usd,
}

/// A command that says whether the project is as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: Text,
    pub(crate) command: Vec<String>,
    pub(crate) mode: Mode,
    pub(crate) timeout: Duration,
}

/// Whether a check must pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Required,
    Informational,
}

/// Why a task cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// It is no folder with a task file, or a file of it cannot be read.
    #[error("cannot read {}; a task is a folder with a task file and what that names", Shown(path))]
    Read { path: PathBuf, source: io::Error },
    /// The file says something that a task file does not say.
    #[error("{}:{line}:{column}: {message}", Shown(path))]
    Fault { path: PathBuf, line: usize, column: usize, message: String },
    /// The recording of the model cannot be played.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
}

/// A path, safe to print.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0.to_string_lossy()).fmt(f)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the task's own project is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnProject {
    Needed,
    /// The user names another.
    Replaced,
}

/// Reads the task in `folder`.
///
/// # Errors
/// [`TaskError`], with the place of the fault.
pub(crate) fn read(folder: &Path, own_project: OwnProject, keys: &[KeyGrant]) -> Result<Task, TaskError> {
    let path = folder.join(TASK_FILE);
    let unread = |source| TaskError::Read { path: path.clone(), source };
    let text = read_bounded(&path, MAX_TASK_BYTES).map_err(unread)?;
    let text = String::from_utf8(text).map_err(|error| unread(io::Error::other(error.utf8_error())))?;
    let source = Source { path: &path, text: &text };
    let file: file::TaskFile = toml::from_str(&text)
        .map_err(|error| source.fault(error.span().unwrap_or_default(), error.message()))?;
    file.check(folder, own_project, keys, &source)
}

/// What is in a regular file of at most `most` bytes.
fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    regular::open(path, Links::Followed)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes, the most that are read")));
    }
    Ok(content)
}

/// The text of a task file, to say where in it a fault is.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn fault(&self, span: Range<usize>, message: impl fmt::Display) -> TaskError {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        TaskError::Fault {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column,
            message: Escaped(&message.to_string().lines().collect::<Vec<_>>().join(", ")).to_string(),
        }
    }

    /// An amount of money, which is not negative.
    fn amount(&self, money: Spanned<Usd>) -> Result<Usd, TaskError> {
        if *money.get_ref() < Usd::ZERO {
            return Err(self.fault(money.span(), "a negative amount; expected 0 or more"));
        }
        Ok(money.into_inner())
    }

    /// A program and its arguments.
    fn command(&self, command: Spanned<Vec<String>>) -> Result<Vec<String>, TaskError> {
        if command.get_ref().first().is_none_or(String::is_empty) {
            let message = "the command is empty; expected a program and its arguments";
            return Err(self.fault(command.span(), message));
        }
        Ok(command.into_inner())
    }
}
