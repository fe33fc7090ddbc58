//! The public format of chat completions: a response object, read as a [`Reply`].

use serde::Deserialize;

use super::model::{Reply, ToolRequest, Usage};

/// Whether an endpoint that answers with that status of HTTP may answer the same question otherwise later.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 429 | 500..=599) && !matches!(status, 501 | 505)
}

/// A response object; keys that are not needed are passed over.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Response {
    pub(super) model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Clone, Debug, Deserialize)]
struct Choice {
    message: ChatMessage,
    finish_reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct ChatMessage {
    content: Option<String>,
    tool_calls: Option<Vec<ChatCall>>,
}

#[derive(Clone, Debug, Deserialize)]
struct ChatCall {
    id: String,
    function: Function,
}

#[derive(Clone, Debug, Deserialize)]
struct Function {
    name: String,
    arguments: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl Response {
    /// The reply of its first choice; an error says why that is none.
    pub(super) fn reply(&self) -> Result<Reply, &'static str> {
        let choice = self.choices.first().ok_or("it has no choice")?;
        match choice.finish_reason.as_deref() {
            Some("length") => return Err("it was cut at the limit of tokens"),
            Some("content_filter") => return Err("it was withheld by a content filter"),
            _ => {}
        }
        let calls = choice.message.tool_calls.iter().flatten().map(|call| ToolRequest {
            id: call.id.clone(),
            name: call.function.name.clone(),
            arguments: call.function.arguments.clone(),
        });
        let text = choice.message.content.clone().unwrap_or_default();
        let reply = Reply::new(text).with_tool_calls(calls);
        Ok(Reply { usage: self.usage.map(Usage::from), ..reply })
    }
}

/// What a response object says that it took, also where the rest of it cannot be read; none if it does not say.
#[cfg(feature = "openai")]
pub(super) fn usage_in(json: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Bill {
        usage: Option<Tokens>,
    }
    serde_json::from_slice(json).ok().and_then(|bill: Bill| bill.usage).map(Usage::from)
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self { input_tokens: tokens.prompt_tokens, output_tokens: tokens.completion_tokens }
    }
}
