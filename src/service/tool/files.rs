//! The built-in tools that read and write one file of the sandbox.
//!
//! Paths are relative to the sandbox's folder. They work on it through the [`ResourceService`] of the context, which
//! opens each relative to the handle of that folder: an absolute path, one that climbs out with `..`, and a link that
//! leads out are refused, also when the link is put there in the middle of the call. A file is written whole or not at
//! all and keeps its mode; of a link that stays inside, the file is written that it leads to.
//!
//! [`ResourceService`]: crate::service::resource::ResourceService

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::number::{number, number_schema};
use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::service::resource::{HandlerError, PathFault, Resource, ResourceError};
use crate::service::sandbox::{SandboxError, WriteAccess};

/// Reads a text file, or some of its lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadFile;

/// Writes a text file, with the folders that it needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteFile;

/// Deletes a file or a link.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeleteFile;

#[derive(Deserialize)]
struct ReadInput {
    path: String,
    #[serde(default, deserialize_with = "number")]
    first_line: Option<usize>,
    #[serde(default, deserialize_with = "number")]
    lines: Option<usize>,
}

#[async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": file_path(),
                "first_line": number_schema("where to begin, from 1"),
                "lines": number_schema("how many lines to read"),
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        ToolSpec::new("read_file", "Reads a text file.", parameters).read_only()
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: ReadInput = parse(input)?;
        let text = read_text(&context.tree()?, &input.path).await?;
        if input.first_line.is_none() && input.lines.is_none() {
            return Ok(ToolOutput::new(text));
        }
        let skipped = input.first_line.unwrap_or(1).saturating_sub(1);
        let wanted = input.lines.unwrap_or(usize::MAX);
        Ok(ToolOutput::new(text.split_inclusive('\n').skip(skipped).take(wanted).collect::<String>()))
    }
}

#[derive(Deserialize)]
struct WriteInput {
    path: String,
    content: String,
}

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": file_path(),
                "content": {"type": "string", "description": "the whole new content"},
            },
            "required": ["path", "content"],
            "additionalProperties": false,
        });
        ToolSpec::new("write_file", "Writes a text file, and makes the folders it needs.", parameters)
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let WriteInput { path, content } = parse(input)?;
        let bytes = content.len();
        to_write(context)?.write(&path, content).await.map_err(not_done("write", &path))?;
        Ok(ToolOutput::new(format!("wrote {bytes} bytes to {path}")))
    }
}

#[derive(Debug, Deserialize)]
struct DeleteInput {
    path: String,
}

#[async_trait]
impl Tool for DeleteFile {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {"path": file_path()},
            "required": ["path"],
            "additionalProperties": false,
        });
        ToolSpec::new("delete_file", "Deletes a file; of a link, the link.", parameters)
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let DeleteInput { path } = parse(input)?;
        to_write(context)?.delete(&path).await.map_err(not_done("delete", &path))?;
        Ok(ToolOutput::new(format!("deleted {path}")))
    }
}

/// The schema of the path of one file.
pub(super) fn file_path() -> Value {
    json!({"type": "string", "description": "path relative to the project"})
}

/// The input of a tool as its own type.
pub(super) fn parse<T: DeserializeOwned>(input: Value) -> Result<T, ToolError> {
    // The text of `serde_json` may repeat a value.
    serde_json::from_value(input).map_err(|_may_quote_it| {
        ToolError::failed("cannot read the input: it is not what the schema asks for")
    })
}

/// The files of the sandbox, to be written as long as this is held.
pub(super) fn to_write(context: &ToolContext) -> Result<Resource, ToolError> {
    let access = write_access(context)?;
    Ok(context.tree()?.with_access(access))
}

/// Asks to write in the sandbox of the context.
pub(super) fn write_access(context: &ToolContext) -> Result<WriteAccess, ToolError> {
    context.sandbox()?.write_access().map_err(|error| match error {
        SandboxError::Busy { .. } => ToolError::transient(error.to_string()),
        _ => ToolError::failed(error.to_string()),
    })
}

/// What an error of the file system means to the model.
pub(super) fn cannot(doing: &str, path: &str) -> impl FnOnce(std::io::Error) -> ToolError {
    move |error| {
        if is_escape(&error) {
            return outside(doing, path);
        }
        ToolError::failed(format!("cannot {doing} {path}: {error}"))
    }
}

/// Whether the handle of the sandbox's folder refused a path. Unlike the system's refusals, its own has no number.
fn is_escape(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// What an error of the resource that the sandbox's files are means to the model.
pub(super) fn not_done(doing: &'static str, path: &str) -> impl FnOnce(ResourceError) -> ToolError {
    let path = path.to_owned();
    move |error| match error {
        ResourceError::Path { fault: PathFault::Outside | PathFault::Absolute, .. }
        | ResourceError::Handler { source: HandlerError::Outside, .. } => outside(doing, &path),
        ResourceError::Handler { source: source @ HandlerError::Reserved, .. } => {
            ToolError::refused(format!("cannot {doing} {path}: {source}"))
        }
        // As the system says it, and as models know it.
        ResourceError::Handler { source: HandlerError::Absent, .. } => {
            ToolError::failed(format!("cannot {doing} {path}: No such file or directory"))
        }
        ResourceError::Handler { source: HandlerError::Io { source }, .. } => {
            ToolError::failed(format!("cannot {doing} {path}: {source}"))
        }
        ResourceError::Handler { source, .. } => {
            ToolError::failed(format!("cannot {doing} {path}: {source}"))
        }
        ResourceError::Path { fault, .. } => ToolError::failed(format!("cannot {doing} {path}: {fault}")),
        // The same call reads it anew.
        changed @ ResourceError::Changed { .. } => ToolError::transient(changed.to_string()),
        other => ToolError::failed(other.to_string()),
    }
}

fn outside(doing: &str, path: &str) -> ToolError {
    ToolError::refused(format!("cannot {doing} {path}: it leads out of the sandbox"))
}

impl From<ResourceError> for ToolError {
    fn from(error: ResourceError) -> Self {
        not_done("look over", "the sandbox")(error)
    }
}

pub(super) async fn read_text(tree: &Resource, path: &str) -> Result<String, ToolError> {
    let content = tree.read(path).await.map_err(not_done("open", path))?;
    String::from_utf8(content)
        .map_err(|_not_text| ToolError::failed(format!("cannot read {path}: it is not text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_cannot_be_read_is_told_without_what_it_holds() {
        let error = parse::<DeleteInput>(json!({"path": {"hunter2": "hunter2"}})).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the input: it is not what the schema asks for");
    }
}
