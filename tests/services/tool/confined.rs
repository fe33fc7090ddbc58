//! The file tools, while somebody swaps folders and files for links that lead out, again and again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentbus::service::tool::{
    Tool, ToolCall, ToolContext, ToolError, ToolOutput, ToolRuntime, ToolSpec, built_in,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::World;

/// What stands in the files outside, and nowhere else.
const SECRET: &str = "hunter2";

/// A sandbox with a folder `dir` and a file `file`, and a place outside that a swapped link leads to.
struct Siege {
    /// Holds the sandbox.
    _world: World,
    context: ToolContext,
    outside: TempDir,
    inside: PathBuf,
}

impl Siege {
    async fn begin() -> Self {
        let world = World::new();
        let sandbox = world.sandbox().await;
        let (inside, outside) = (sandbox.tree(), tempfile::tempdir().unwrap());
        fs::create_dir(inside.join("dir")).unwrap();
        fs::write(inside.join("dir/mine"), "mine\n").unwrap();
        fs::write(inside.join("file"), "mine\n").unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        fs::write(outside.path().join("mine"), SECRET).unwrap();
        Self { _world: world, context: ToolContext::in_sandbox(sandbox), outside, inside }
    }

    /// Swaps until told to stop.
    fn swap(&self, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
        let (inside, outside, stop) = (self.inside.clone(), self.outside.path().to_owned(), stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                swap_once(&inside.join("dir"), &outside);
                swap_once(&inside.join("file"), &outside.join("secret"));
            }
        })
    }

    /// One round of calls; what of the outside was told.
    async fn round(&self, tools: &ToolRuntime, nth: usize) -> Option<String> {
        let mut told = None;
        for (tool, input) in [
            ("write_file", json!({"path": format!("dir/new-{nth}"), "content": "x"})),
            ("write_file", json!({"path": "file", "content": "mine\n"})),
            ("replace_in_file", json!({"path": "file", "old": SECRET, "new": "gotcha"})),
            ("replace_in_file", json!({"path": "dir/mine", "old": SECRET, "new": "gotcha"})),
            ("read_file", json!({"path": "file"})),
            ("read_file", json!({"path": "dir/secret"})),
            ("delete_file", json!({"path": "dir/secret"})),
            ("list_files", json!({"path": "dir"})),
            ("search_files", json!({"path": "dir", "pattern": SECRET})),
            ("search_files", json!({"pattern": SECRET})),
        ] {
            let called = tools.call(ToolCall::new(tool, input), &self.context).await;
            let output = called.map(|result| result.output).unwrap_or_default();
            // Of a link itself its target may be told, which lies outside.
            let lines: Vec<_> = output.lines().filter(|line| !line.contains(" -> ")).collect();
            if lines.iter().any(|line| line.contains(SECRET) || line.ends_with("secret")) {
                told = Some(format!("{tool}: {output}"));
            }
        }
        told
    }

    /// What was changed outside.
    fn changed(&self) -> Option<String> {
        let mut names: Vec<_> = fs::read_dir(self.outside.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let is_whole =
            |name| fs::read_to_string(self.outside.path().join(name)).is_ok_and(|text| text == SECRET);
        let is_same = names == ["mine", "secret"] && is_whole("mine") && is_whole("secret");
        (!is_same).then(|| format!("{names:?}"))
    }

    /// How many rounds it takes to read or change something outside; none in so many.
    async fn falls_in(&self, tools: &ToolRuntime, rounds: usize) -> Option<String> {
        let stop = Arc::new(AtomicBool::new(false));
        let swapping = self.swap(&stop);
        let mut fallen = None;
        for nth in 0..rounds {
            fallen = self.round(tools, nth).await.or_else(|| self.changed());
            if fallen.is_some() {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        swapping.join().unwrap();
        fallen
    }
}

/// Puts a link to `outside` in the place of `at`, and back. A call in the middle may make either anew, so that a step
/// fails; the next round mends it.
fn swap_once(at: &Path, outside: &Path) {
    let aside = at.with_extension("aside");
    let is_swapped = fs::rename(at, &aside).is_ok() && symlink(outside, at).is_ok();
    std::thread::yield_now();
    let is_mended = is_swapped && fs::remove_file(at).is_ok() && fs::rename(&aside, at).is_ok();
    if !is_mended {
        // Nothing of it lies outside: links are removed, not followed.
        if fs::symlink_metadata(at).is_ok_and(|metadata| metadata.is_dir()) {
            drop(fs::remove_dir_all(at));
        } else {
            drop(fs::remove_file(at));
        }
        drop(fs::rename(&aside, at));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_read_or_changed_while_links_are_swapped_in() {
    let siege = Siege::begin().await;
    let tools = ToolRuntime::new(None);
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    assert_eq!(siege.falls_in(&tools, 150).await, None);
}

/// A file tool that joins paths and looks before it leaps.
#[derive(Debug)]
struct Naive(&'static str);

#[async_trait]
impl Tool for Naive {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "Joins paths.", json!({}))
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let tree = context.sandbox()?.tree().canonicalize().unwrap();
        let path = tree.join(input["path"].as_str().unwrap_or_default());
        let failed = |error: std::io::Error| ToolError::failed(error.to_string());
        let folder = path.parent().expect("it lies in the sandbox").canonicalize().map_err(failed)?;
        if !folder.starts_with(&tree) || path.is_symlink() {
            return Err(ToolError::refused("it leads out of the sandbox"));
        }
        let text = match self.0 {
            "read_file" => fs::read_to_string(&path).map_err(failed)?,
            _ => fs::write(&path, "x").map(|()| String::new()).map_err(failed)?,
        };
        Ok(ToolOutput::new(text))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_looks_before_it_leaps_is_caught_by_the_same() {
    let siege = Siege::begin().await;
    let tools = ToolRuntime::new(None);
    for name in ["read_file", "write_file"] {
        tools.register(Arc::new(Naive(name))).unwrap();
    }
    assert!(siege.falls_in(&tools, 100_000).await.is_some());
}
