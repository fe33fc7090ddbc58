//! The built-in tools that look over the files of the sandbox: [`ListFiles`], [`SearchFiles`].
//!
//! Both leave out what a sandbox leaves out: `.git` and folders marked as caches. They follow no link and stop as
//! soon as they have enough or nobody waits for them any more.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cap_std::fs::Dir;
use globset::{Glob, GlobMatcher};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::files::{cannot, parse};
use super::number::{number, number_schema};
use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::event::ResourceOperation;
use crate::service::sandbox::place::open_file;
use crate::service::sandbox::tree::{Found, Walk, WalkError};

/// How many files are listed, unless asked otherwise, and at most.
const FILES: (usize, usize) = (1_000, 10_000);

/// How many matches are shown, unless asked otherwise, and at most.
const MATCHES: (usize, usize) = (100, 1_000);

/// Longer files are not searched.
const MAX_SEARCHED_BYTES: u64 = 4 << 20;

/// How much of a matching line is shown, in bytes.
const MAX_LINE_BYTES: usize = 240;

/// A longer glob is refused: what it compiles to has no bound of its own.
const MAX_GLOB_BYTES: usize = 1 << 10;

/// A pattern may compile to that many bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Lists the files of the sandbox.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListFiles;

/// Searches the text files of the sandbox for lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchFiles;

#[derive(Deserialize)]
struct ListInput {
    path: Option<String>,
    glob: Option<String>,
    #[serde(default, deserialize_with = "number")]
    max: Option<usize>,
}

#[async_trait]
impl Tool for ListFiles {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": folder_path(),
                "glob": path_glob(),
                "max": number_schema("how many at most"),
            },
            "additionalProperties": false,
        });
        ToolSpec::new("list_files", "Lists files, one path a line; a link with where it leads.", parameters)
            .read_only()
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: ListInput = parse(input)?;
        let glob = input.glob.as_deref().map(compile_glob).transpose()?;
        let mut output = Bounded::new(input.max, FILES);
        let look = move |root: &Dir, stop: &CancellationToken| {
            look_over(root, input.path.as_deref(), stop, &mut |found| {
                if found.metadata.is_dir() || !glob.as_ref().is_none_or(|glob| glob.is_match(found.path)) {
                    return Ok(ControlFlow::Continue(()));
                }
                let mut line = found.path.display().to_string();
                if found.metadata.is_symlink() {
                    line = format!("{line} -> {}", found.dir.read_link_contents(found.name)?.display());
                }
                Ok(output.push(&line))
            })?;
            Ok((output.finish("no file"), 0))
        };
        context.tree()?.look_over(ResourceOperation::List, look).await
    }
}

#[derive(Deserialize)]
struct SearchInput {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
    #[serde(default)]
    regex: bool,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default, deserialize_with = "number")]
    max: Option<usize>,
}

#[async_trait]
impl Tool for SearchFiles {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "description": "the text to look for"},
                "regex": {"type": "boolean", "description": "the pattern is a regular expression"},
                "ignore_case": {"type": "boolean", "description": "upper and lower case are the same"},
                "path": folder_path(),
                "glob": path_glob(),
                "max": number_schema("how many matches at most"),
            },
            "required": ["pattern"],
            "additionalProperties": false,
        });
        ToolSpec::new("search_files", "Searches text files; each match is path:line: text.", parameters)
            .read_only()
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: SearchInput = parse(input)?;
        let pattern = compile(&input)?;
        let glob = input.glob.as_deref().map(compile_glob).transpose()?;
        let mut output = Bounded::new(input.max, MATCHES);
        let mut bytes = 0;
        let look = move |root: &Dir, stop: &CancellationToken| {
            look_over(root, input.path.as_deref(), stop, &mut |found| {
                let is_wanted = found.metadata.is_file() && found.metadata.len() <= MAX_SEARCHED_BYTES;
                if !is_wanted || !glob.as_ref().is_none_or(|glob| glob.is_match(found.path)) {
                    return Ok(ControlFlow::Continue(()));
                }
                bytes += found.metadata.len();
                search(found, &pattern, &mut output)
            })?;
            Ok((output.finish("no match"), bytes))
        };
        context.tree()?.look_over(ResourceOperation::Read, look).await
    }
}

fn search(found: &Found<'_>, pattern: &Regex, output: &mut Bounded) -> io::Result<ControlFlow<()>> {
    let mut content = Vec::new();
    open_file(found.dir, found.name)?.take(MAX_SEARCHED_BYTES).read_to_end(&mut content)?;
    // What is not text has no lines to show.
    let Ok(text) = std::str::from_utf8(&content) else {
        return Ok(ControlFlow::Continue(()));
    };
    for (nth, line) in text.lines().enumerate() {
        if pattern.is_match(line) {
            let shown = line.get(..line.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default();
            let matched = format!("{}:{}: {shown}", found.path.display(), nth + 1);
            if output.push(&matched).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The schema of the folder to look over.
fn folder_path() -> Value {
    json!({"type": "string", "description": "a folder relative to the project; all of it if left out"})
}

/// The schema of the pattern that paths must match.
fn path_glob() -> Value {
    json!({"type": "string", "description": "only paths that match, such as src/**/*.rs"})
}

fn compile(input: &SearchInput) -> Result<Regex, ToolError> {
    let escaped = if input.regex { input.pattern.clone() } else { regex::escape(&input.pattern) };
    RegexBuilder::new(&escaped)
        .case_insensitive(input.ignore_case)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| ToolError::failed(format!("cannot read the pattern: {error}")))
}

fn compile_glob(pattern: &str) -> Result<GlobMatcher, ToolError> {
    if pattern.len() > MAX_GLOB_BYTES {
        let message = format!("cannot read the glob: it has more than {MAX_GLOB_BYTES} bytes");
        return Err(ToolError::failed(message));
    }
    let glob =
        Glob::new(pattern).map_err(|error| ToolError::failed(format!("cannot read the glob: {error}")))?;
    Ok(glob.compile_matcher())
}

/// Walks over the sandbox, or over a folder in it.
fn look_over(
    root: &Dir,
    path: Option<&str>,
    stop: &CancellationToken,
    visit: &mut dyn FnMut(&Found<'_>) -> io::Result<ControlFlow<()>>,
) -> Result<(), ToolError> {
    let path = path.filter(|path| !matches!(*path, "" | "." | "./"));
    let start = match path {
        Some(path) => root.open_dir(path).map_err(cannot("open", path))?,
        None => root.try_clone().map_err(cannot("open", "the sandbox"))?,
    };
    let at: PathBuf = path.map(|path| Path::new(path).components().collect()).unwrap_or_default();
    match (Walk { stop, known: &|_path| false, visit }).over(&start, &at) {
        Ok(_enough_or_all) => Ok(()),
        Err(WalkError::Stopped) => Err(ToolError::failed("it was stopped")),
        Err(WalkError::Io { path, source }) => Err(cannot("read", &path.display().to_string())(source)),
    }
}

/// Lines up to a number, and whether there were more.
struct Bounded {
    text: String,
    left: usize,
    is_cut: bool,
}

impl Bounded {
    fn new(wanted: Option<usize>, (usual, most): (usize, usize)) -> Self {
        let left = wanted.map_or(usual, |wanted| wanted.min(most));
        Self { text: String::new(), left, is_cut: false }
    }

    fn push(&mut self, line: &str) -> ControlFlow<()> {
        if self.left == 0 {
            self.is_cut = true;
            return ControlFlow::Break(());
        }
        self.left -= 1;
        writeln!(self.text, "{line}").expect("a String takes any text");
        ControlFlow::Continue(())
    }

    fn finish(mut self, nothing: &str) -> ToolOutput {
        if self.text.is_empty() && !self.is_cut {
            return ToolOutput::new(nothing);
        }
        if self.is_cut {
            self.text.push_str("(there is more)\n");
        }
        ToolOutput::new(self.text).with_truncated(self.is_cut)
    }
}
