//! [`ReplaceInFile`]: the built-in tool that replaces a text in a file of the sandbox.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{file_path, not_done, parse, read_text, to_write};
use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::event::Hash;
use crate::service::blocking::blocking;

/// A text that grows beyond this by replacing is refused, in bytes: what [`ReadFile`](super::ReadFile) reads.
const MAX_REPLACED_BYTES: u64 = 8 << 20;

/// Replaces a text that occurs once in a file, or every occurrence.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplaceInFile;

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

#[cfg(test)]
mod tests {
    use super::*;

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
