//! The built-in tools that read and write one file of the sandbox.
//!
//! Paths are relative to the sandbox's folder. Each is opened relative to the handle of that folder, component by
//! component: an absolute path, one that climbs out with `..`, and a link that leads out are refused by the handle
//! itself, also when the link is put there in the middle of the call.

use std::io::{Read, Seek, Write};
use std::path::Path;

use async_trait::async_trait;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::service::blocking::blocking;
use crate::service::sandbox::{Sandbox, SandboxError, WriteAccess};

/// Longer files are not read into memory.
const MAX_FILE_BYTES: u64 = 8 << 20;

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
    first_line: Option<u64>,
    lines: Option<u64>,
}

#[async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": file_path(),
                "first_line": {"type": "integer", "description": "where to begin, from 1"},
                "lines": {"type": "integer", "description": "how many lines to read"},
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        ToolSpec::new("read_file", "Reads a text file.", parameters).read_only()
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: ReadInput = parse(input)?;
        in_sandbox(context, move |sandbox| {
            let text = read_text(sandbox.dir(), &input.path)?;
            if input.first_line.is_none() && input.lines.is_none() {
                return Ok(ToolOutput::new(text));
            }
            let skipped = clamped(input.first_line.unwrap_or(1).saturating_sub(1));
            let wanted = clamped(input.lines.unwrap_or(u64::MAX));
            Ok(ToolOutput::new(text.split_inclusive('\n').skip(skipped).take(wanted).collect::<String>()))
        })
        .await
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
        let input: WriteInput = parse(input)?;
        writing(context, move |sandbox| {
            make_folder_of(sandbox.dir(), &input.path)?;
            write_text(sandbox.dir(), &input.path, &input.content)?;
            Ok(ToolOutput::new(format!("wrote {} bytes to {}", input.content.len(), input.path)))
        })
        .await
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
        writing(context, move |sandbox| {
            let text = read_text(sandbox.dir(), &input.path)?;
            let found = text.matches(&input.old).count();
            if found == 0 || (found > 1 && !input.all) {
                let way_out = match found {
                    0 => "read the file and copy the text as it stands there",
                    _ => "add lines around it until it is unique, or set `all`",
                };
                let message = format!("the old text occurs {found} times in {}: {way_out}", input.path);
                return Err(ToolError::failed(message));
            }
            write_text(sandbox.dir(), &input.path, &text.replace(&input.old, &input.new))?;
            Ok(ToolOutput::new(format!("replaced {found} in {}", input.path)))
        })
        .await
    }
}

#[derive(Deserialize)]
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
        let input: DeleteInput = parse(input)?;
        writing(context, move |sandbox| {
            sandbox.dir().remove_file(&input.path).map_err(cannot("delete", &input.path))?;
            Ok(ToolOutput::new(format!("deleted {}", input.path)))
        })
        .await
    }
}

/// The schema of the path of one file.
fn file_path() -> Value {
    json!({"type": "string", "description": "path relative to the project"})
}

/// The input of a tool as its own type.
pub(super) fn parse<T: DeserializeOwned>(input: Value) -> Result<T, ToolError> {
    serde_json::from_value(input)
        .map_err(|error| ToolError::failed(format!("cannot read the input: {error}")))
}

/// Runs `work` in the sandbox, where it may block.
async fn in_sandbox<T: Send + 'static>(
    context: &ToolContext,
    work: impl FnOnce(&Sandbox) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let sandbox = context.sandbox()?.clone();
    blocking(move |_stop| work(&sandbox)).await
}

/// Runs `work`, which writes, in the sandbox.
async fn writing<T: Send + 'static>(
    context: &ToolContext,
    work: impl FnOnce(&Sandbox) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let access = write_access(context)?;
    blocking(move |_stop| work(access.sandbox())).await
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
            return ToolError::refused(format!("cannot {doing} {path}: it leads out of the sandbox"));
        }
        ToolError::failed(format!("cannot {doing} {path}: {error}"))
    }
}

/// Whether the handle of the sandbox's folder refused a path. Unlike the system's refusals, its own has no number.
fn is_escape(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// The text of a regular file of at most 8 MiB.
pub(super) fn read_text(dir: &Dir, path: &str) -> Result<String, ToolError> {
    let mut options = OpenOptions::new();
    let mut file = open_regular(dir, path, options.read(true))?;
    let length = file.metadata().map_err(cannot("read", path))?.len();
    if length > MAX_FILE_BYTES {
        let message = format!("cannot read {path}: it has {length} bytes, more than {MAX_FILE_BYTES}");
        return Err(ToolError::failed(message));
    }
    let mut content = Vec::new();
    (&mut file).take(MAX_FILE_BYTES).read_to_end(&mut content).map_err(cannot("read", path))?;
    String::from_utf8(content)
        .map_err(|_not_text| ToolError::failed(format!("cannot read {path}: it is not text")))
}

/// Makes the folders that a file at `path` needs.
fn make_folder_of(dir: &Dir, path: &str) -> Result<(), ToolError> {
    let Some(parent) = Path::new(path).parent().filter(|parent| *parent != Path::new("")) else {
        return Ok(());
    };
    let made = dir.create_dir_all(parent).map_err(|error| {
        // Where the last of them is a link that leads out, it only says that something of the name is there.
        dir.metadata(parent).err().filter(is_escape).unwrap_or(error)
    });
    made.map_err(cannot("make the folder of", path))
}

fn write_text(dir: &Dir, path: &str, text: &str) -> Result<(), ToolError> {
    let mut options = OpenOptions::new();
    // It is cut only when it is known to be a regular file.
    let mut file = open_regular(dir, path, options.write(true).create(true).truncate(false))?;
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(cannot("write", path))
}

/// Opens a regular file. A pipe or a device is refused, and not waited for.
fn open_regular(dir: &Dir, path: &str, options: &mut OpenOptions) -> Result<std::fs::File, ToolError> {
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = dir.open_with(path, options).map_err(cannot("open", path))?.into_std();
    if !file.metadata().map_err(cannot("open", path))?.is_file() {
        return Err(ToolError::failed(format!("cannot open {path}: it is not a regular file")));
    }
    Ok(file)
}

fn clamped(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
