//! The actor loop: ask a model, run the tools it asks for, tell it the results, until it answers without tools.
//!
//! # Promises
//! - A run ends in exactly one of `actor.completed`, `actor.escalated` and `actor.errored`, also when it is cancelled
//!   or its future is dropped. What happens inside is caused by its `actor.invoked`.
//! - Reaching a limit (iterations, calls of tools, time, budget) is a result that says which; never an empty success.
//! - Calls of neighbouring read-only tools in one reply run together, any other call alone, in the reply's order;
//!   results go back in that order.
//! - The cost of each answer is settled against the budgets before anything else is done with it: an answer that does not
//!   say what it took costs what was reserved for it.
//!
//! # When it goes wrong
//! A tool that fails is told to the model, and the loop goes on, unless the [`FailurePolicy`] ends it. A model that
//! fails or panics ends the loop. A [`ConversationSink`] that fails ends nothing; the report counts what it missed.
//! The reservation for a call of the model that was broken off, by cancelling it, by a timeout or a cut connection, is given
//! back, though it may have cost something.
//!
//! ```
//! use std::sync::Arc;
//! use agentbus::service::actor::{Actor, ActorOutcome, ActorRuntime, ActorTask, TranscriptModel};
//! use agentbus::service::tool::ToolRuntime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recorded = br#"{"replies": [{"response": {"choices": [{"message": {"content": "Four."}}]}}]}"#;
//! let model = TranscriptModel::parse("sum.json", recorded)?;
//! let actors = ActorRuntime::new(ToolRuntime::new(None), None);
//!
//! let outcome = actors.run(&Actor::new("counter", Arc::new(model)), ActorTask::new("2 + 2?")).await;
//! assert!(matches!(outcome, ActorOutcome::Completed { answer, .. } if answer == "Four."));
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::tool::{ToolContext, ToolRuntime};
use crate::bus::EventBus;
use crate::emitter::Emitter;

mod chat;
#[cfg(feature = "openai")]
mod completions;
mod model;
mod money;
mod outcome;
mod run;
mod transcript;

#[cfg(feature = "openai")]
pub use completions::{BuildModelError, ChatCompletionsBuilder, ChatCompletionsModel, EndpointError};
pub use model::{Conversation, LanguageModel, Message, ModelError, Reply, ToolRequest, Usage};
pub use money::{ActorBudget, TokenPrices};
pub use outcome::{ActorFailure, ActorOutcome, ActorReport, Escalation};
pub use transcript::{TranscriptError, TranscriptModel};

/// Runs actors. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ActorRuntime {
    tools: ToolRuntime,
    emitter: Emitter,
}

impl ActorRuntime {
    /// A runtime whose actors call these tools.
    pub fn new(tools: ToolRuntime, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { tools, emitter: Emitter::new(bus) }
    }
}

/// Who acts: a model with instructions, tools and limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Actor {
    /// By what name it is told.
    pub name: String,
    /// The model it asks.
    pub model: Arc<dyn LanguageModel>,
    /// What it is told to be, first of all.
    pub instructions: Option<String>,
    /// The names of the tools it may call; none for all.
    pub tools: Option<BTreeSet<String>>,
    /// Where it stops.
    pub limits: ActorLimits,
    /// What failing tools mean.
    pub failure_policy: FailurePolicy,
    /// From which budgets it pays; none for nothing.
    pub budget: Option<ActorBudget>,
}

impl Actor {
    /// An actor that may call every tool, within the usual limits, and pays nothing.
    pub fn new(name: impl Into<String>, model: Arc<dyn LanguageModel>) -> Self {
        Self {
            name: name.into(),
            model,
            instructions: None,
            tools: None,
            limits: ActorLimits::default(),
            failure_policy: FailurePolicy::GoOn,
            budget: None,
        }
    }

    /// The same with instructions.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// The same, but it may call only these tools.
    #[must_use]
    pub fn with_tools(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ActorLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// The same, but it pays.
    #[must_use]
    pub fn with_budget(mut self, budget: ActorBudget) -> Self {
        self.budget = Some(budget);
        self
    }
}

/// Where an actor stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorLimits {
    /// How often it may ask the model: 25.
    pub max_iterations: NonZeroU32,
    /// How many tools it may call: 200. A reply that asks for more than are left is not acted on.
    pub max_tool_calls: u32,
    /// How long it may take: 1 hour.
    pub timeout: Duration,
}

impl Default for ActorLimits {
    fn default() -> Self {
        Self {
            max_iterations: NonZeroU32::new(25).expect("25 is not zero"),
            max_tool_calls: 200,
            timeout: Duration::from_hours(1),
        }
    }
}

/// What failing tools mean to an actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailurePolicy {
    /// The model is told, and may try something else.
    #[default]
    GoOn,
    /// The same, but so many failures one after the other end the loop.
    StopAfter(NonZeroU32),
}

/// What an actor is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActorTask {
    /// What it is asked.
    pub prompt: String,
    /// In what its tools are called; cancelling its token cancels the actor.
    pub context: ToolContext,
    /// What was said before; the instructions are put first only where this is empty.
    pub conversation: Conversation,
    /// Who hears each message.
    pub sink: Option<Arc<dyn ConversationSink>>,
}

impl ActorTask {
    /// A task without sandbox, history and sink.
    pub fn new(prompt: impl Into<String>) -> Self {
        let (context, conversation) = (ToolContext::new(), Conversation::new());
        Self { prompt: prompt.into(), context, conversation, sink: None }
    }

    /// The same in another context.
    #[must_use]
    pub fn with_context(mut self, context: ToolContext) -> Self {
        self.context = context;
        self
    }

    /// The same, going on from a conversation.
    #[must_use]
    pub fn with_conversation(mut self, conversation: Conversation) -> Self {
        self.conversation = conversation;
        self
    }

    /// The same, with somebody who hears each message.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn ConversationSink>) -> Self {
        self.sink = Some(sink);
        self
    }
}

/// Who hears each new message of a conversation, in order: a session, for example.
#[async_trait]
pub trait ConversationSink: fmt::Debug + Send + Sync {
    /// Takes one message. The actor waits for it.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot; the actor goes on.
    ///
    /// # Cancel safety
    /// Dropped when the actor is.
    async fn append(&self, message: &Message) -> Result<(), SinkError>;
}

/// A message could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// Why.
    pub message: String,
}

impl SinkError {
    /// It could not, for this reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
