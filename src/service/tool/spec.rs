//! What a tool says of itself, what it is given and what it gives back: [`Tool`], [`ToolSpec`], [`ToolContext`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::event::{CallId, Hash, PlanId};
use crate::service::process::Finished;
use crate::service::resource::{Resource, ResourceService};
use crate::service::sandbox::Sandbox;

/// Something that a model may ask for.
///
/// Implementors hold to this: `spec` is the same at every call and cheap; `call` may be called many times at once, and
/// may be dropped at any await, as it is at a timeout or when the call is cancelled. Work that goes on elsewhere (a
/// thread, a process) ends when the future is dropped or when the token of the context is cancelled.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync {
    /// What it is called, what it takes and does.
    fn spec(&self) -> ToolSpec;

    /// Does it. The input was checked against the schema of the spec.
    ///
    /// # Errors
    /// [`ToolError::Transient`] for what may succeed when it is tried again as it is, [`ToolError::Refused`] for what
    /// must not be done, else [`ToolError::Failed`].
    ///
    /// # Cancel safety
    /// Dropped, it stops; what it had done by then stays done.
    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError>;
}

/// What a tool says of itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolSpec {
    /// The name by which a model asks for it.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// A JSON Schema of its input, which is an object.
    pub parameters: Value,
    /// Whether it changes nothing.
    pub read_only: bool,
    /// How long one attempt may take; none for what the runtime grants.
    pub timeout: Option<Duration>,
}

impl ToolSpec {
    /// A tool that may change something.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, parameters, read_only: false, timeout: None }
    }

    /// How long its texts are together, in bytes: what a model reads of it.
    pub(in crate::service) fn bytes(&self) -> usize {
        self.name.len() + self.description.len() + self.parameters.to_string().len()
    }

    /// The same, but it changes nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The same, but one attempt may take that long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// In what a tool is called.
#[derive(Clone, Debug, Default)]
pub struct ToolContext {
    plan: Option<PlanId>,
    sandbox: Option<Sandbox>,
    /// By what tools work on the files of the sandbox.
    resources: ResourceService,
    /// The tools that may be called; none for all.
    only: Option<Arc<BTreeSet<String>>>,
    cancellation: CancellationToken,
}

impl ToolContext {
    /// A context without plan and sandbox, which nobody cancels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The context of work in `sandbox`, for its plan.
    pub fn in_sandbox(sandbox: Sandbox) -> Self {
        let plan = Some(sandbox.plan_id().clone());
        Self { plan, sandbox: Some(sandbox), ..Self::default() }
    }

    /// The same for another plan.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<PlanId>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// The same; what tools read and write in the sandbox goes through that service, which tells it. Without, it goes
    /// through one that tells nobody.
    #[must_use]
    pub fn with_resources(mut self, resources: ResourceService) -> Self {
        self.resources = resources;
        self
    }

    /// The same, cancelled by another token.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// The same, but only the tools of these names may be called.
    #[must_use]
    pub fn with_only(mut self, tools: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.only = Some(Arc::new(tools.into_iter().map(Into::into).collect()));
        self
    }

    /// Whether a tool of that name may be called.
    pub fn may_call(&self, tool: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(tool))
    }

    /// The plan that the call serves.
    pub fn plan(&self) -> Option<&PlanId> {
        self.plan.as_ref()
    }

    /// The sandbox that the call may work in.
    ///
    /// # Errors
    /// [`ToolError::Failed`] if there is none.
    pub fn sandbox(&self) -> Result<&Sandbox, ToolError> {
        self.sandbox.as_ref().ok_or_else(|| ToolError::failed("there is no sandbox to work in"))
    }

    /// The files of the sandbox as a resource. What is written by it is told as written by a tool.
    ///
    /// # Errors
    /// [`ToolError::Failed`] if there is no sandbox, or its files cannot be opened any more.
    pub fn tree(&self) -> Result<Resource, ToolError> {
        let tree = self.resources.tree_of(self.sandbox()?);
        tree.map(Resource::for_tools).map_err(|error| ToolError::failed(error.to_string()))
    }

    /// Cancelled when the call is.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}

/// What a tool is asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolCall {
    /// Names the call.
    pub id: CallId,
    /// The name of the tool.
    pub tool: String,
    /// What it is given.
    pub input: Value,
}

impl ToolCall {
    /// A call with an id of its own.
    pub fn new(tool: impl Into<String>, input: Value) -> Self {
        Self { id: CallId::generate(), tool: tool.into(), input }
    }

    /// The same with another id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<CallId>) -> Self {
        self.id = id.into();
        self
    }
}

/// What a tool gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolOutput {
    /// The text for the model.
    pub text: String,
    /// Whether the tool itself left out a part of it.
    pub truncated: bool,
    /// What it was cut from, where the tool measured that; none for the text itself.
    pub whole: Option<WholeOutput>,
}

/// How much an output was before its tool left out a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WholeOutput {
    /// How long it was, in bytes.
    pub bytes: u64,
    /// Its hash.
    pub hash: Hash,
}

impl ToolOutput {
    /// A whole text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), truncated: false, whole: None }
    }

    /// The same, marked as not the whole.
    #[must_use]
    pub fn with_truncated(mut self, truncated: bool) -> Self {
        self.truncated = truncated;
        self
    }

    /// How a command ended and what it said.
    pub(super) fn of_command(finished: &Finished) -> Self {
        let output = Self::new(finished.text());
        if finished.is_cut() { output.cut_from(finished.total(), finished.hash()) } else { output }
    }

    /// The same, marked as cut from an output of that many bytes with that hash. These are told in place of the text's.
    #[must_use]
    pub fn cut_from(mut self, bytes: u64, hash: Hash) -> Self {
        (self.truncated, self.whole) = (true, Some(WholeOutput { bytes, hash }));
        self
    }
}

/// Why a tool gives nothing back. The message is told to the model and, its beginning, in events: it names what could
/// not be done, and holds no content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// It would fail again.
    #[error("{message}")]
    Failed {
        /// What could not be done, and why.
        message: String,
    },
    /// It must not be done, such as opening a path that leads out of the sandbox.
    #[error("{message}")]
    Refused {
        /// What is not done, and why.
        message: String,
    },
    /// It may succeed when it is tried again.
    #[error("{message}")]
    Transient {
        /// What could not be done, and why.
        message: String,
    },
}

impl ToolError {
    /// It would fail again.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into() }
    }

    /// It must not be done.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into() }
    }

    /// It may succeed when it is tried again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into() }
    }
}
