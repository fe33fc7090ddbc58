//! What an actor asks: [`LanguageModel`], the [`Conversation`] it is asked with, and its [`Reply`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::service::tool::ToolSpec;

/// A model that answers a conversation, or asks for tools.
///
/// Implementors hold to this: `respond` may be called from many conversations at once, and may be dropped at any
/// await, as it is when the actor is cancelled or out of time. Retries, timeouts and keys are its own affair.
#[async_trait]
pub trait LanguageModel: fmt::Debug + Send + Sync {
    /// By what name it is told.
    fn name(&self) -> &str;

    /// Answers the conversation; it may ask for these tools.
    ///
    /// # Errors
    /// [`ModelError`] if there is no answer. The actor ends with it.
    ///
    /// # Cancel safety
    /// Dropped, the answer is not waited for any more; it may have cost something.
    async fn respond(&self, conversation: &Conversation, tools: &[ToolSpec]) -> Result<Reply, ModelError>;
}

/// What was said so far. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    messages: Vec<Arc<Message>>,
}

impl Conversation {
    /// One in which nothing was said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was said.
    pub fn push(&mut self, message: Message) {
        self.messages.push(Arc::new(message));
    }

    /// What was said, in order.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.iter().map(|message| &**message)
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How long all texts are together, in bytes.
    pub fn bytes(&self) -> usize {
        self.messages().map(Message::bytes).sum()
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// What the actor is to be.
    System(String),
    /// What it is asked.
    User(String),
    /// What the model said, and the tools it asked for.
    Assistant {
        /// The text; empty if it only asked for tools.
        text: String,
        /// The tools, in the order it asked.
        tool_calls: Vec<ToolRequest>,
    },
    /// What a tool gave.
    Tool {
        /// The id by which the model asked.
        id: String,
        /// The text for the model.
        content: String,
        /// Whether it is an error.
        is_error: bool,
    },
}

impl Message {
    fn bytes(&self) -> usize {
        match self {
            Self::System(text) | Self::User(text) => text.len(),
            Self::Assistant { text, tool_calls } => {
                let asked = tool_calls.iter().map(|call| call.name.len() + call.arguments.len());
                text.len() + asked.sum::<usize>()
            }
            Self::Tool { content, .. } => content.len(),
        }
    }
}

/// A tool that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRequest {
    /// The id by which it wants the answer.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The input, as the model wrote it: JSON, if it made no mistake.
    pub arguments: String,
}

impl ToolRequest {
    /// What the tool is called with.
    pub(super) fn input(&self) -> Value {
        match serde_json::from_str(&self.arguments) {
            // Models that ask for a tool without input leave it out in several ways.
            Ok(Value::Null) => Value::Object(Map::new()),
            Err(_not_json) if self.arguments.trim().is_empty() => Value::Object(Map::new()),
            Ok(input) => input,
            // It is passed on as text, which no schema takes: the model is told, as of any other bad input.
            Err(_not_json) => Value::String(self.arguments.clone()),
        }
    }
}

/// What a model answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The text; empty if it only asks for tools.
    pub text: String,
    /// The tools it asks for; none ends the actor's loop.
    pub tool_calls: Vec<ToolRequest>,
    /// What it took; none if that is not known. An actor pays it as it was estimated then.
    pub usage: Option<Usage>,
}

impl Reply {
    /// An answer.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same, but it asks for these tools.
    #[must_use]
    pub fn with_tool_calls(mut self, tool_calls: impl IntoIterator<Item = ToolRequest>) -> Self {
        self.tool_calls = tool_calls.into_iter().collect();
        self
    }

    /// The same, with what it took.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}

/// How many tokens a reply took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens the model read.
    pub input_tokens: u64,
    /// Tokens the model wrote.
    pub output_tokens: u64,
}

impl Usage {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
        }
    }
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It could not be asked, or refused to answer.
    #[error("the model failed: {message}")]
    Failed {
        /// Why.
        message: String,
    },
    /// It could not be asked this time; it may answer when it is asked again.
    #[error("the model is not available: {message}")]
    Unavailable {
        /// Why.
        message: String,
    },
    /// What it answered cannot be used.
    #[error("the answer of the model cannot be used: {message}")]
    Malformed {
        /// Why.
        message: String,
        /// What it took; none if that is not known. It is paid as other answers are.
        usage: Option<Usage>,
    },
    /// The endpoint of a model gave no answer.
    #[cfg(feature = "openai")]
    #[error("the model at {endpoint} gave no answer{}: {error}", after(*attempts))]
    Endpoint {
        /// Where it is asked: scheme, host and port.
        endpoint: String,
        /// How often it was asked.
        attempts: u32,
        /// What went wrong the last time.
        error: super::EndpointError,
    },
    /// A transcript has no reply left.
    #[error("{} has no reply {reply}: it was asked more often than was recorded", file.display())]
    Exhausted {
        /// The transcript.
        file: PathBuf,
        /// The number of the reply asked for, from 1.
        reply: usize,
    },
    /// A reply of a transcript expects another world.
    #[error("reply {reply} of {} expects a last tool result that contains {expected:?}: {found}", file.display())]
    Unexpected {
        /// The transcript.
        file: PathBuf,
        /// The number of the reply, from 1.
        reply: usize,
        /// The text that was expected.
        expected: String,
        /// What there was instead, without content.
        found: &'static str,
    },
}

impl ModelError {
    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            #[cfg(feature = "openai")]
            Self::Endpoint { error, .. } => error.is_transient(),
            Self::Failed { .. }
            | Self::Malformed { .. }
            | Self::Exhausted { .. }
            | Self::Unexpected { .. } => false,
        }
    }

    /// An answer that cannot be used, of which is not known what it took.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed { message: message.into(), usage: None }
    }

    /// What the answer took that cannot be used; none if that is not known. Where none came, that is nothing.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Malformed { usage, .. } => *usage,
            #[cfg(feature = "openai")]
            Self::Endpoint { error: super::EndpointError::TooLarge { .. }, .. } => None,
            _ => Some(Usage::default()),
        }
    }
}

#[cfg(feature = "openai")]
fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" in {attempts} attempts") } else { String::new() }
}
