//! What an endpoint answers: a reply, or the message of an error.

use serde_json::Value;
use serde_json::error::Category;

use super::super::chat::{Response, usage_in};
use super::super::model::{ModelError, Reply};

/// The reply that a body holds.
///
/// # Errors
/// [`ModelError::Malformed`] if it is none; it says nothing of what the body holds.
pub(super) fn reply(body: &[u8]) -> Result<Reply, ModelError> {
    // An answer that was cut was paid for too.
    let malformed = |message| ModelError::Malformed { message, usage: usage_in(body) };
    let response: Response = serde_json::from_slice(body).map_err(|error| malformed(unreadable(&error)))?;
    response.reply().map_err(|reason| malformed(reason.to_owned()))
}

/// Where a body is no chat completion. The text of `serde_json` may quote it, so it is not told.
fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => "its JSON ends too early".to_owned(),
        Category::Data => format!("it is no chat completion from line {line} column {column} on"),
        Category::Syntax | Category::Io => format!("it is no JSON from line {line} column {column} on"),
    }
}

/// The message of an error, where the servers in use put it.
pub(super) fn error_message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let places = ["/error/message", "/error", "/message", "/detail"];
    let found = places.iter().find_map(|place| body.pointer(place)?.as_str())?;
    Some(found.trim().to_owned()).filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_error_is_found_where_servers_put_it() {
        for (body, expected) in [
            (r#"{"error": {"message": " no such model ", "code": 3}}"#, Some("no such model")),
            (r#"{"error": "no such model"}"#, Some("no such model")),
            (r#"{"object": "error", "message": "busy"}"#, Some("busy")),
            (r#"{"detail": "not found"}"#, Some("not found")),
            (r#"{"detail": [{"loc": ["body"]}]}"#, None),
            (r#"{"error": {"message": ""}}"#, None),
            (r#"{"choices": []}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(error_message(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn what_a_reply_took_is_known_also_where_it_cannot_be_used() {
        for (rest, expected) in [
            (r#""choices": [{"message": {"content": "x"}, "finish_reason": "length"}]"#, Some(7)),
            (r#""choices": [{"message": {}, "finish_reason": "content_filter"}]"#, Some(7)),
            (r#""choices": []"#, Some(7)),
            (r#""choices": "none""#, Some(7)),
            (r#""choices": [}"#, None),
        ] {
            let body = format!(r#"{{"usage": {{"prompt_tokens": 7, "completion_tokens": 3}}, {rest}}}"#);
            let usage = reply(body.as_bytes()).unwrap_err().usage();
            assert_eq!(usage.map(|usage| usage.input_tokens), expected, "{rest}");
        }
    }

    #[test]
    fn a_reply_that_is_none_is_told_without_what_it_holds() {
        let secret = "hunter2";
        let depth = "[".repeat(100_000);
        for (body, expected) in [
            (String::new(), "its JSON ends too early"),
            (format!("<html>{secret}</html>"), "it is no JSON from line 1 column 1 on"),
            (format!("{{\"choices\": \"{secret}\"}}"), "it is no chat completion from line 1"),
            (format!("{{\"choices\": [{{\"message\": {{\"content\": 7}}}}], \"{secret}\": 1}}"), "no chat"),
            (r#"{"choices": []}"#.to_owned(), "it has no choice"),
            (format!("{{\"x\": {depth}"), "its JSON ends too early"),
            (format!("{{\"choices\": {depth}"), "it is no chat completion"),
            (
                r#"{"choices": [{"message": {}}], "usage": {"prompt_tokens": -1, "completion_tokens": 1}}"#
                    .to_owned(),
                "no chat completion",
            ),
        ] {
            let error = reply(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(secret), "{error}");
        }
        assert!(reply(b"\xff\xfe{").is_err());
    }
}
