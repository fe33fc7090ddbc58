//! [`RunCommand`]: the built-in tool that runs a program in the sandbox's folder.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{cannot, parse, write_access};
use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::service::process::{DEFAULT_ENVIRONMENT, Invocation, run};
use crate::service::sandbox::Sandbox;

/// How much of each output of a command is kept, in bytes: the beginning and the end.
pub(super) const CAPTURE: usize = 32 << 10;

/// Runs a program with arguments, no shell, in the sandbox's folder.
///
/// **It is not confined.** What it runs can read, write and send whatever this process can; the folder is only where it
/// starts. Whoever does not trust what a model asks for denies it, or asks a person by an
/// [`Approval`](super::Approval).
///
/// What it writes goes past the resource service: it is told, as `resource.modified`, only while the files of the sandbox
/// are watched, by [`ResourceService::tree_of`](crate::service::resource::ResourceService::tree_of) and
/// [`Resource::watch`](crate::service::resource::Resource::watch).
///
/// The program gets no input, a process group of its own, and of the environment only `PATH`, `HOME`, `CARGO_HOME`,
/// `RUSTUP_HOME` and `RUSTUP_TOOLCHAIN`, unless [`RunCommand::with_environment`] says otherwise. `CARGO_TARGET_DIR` is
/// set to a folder of the sandbox, since two copies of a crate that share one can run each other's binaries. The group is
/// killed when the program ends and when the call does; what left the group, by `setsid`, lives on. A program that ends
/// with another status than 0 is a result that says so, not a failure of the tool.
///
/// Of each of its two outputs the first and the last 16 KiB are kept. If that leaves something out, the size that is
/// told is that of both outputs, and the hash that of the one it wrote to; if it wrote to both, that of the BLAKE3 hash
/// of its stdout followed by that of its stderr.
#[derive(Clone, Debug)]
pub struct RunCommand {
    environment: Vec<String>,
    timeout: Option<std::time::Duration>,
}

#[derive(Deserialize)]
struct CommandInput {
    command: Vec<String>,
    directory: Option<String>,
}

impl RunCommand {
    /// With the usual environment, and the time that the runtime grants.
    pub fn new() -> Self {
        Self { environment: DEFAULT_ENVIRONMENT.map(str::to_owned).to_vec(), timeout: None }
    }

    /// The same, but these variables are passed on and no others.
    #[must_use]
    pub fn with_environment(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.environment = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with that much time for a program.
    #[must_use]
    pub fn with_timeout(mut self, timeout: std::time::Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl Default for RunCommand {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for RunCommand {
    fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "command": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "the program and its arguments, such as [\"cargo\", \"test\"]",
                },
                "directory": {"type": "string", "description": "where to run it, relative to the project"},
            },
            "required": ["command"],
            "additionalProperties": false,
        });
        let description = "Runs a program, without a shell, and shows its exit status and what it wrote.";
        let spec = ToolSpec::new("run_command", description, parameters);
        match self.timeout {
            Some(timeout) => spec.with_timeout(timeout),
            None => spec,
        }
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let input: CommandInput = parse(input)?;
        let access = write_access(context)?;
        let invocation = invocation(access.sandbox(), input, &self.environment)?;
        let finished = run(&invocation).await.map_err(cannot("run", &invocation.program))?;
        drop(access);
        Ok(ToolOutput::of_command(&finished))
    }
}

fn invocation(
    sandbox: &Sandbox,
    input: CommandInput,
    environment: &[String],
) -> Result<Invocation, ToolError> {
    let mut words = input.command.into_iter();
    let program = words.next().filter(|program| !program.is_empty());
    let program = program.ok_or_else(|| ToolError::failed("the command is empty: name a program"))?;
    Ok(Invocation {
        program,
        arguments: words.collect(),
        directory: directory(sandbox, input.directory.as_deref())?,
        inherited: environment.to_vec(),
        target: sandbox.target(),
        capture: CAPTURE,
    })
}

/// The folder to start in: the sandbox's, or one in it. The handle refuses one outside.
fn directory(sandbox: &Sandbox, inside: Option<&str>) -> Result<PathBuf, ToolError> {
    let Some(inside) = inside.filter(|inside| !inside.is_empty()) else {
        return Ok(sandbox.tree());
    };
    let real = sandbox.dir().canonicalize(inside).map_err(cannot("run in", inside))?;
    Ok(sandbox.tree().join(real))
}
