//! [`TranscriptModel`]: a model that plays recorded replies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::chat::{Response, may_pass};
use super::model::{Conversation, LanguageModel, Message, ModelError, Reply};
use crate::service::regular;
use crate::service::tool::ToolSpec;

/// A longer transcript is not read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Plays the replies of a transcript, one after the other, whatever it is asked.
///
/// A transcript is a JSON file. Each reply is a response object in the public format of chat completions; it may
/// require a text to stand in the last tool result, so that a wrong world is noticed:
///
/// ```json
/// {"replies": [
///   {"response": {"model": "some-model", "choices": [{"message": {"role": "assistant", "content": null,
///     "tool_calls": [{"id": "call_1", "type": "function",
///       "function": {"name": "read_file", "arguments": "{\"path\": \"a.txt\"}"}}]}, "finish_reason": "tool_calls"}],
///     "usage": {"prompt_tokens": 100, "completion_tokens": 20}}},
///   {"expect": {"last_tool_result_contains": "hello"},
///    "response": {"choices": [{"message": {"role": "assistant", "content": "It says hello."}}]}},
///   {"error": {"status": 503, "message": "overloaded"}}
/// ]}
/// ```
///
/// In place of a response there may be the error of a model that gave none, with the status of HTTP that came with it:
/// 429 and those that tell of a server in trouble are [`ModelError::Unavailable`], others [`ModelError::Failed`].
#[derive(Debug)]
pub struct TranscriptModel {
    file: PathBuf,
    name: String,
    replies: Vec<Recorded>,
    /// How many replies were asked for.
    asked: AtomicUsize,
}

#[derive(Debug)]
struct Recorded {
    last_tool_result_contains: Option<String>,
    reply: Result<Reply, ModelError>,
}

/// Why a transcript could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The file could not be read.
    #[error("cannot read the transcript {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no JSON object with a list `replies`.
    #[error("the transcript {} is not an object with a list `replies`", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Where it is not.
        source: serde_json::Error,
    },
    /// A reply is not in the format.
    #[error("reply {reply} of the transcript {} is not one", file.display())]
    Reply {
        /// The file.
        file: PathBuf,
        /// The number of the reply, from 1.
        reply: usize,
        /// Where it is not.
        source: serde_json::Error,
    },
    /// A reply cannot be played.
    #[error("reply {reply} of the transcript {} cannot be played: {reason}", file.display())]
    Unplayable {
        /// The file.
        file: PathBuf,
        /// The number of the reply, from 1.
        reply: usize,
        /// Why.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TranscriptFile {
    replies: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyEntry {
    expect: Option<Expectation>,
    response: Option<Response>,
    error: Option<RecordedError>,
}

/// That the model gave no answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedError {
    status: u16,
    message: String,
}

impl RecordedError {
    fn told(self) -> ModelError {
        let message = format!("status {}: {}", self.status, self.message);
        if may_pass(self.status) {
            ModelError::Unavailable { message }
        } else {
            ModelError::Failed { message }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    last_tool_result_contains: Option<String>,
}

impl TranscriptModel {
    /// Reads the transcript in `file`, all of it: what is wrong with a later reply is found now. One with more than 64 MiB,
    /// or what is no regular file, is not read.
    ///
    /// # Errors
    /// [`TranscriptError`], which names the file and the number of the reply.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, TranscriptError> {
        let file = file.as_ref();
        let read = |source| TranscriptError::Read { file: file.to_owned(), source };
        Self::parse(file, &regular::read(file, MAX_BYTES).map_err(read)?)
    }

    /// Reads a transcript that stands in memory; `file` is what errors call it.
    ///
    /// # Errors
    /// [`TranscriptError`], as [`TranscriptModel::open`].
    pub fn parse(file: impl AsRef<Path>, json: &[u8]) -> Result<Self, TranscriptError> {
        let file = file.as_ref().to_owned();
        let format = |source| TranscriptError::Format { file: file.clone(), source };
        let transcript: TranscriptFile = serde_json::from_slice(json).map_err(format)?;
        let mut name = None;
        let mut replies = Vec::new();
        for (nth, entry) in transcript.replies.into_iter().enumerate() {
            let number = nth + 1;
            let not_one = |source| TranscriptError::Reply { file: file.clone(), reply: number, source };
            let entry: ReplyEntry = serde_json::from_value(entry).map_err(not_one)?;
            let unplayable =
                |reason| TranscriptError::Unplayable { file: file.clone(), reply: number, reason };
            let reply = match (entry.response, entry.error) {
                (Some(response), None) => {
                    let reply = response.reply().map_err(unplayable)?;
                    name = name.or(response.model);
                    Ok(reply)
                }
                (None, Some(error)) => Err(error.told()),
                _ => return Err(unplayable("it has not exactly one of `response` and `error`")),
            };
            let last_tool_result_contains = entry.expect.and_then(|expect| expect.last_tool_result_contains);
            replies.push(Recorded { last_tool_result_contains, reply });
        }
        let name = name.unwrap_or_else(|| "transcript".to_owned());
        Ok(Self { file, name, replies, asked: AtomicUsize::new(0) })
    }

    /// The same, but told by another name than that of the model that was recorded.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Passes over so many replies: those that were played to an actor whose process is gone, before another goes on for
    /// it.
    pub fn skip(&self, replies: usize) {
        self.asked.fetch_add(replies, Ordering::Relaxed);
    }

    /// How many replies were not asked for yet.
    pub fn remaining(&self) -> usize {
        self.replies.len().saturating_sub(self.asked.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl LanguageModel for TranscriptModel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn respond(&self, conversation: &Conversation, _tools: &[ToolSpec]) -> Result<Reply, ModelError> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        let (file, number) = (&self.file, nth + 1);
        let recorded = self.replies.get(nth);
        let recorded = recorded.ok_or_else(|| ModelError::Exhausted { file: file.clone(), reply: number })?;
        if let Some(expected) = &recorded.last_tool_result_contains {
            let last = conversation.messages().rev().find_map(|message| match message {
                Message::Tool { content, .. } => Some(content),
                _ => None,
            });
            let found = match last {
                Some(content) if content.contains(expected) => return recorded.reply.clone(),
                Some(_) => "the last one does not",
                None => "there is none",
            };
            let (file, expected) = (file.clone(), expected.clone());
            return Err(ModelError::Unexpected { file, reply: number, expected, found });
        }
        recorded.reply.clone()
    }
}
