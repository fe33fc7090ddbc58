//! The public format of chat completions: a request.

use std::borrow::Cow;
use std::num::NonZeroU32;

use hyper::body::Bytes;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::model::{Conversation, Message, ToolRequest};
use crate::service::tool::ToolSpec;

/// What every request says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    pub(super) model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) output_limit: Option<OutputLimit>,
}

/// How many tokens a reply may have, under one of the two keys that are in use.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputLimit {
    MaxTokens(NonZeroU32),
    MaxCompletionTokens(NonZeroU32),
}

#[derive(Serialize)]
struct Request<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    messages: Vec<ChatMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolEntry<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum ChatMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Call<'a> {
    id: &'a str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct ToolEntry<'a> {
    function: OfferedFunction<'a>,
}

#[derive(Serialize)]
struct OfferedFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

/// The body of a request that goes on with the conversation.
pub(super) fn body(settings: &Settings, conversation: &Conversation, tools: &[ToolSpec]) -> Bytes {
    let tools = tools.iter().map(|spec| {
        let ToolSpec { name, description, parameters, .. } = spec;
        ToolEntry { function: OfferedFunction { name, description, parameters } }
    });
    let messages = conversation.messages().map(message).collect();
    let request = Request { settings, messages, tools: tools.collect() };
    serde_json::to_vec(&request).expect("all keys are texts, and the numbers are finite").into()
}

fn message(message: &Message) -> ChatMessage<'_> {
    match message {
        Message::System(content) => ChatMessage::System { content },
        Message::User(content) => ChatMessage::User { content },
        Message::Assistant { text, tool_calls } => ChatMessage::Assistant {
            content: Some(text.as_str()).filter(|text| !text.is_empty()),
            tool_calls: tool_calls.iter().map(call).collect(),
        },
        Message::Tool { id, content, .. } => ChatMessage::Tool { tool_call_id: id, content },
    }
}

fn call(request: &ToolRequest) -> Call<'_> {
    let ToolRequest { id, name, arguments } = request;
    // Servers that read the arguments refuse a conversation for ever in which they are no JSON: such go back as the
    // JSON that the tool was called with.
    let is_json = serde_json::from_str::<IgnoredAny>(arguments).is_ok();
    let arguments =
        if is_json { Cow::Borrowed(arguments.as_str()) } else { Cow::Owned(request.input().to_string()) };
    Call { id, function: CalledFunction { name, arguments } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings { model: "m".to_owned(), temperature: None, output_limit: None }
    }

    fn written(
        settings: &Settings,
        messages: impl IntoIterator<Item = Message>,
        tools: &[ToolSpec],
    ) -> Value {
        let mut conversation = Conversation::new();
        messages.into_iter().for_each(|message| conversation.push(message));
        serde_json::from_slice(&body(settings, &conversation, tools)).unwrap()
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let request = written(&settings(), [Message::User("hello".to_owned())], &[]);
        assert_eq!(request, json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]}));
    }

    #[test]
    fn each_limit_of_the_output_has_its_key() {
        let limit = NonZeroU32::new(7).unwrap();
        for (output_limit, key) in [
            (OutputLimit::MaxTokens(limit), "max_tokens"),
            (OutputLimit::MaxCompletionTokens(limit), "max_completion_tokens"),
        ] {
            let settings =
                Settings { output_limit: Some(output_limit), temperature: Some(0.5), ..settings() };
            let expected = json!({"model": "m", "messages": [], "temperature": 0.5, key: 7});
            assert_eq!(written(&settings, [], &[]), expected);
        }
    }

    #[test]
    fn arguments_that_are_no_json_go_back_as_a_json_text() {
        for (said, sent) in [("{\"a\": 1}", "{\"a\": 1}"), ("{oops", "\"{oops\""), ("", "{}")] {
            let call = ToolRequest { id: "c".to_owned(), name: "t".to_owned(), arguments: said.to_owned() };
            let asked = Message::Assistant { text: String::new(), tool_calls: vec![call] };
            assert_eq!(
                written(&settings(), [asked], &[])["messages"][0],
                json!({"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "t", "arguments": sent}}]})
            );
        }
    }
}
