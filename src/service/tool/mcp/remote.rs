//! [`RemoteTool`]: one tool of a server.

use std::sync::Arc;

use async_trait::async_trait;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ResourceContents};
use rmcp::service::ServiceError;
use serde_json::Value;

use super::super::hidden::visible;
use super::super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use super::connection::Connection;
use super::sent::Sent;
use crate::redact::Redactor;

/// How much of an error that a tool reports is passed on, in bytes.
const MAX_ERROR: usize = 2_000;

/// A tool of a server.
#[derive(Debug)]
pub(super) struct RemoteTool {
    connection: Arc<Connection>,
    /// What the server calls it.
    told: String,
    spec: ToolSpec,
}

impl RemoteTool {
    pub(super) fn new(connection: Arc<Connection>, told: String, spec: ToolSpec) -> Self {
        Self { connection, told, spec }
    }

    /// Why the server gave no result. Nothing is tried again: it may have done what it was asked.
    fn failed(&self, error: &ServiceError) -> ToolError {
        let server = self.connection.server();
        ToolError::failed(match error {
            ServiceError::McpError(error) => {
                format!(
                    "the MCP server {server} reports an error: {}",
                    told(&error.message, self.connection.sent())
                )
            }
            ServiceError::TransportClosed
            | ServiceError::TransportSend(_)
            | ServiceError::Cancelled { .. } => {
                let end = self.connection.end().unwrap_or("the connection failed");
                format!("the MCP server {server} cannot be reached: {end}")
            }
            _ => format!("the MCP server {server} answered something that is no result of a tool"),
        })
    }
}

#[async_trait]
impl Tool for RemoteTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, _context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let _call = self.connection.one_more_call().await;
        let mut asked = CallToolRequestParams::new(self.told.clone());
        if let Value::Object(arguments) = input {
            asked.arguments = Some(arguments);
        }
        // Dropped, this cancels the call at the server.
        let answered = self.connection.peer().call_tool_once(asked).await;
        match answered.map_err(|error| self.failed(&error))? {
            CallToolResponse::Complete(result) => output_of(result, self.connection.sent()),
            _ => Err(ToolError::failed(format!(
                "the MCP server {} wants to be asked in steps, which is not done",
                self.connection.server()
            ))),
        }
    }
}

fn output_of(result: CallToolResult, sent: &Sent) -> Result<ToolOutput, ToolError> {
    let mut texts: Vec<_> = result.content.into_iter().map(text_of).collect();
    if let (Some(structured), true) = (result.structured_content, texts.is_empty()) {
        texts.push(structured.to_string());
    }
    let text = texts.join("\n");
    if result.is_error == Some(true) {
        return Err(ToolError::failed(format!("the tool reports an error: {}", told(&text, sent))));
    }
    Ok(ToolOutput::new(sent.mask(&text)))
}

/// What a model can read of a part of a result.
fn text_of(part: ContentBlock) -> String {
    match part {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Resource(resource) => match resource.resource {
            ResourceContents::TextResourceContents { text, .. } => text,
            _ => "[a resource that is no text]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[a resource at {}]", link.uri),
        ContentBlock::Image(image) => format!("[an image of {} bytes]", image.data.len() / 4 * 3),
        ContentBlock::Audio(audio) => format!("[a sound of {} bytes]", audio.data.len() / 4 * 3),
        _ => "[something that is no text]".to_owned(),
    }
}

/// What of an error is told: without secrets, what cannot be seen as its escape, cut.
fn told(text: &str, sent: &Sent) -> String {
    visible(&Redactor::new().redact_text(&sent.mask(text)), MAX_ERROR)
}
