//! Calls of tools: what a model asks for, checked, bounded and told.
//!
//! A [`ToolRuntime`] has a registry of [`Tool`]s. Around each call it looks the tool up, checks the input against the
//! schema, asks the [`SafetyProfile`], runs the tool in a task of its own with a timeout, tries again what the tool
//! calls transient, and cuts the output.
//!
//! # Promises
//! - The schema of a tool is read once, when it is registered; one that cannot be used, or that refers to something
//!   outside of itself, is refused there. Nothing is ever fetched for it.
//! - A call ends in exactly one of `tool.completed` and `tool.errored`, however it ends: also when the tool panics,
//!   when the call is cancelled, and when its future is dropped. A call that is not allowed emits `tool.errored` alone.
//! - What a tool emits is caused by the `tool.invoked` of its call.
//! - The built-in file tools open relative to the sandbox's folder and follow no link out of it.
//!
//! # When it goes wrong
//! A failed call is a [`ToolFailure`] with its kind, never a panic. An attempt that timed out or was cancelled is
//! aborted and waited for, for at most a second; a tool that blocks its thread goes on behind the caller's back.
//! [`RunCommand`] is *not* confined: what it runs can do whatever this process can. It only has a group, an
//! environment and a folder of its own.
//!
//! ```
//! use agentbus::event::ToolErrorKind;
//! use agentbus::service::tool::{ToolCall, ToolContext, ToolRuntime, built_in};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tools = ToolRuntime::new(None);
//! for tool in built_in() {
//!     tools.register(tool)?;
//! }
//! let call = ToolCall::new("read_file", json!({"pth": "a.txt"}));
//! let failure = tools.call(call, &ToolContext::new()).await.unwrap_err();
//! assert_eq!(failure.kind, ToolErrorKind::Schema);
//! let told = "cannot call read_file: the input lacks `path`; the input has `pth`, which is not known";
//! assert!(failure.to_string().starts_with(told));
//! # Ok(())
//! # }
//! ```

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::PlanId;

mod call;
mod command;
mod files;
mod hidden;
#[cfg(feature = "mcp")]
pub mod mcp;
mod number;
mod options;
mod profile;
mod program;
mod replace;
mod result;
mod schema;
mod search;
mod spec;

pub(super) use call::panic_text;
pub use command::RunCommand;
pub use files::{DeleteFile, ReadFile, WriteFile};
pub use options::ToolOptions;
pub use profile::{Approval, ApprovalDecision, ApprovalQuestion, PatternError, SafetyProfile};
pub use program::ProgramTool;
pub use replace::ReplaceInFile;
pub use result::{ToolFailure, ToolResult};
use schema::{InputSchema, SchemaFault};
pub use search::{ListFiles, SearchFiles};
pub use spec::{Tool, ToolCall, ToolContext, ToolError, ToolOutput, ToolSpec, WholeOutput};

/// The tools that come with this crate: `read_file`, `write_file`, `replace_in_file`, `list_files`, `search_files`,
/// `delete_file` and `run_command`.
pub fn built_in() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(ReadFile),
        Arc::new(WriteFile),
        Arc::new(ReplaceInFile),
        Arc::new(ListFiles),
        Arc::new(SearchFiles),
        Arc::new(DeleteFile),
        Arc::new(RunCommand::new()),
    ]
}

/// Calls tools. Cheap to clone; clones share the registry.
#[derive(Clone, Debug)]
pub struct ToolRuntime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    emitter: Emitter,
    options: ToolOptions,
    /// Guards the registry; held for single moves.
    tools: Mutex<BTreeMap<String, Arc<Registered>>>,
    /// Guards what is known of plans; held for single moves.
    plans: Mutex<Plans>,
}

#[derive(Debug)]
struct Registered {
    tool: Arc<dyn Tool>,
    spec: ToolSpec,
    input: InputSchema,
}

#[derive(Debug, Default)]
struct Plans {
    read_only: HashSet<PlanId>,
    /// Counted only where the profile has a limit.
    calls: HashMap<PlanId, u32>,
}

/// Why a tool could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// There is a tool of that name.
    #[error("cannot register a second tool named {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// The name is not one that a model can ask for.
    #[error(
        "cannot register a tool named {name:?}: a name has 1 to 64 of the characters a-z, A-Z, 0-9, _, -"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Its input cannot be checked against the schema of its parameters.
    #[error("cannot register {name}: the schema of its parameters cannot be used at {place}: {reason}")]
    Schema {
        /// The name.
        name: String,
        /// Where in the schema, as a URI fragment: `#/properties/path/type`.
        place: String,
        /// Why.
        reason: String,
    },
    /// It could not say what it is.
    #[error("cannot register a tool: its spec panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
}

impl ToolRuntime {
    /// A runtime without tools, with the default options.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::with_options(ToolOptions::default(), bus)
    }

    /// A runtime without tools.
    pub fn with_options(options: ToolOptions, bus: Option<Arc<dyn EventBus>>) -> Self {
        let (tools, plans) = (Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { emitter: Emitter::new(bus), options, tools, plans }) }
    }

    /// Makes a tool known. Its spec is asked for once, here.
    ///
    /// # Errors
    /// [`RegisterError`] if there is one of that name, the name is none, its schema cannot be used, or its spec panics.
    pub fn register(&self, tool: Arc<dyn Tool>) -> Result<(), RegisterError> {
        let spec = catch_unwind(AssertUnwindSafe(|| tool.spec()))
            .map_err(|panic| RegisterError::Panicked { message: panic_text(&*panic).to_owned() })?;
        let name = spec.name.clone();
        let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !(1..=64).contains(&name.len()) || !name.chars().all(is_good) {
            return Err(RegisterError::Name { name });
        }
        let input = InputSchema::compile(&spec.parameters).map_err(|SchemaFault { place, reason }| {
            RegisterError::Schema { name: name.clone(), place, reason }
        })?;
        match lock(&self.inner.tools).entry(name) {
            Entry::Occupied(taken) => Err(RegisterError::Duplicate { name: taken.key().clone() }),
            Entry::Vacant(free) => {
                free.insert(Arc::new(Registered { tool, spec, input }));
                Ok(())
            }
        }
    }

    /// What the tools say of themselves that the profile allows, by name.
    pub fn specs(&self) -> Vec<ToolSpec> {
        let tools = lock(&self.inner.tools);
        let allowed = tools.values().filter(|t| self.inner.options.profile.check_name(&t.spec.name).is_ok());
        allowed.map(|registered| registered.spec.clone()).collect()
    }

    /// Allows the plan read-only tools alone, until [`ToolRuntime::unrestrict`].
    pub fn restrict(&self, plan: &PlanId) {
        lock(&self.inner.plans).read_only.insert(plan.clone());
    }

    /// Allows the plan every tool again that the profile allows.
    pub fn unrestrict(&self, plan: &PlanId) {
        lock(&self.inner.plans).read_only.remove(plan);
    }

    /// Forgets what is known of a plan that has ended: its calls so far, and whether it was restricted.
    pub fn forget(&self, plan: &PlanId) {
        let mut plans = lock(&self.inner.plans);
        plans.read_only.remove(plan);
        plans.calls.remove(plan);
    }

    /// The tool of that name, if it may be called in that context at all. Nothing is said of those that may not.
    fn find(&self, name: &str, context: &ToolContext) -> Result<Arc<Registered>, String> {
        let profile = &self.inner.options.profile;
        let tools = lock(&self.inner.tools);
        let Some(registered) = tools.get(name) else {
            let may_be = |name: &&String| context.may_call(name) && profile.check_name(name).is_ok();
            let known: Vec<_> = tools.keys().filter(may_be).map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("there is no such tool; there is {known}"));
        };
        if !context.may_call(name) {
            return Err("it is not among the tools that may be called here".to_owned());
        }
        profile.check_name(name)?;
        Ok(Arc::clone(registered))
    }

    /// Whether the plan may have such a call now.
    fn check_plan(&self, plan: Option<&PlanId>, spec: &ToolSpec) -> Result<(), String> {
        let Some(plan) = plan else {
            return Ok(());
        };
        self.inner.options.profile.check_plan(&lock(&self.inner.plans), plan, spec)
    }

    /// Counts a call of the plan, unless it may not have it any more: much can happen while an approval is waited for.
    /// Calls without a plan have no limit.
    fn count_call(&self, plan: Option<&PlanId>, spec: &ToolSpec) -> Result<(), String> {
        let Some(plan) = plan else {
            return Ok(());
        };
        let profile = &self.inner.options.profile;
        let mut plans = lock(&self.inner.plans);
        profile.check_plan(&plans, plan, spec)?;
        if profile.max_calls_per_plan.is_some() {
            *plans.calls.entry(plan.clone()).or_default() += 1;
        }
        Ok(())
    }
}

/// What is guarded is changed in single steps, so a poisoned lock guards something whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
