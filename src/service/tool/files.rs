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
use crate::event::Hash;
use crate::service::blocking::blocking;
use crate::service::resource::{HandlerError, PathFault, Resource, ResourceError};
use crate::service::sandbox::{SandboxError, WriteAccess};

/// A text that grows beyond this by replacing is refused, in bytes: what [`ReadFile`] reads.
const MAX_REPLACED_BYTES: u64 = 8 << 20;

/// Reads a text file, or some of its lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadFile;

/// Writes a text file, with the folders that it needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteFile;

/// Replaces a text that occurs once in a file, or every occurrence.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplaceInFile;

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

#[derive(Deserialize)]
struct ReplaceInput {
    path: String,
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

#[async_trait]
impl Tool for ReplaceInFile {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": file_path(),
                "old": {"type": "string", "description": "the text to replace; it must occur exactly once"},
                "new": {"type": "string", "description": "the text to put in its place"},
                "all": {"type": "boolean", "description": "replace every occurrence instead"},
            },
            "required": ["path", "old", "new"],
            "additionalProperties": false,
        });
        ToolSpec::new("replace_in_file", "Replaces a text in a file.", parameters)
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: ReplaceInput = parse(input)?;
        if input.old.is_empty() {
            return Err(ToolError::failed("the old text is empty: name the text to replace"));
        }
        let (tree, path) = (to_write(context)?, input.path.clone());
        let text = read_text(&tree, &path).await?;
        let Replaced { found, before, text } = blocking(move |_stop| replaced(&input, &text)).await?;
        // Somebody may have written since it was read.
        tree.replace(&path, &before, text).await.map_err(not_done("write", &path))?;
        Ok(ToolOutput::new(format!("replaced {found} in {path}")))
    }
}

/// What a file becomes.
#[derive(Debug, PartialEq, Eq)]
struct Replaced {
    /// How often the old text occurred.
    found: usize,
    /// The hash of the whole text as it was.
    before: Hash,
    text: String,
}

/// The text of a file with what is to be replaced in it replaced.
fn replaced(input: &ReplaceInput, text: &str) -> Result<Replaced, ToolError> {
    let found = text.matches(&input.old).count();
    if found == 0 || (found > 1 && !input.all) {
        let way_out = match found {
            0 => "read the file and copy the text as it stands there",
            _ => "add lines around it until it is unique, or set `all`",
        };
        let message = format!("the old text occurs {found} times in {}: {way_out}", input.path);
        return Err(ToolError::failed(message));
    }
    let grown = (text.len() as u64).saturating_add((found as u64).saturating_mul(input.new.len() as u64));
    if grown > MAX_REPLACED_BYTES {
        let message = format!("the new text is too long to be put {found} times into {}", input.path);
        return Err(ToolError::failed(message));
    }
    Ok(Replaced { found, before: Hash::of(text), text: text.replace(&input.old, &input.new) })
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
fn file_path() -> Value {
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
fn to_write(context: &ToolContext) -> Result<Resource, ToolError> {
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
fn not_done(doing: &'static str, path: &str) -> impl FnOnce(ResourceError) -> ToolError {
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

async fn read_text(tree: &Resource, path: &str) -> Result<String, ToolError> {
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

    #[test]
    fn what_is_replaced_comes_with_the_hash_of_what_was_there() {
        let input =
            |all| ReplaceInput { path: "a".to_owned(), old: "x".to_owned(), new: "yy".to_owned(), all };
        let expected = Replaced { found: 2, before: Hash::of("x-x"), text: "yy-yy".to_owned() };
        assert_eq!(replaced(&input(true), "x-x").unwrap(), expected);
        assert!(replaced(&input(false), "x-x").unwrap_err().to_string().contains("occurs 2 times in a"));
        let large = "x".repeat(5 << 20);
        assert!(replaced(&input(true), &large).unwrap_err().to_string().contains("too long"));
    }
}
