//! [`McpCommand`], and a server that runs as a child process.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use rmcp::service::RoleClient;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::backpressure::Backpressure;
use super::queue::Queue;
use super::sent::Sent;
use crate::service::process::{DEFAULT_ENVIRONMENT, Group, inherit};

/// A program that is a server on its standard streams.
///
/// It sees of the environment only `PATH`, `HOME`, `CARGO_HOME`, `RUSTUP_HOME` and `RUSTUP_TOOLCHAIN`, unless
/// [`McpCommand::with_environment`] says otherwise, and the variables it is given. Its debug output shows neither
/// arguments nor values.
#[derive(Clone)]
pub struct McpCommand {
    program: String,
    arguments: Vec<String>,
    directory: Option<PathBuf>,
    environment: Vec<String>,
    variables: Vec<(String, String)>,
    /// Of the variables, those that anybody may hear.
    open: BTreeSet<String>,
}

impl McpCommand {
    /// A program without arguments, in the working directory of this process.
    pub fn new(program: impl Into<String>) -> Self {
        let environment = DEFAULT_ENVIRONMENT.map(str::to_owned).to_vec();
        Self {
            program: program.into(),
            arguments: Vec::new(),
            directory: None,
            environment,
            variables: Vec::new(),
            open: BTreeSet::new(),
        }
    }

    /// The same with these arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// The same in another directory.
    #[must_use]
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The same, but these variables of the environment are passed on and no others. Their values are masked like those
    /// of [`McpCommand::with_variable`], except of the five that are passed on anyway.
    #[must_use]
    pub fn with_environment(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.environment = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with a variable of its own, such as a key. Where the server says its value back, that is masked, if it
    /// has at least 6 bytes, and at least 16 if it is a single plain word or number.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.open.remove(&name);
        self.variables.push((name, value.into()));
        self
    }

    /// The same with a variable of its own that anybody may hear, such as a path: its value is not masked.
    #[must_use]
    pub fn with_open_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.open.insert(name.clone());
        self.variables.push((name, value.into()));
        self
    }

    /// What it is told that nobody else may hear, as the environment is now.
    pub(super) fn sent(&self) -> Sent {
        self.sent_of(|name| std::env::var_os(name))
    }

    fn sent_of(&self, inherited: impl Fn(&str) -> Option<OsString>) -> Sent {
        let closed = self.variables.iter().filter(|(name, _value)| !self.open.contains(name));
        let is_own = |name: &String| self.variables.iter().any(|(own, _value)| own == name);
        let handed_on = self.environment.iter().filter(|name| {
            // What is told by the five is where programs are.
            !DEFAULT_ENVIRONMENT.contains(&name.as_str()) && !is_own(name)
        });
        let handed_on: Vec<_> = handed_on.filter_map(|name| inherited(name)).collect();
        let handed_on: Vec<_> = handed_on.iter().map(|value| value.to_string_lossy()).collect();
        Sent::new(closed.map(|(_name, value)| value.as_str()).chain(handed_on.iter().map(|value| &**value)))
    }
}

impl fmt::Debug for McpCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<_> = self.variables.iter().map(|(name, _value)| name).collect();
        f.debug_struct("McpCommand")
            .field("program", &self.program)
            .field("directory", &self.directory)
            .field("environment", &self.environment)
            .field("variables", &variables)
            .finish_non_exhaustive()
    }
}

pub(super) type Pipes = Backpressure<Queue<AsyncRwTransport<RoleClient, ChildStdout, ChildStdin>>>;

/// The process of a server. Dropped, its group is killed; a thread waits for it, so that it leaves no zombie.
#[derive(Debug)]
pub(super) struct Process {
    /// Ends with the process, and kills what is left of its group.
    pub(super) ended: JoinHandle<io::Result<ExitStatus>>,
    _group: Group,
    _drained: AbortOnDropHandle<()>,
}

impl Process {
    /// Starts it. A message of it may have so many bytes.
    pub(super) fn start(server: &str, command: &McpCommand, limit: usize) -> io::Result<(Self, Pipes)> {
        let mut starting = Command::new(&command.program);
        starting.args(&command.arguments);
        if let Some(directory) = &command.directory {
            starting.current_dir(directory);
        }
        starting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inherit(&mut starting, &command.environment);
        starting.envs(command.variables.iter().map(|(name, value)| (name, value)));
        let (group, mut child) = Group::spawn(&mut starting)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ended = tokio::task::spawn_blocking(group.waiter(child));
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("the streams of the process are not piped"));
        };
        let (stdin, stdout) = (ChildStdin::from_std(stdin)?, ChildStdout::from_std(stdout)?);
        let drained = tokio::spawn(drain(server.to_owned(), ChildStderr::from_std(stderr)?));
        let transport = AsyncRwTransport::new_client(stdout, stdin).with_max_line_length(limit);
        let drained = AbortOnDropHandle::new(drained);
        Ok((Self { ended, _group: group, _drained: drained }, Backpressure::new(Queue::new(transport))))
    }
}

/// Reads what the server writes for people, so that it never waits for a reader. Only how much is logged.
async fn drain(server: String, mut stderr: ChildStderr) {
    let mut buffer = vec![0; 4096];
    while let Ok(bytes @ 1..) = stderr.read(&mut buffer).await {
        tracing::debug!(target: "agentbus::tool", server, bytes, "mcp_server_wrote");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_handed_on_is_kept_from_others_unless_it_is_given_openly() {
        let inherited = |name: &str| Some(format!("value-of-{name}").into());
        let command = McpCommand::new("server").with_environment(["PATH", "KEY", "PLACE", "ABSENT"]);
        let sent = command
            .with_open_variable("PLACE", "/srv")
            .sent_of(|name| if name == "ABSENT" { None } else { inherited(name) });
        assert!(sent.is_in("it is value-of-KEY."));
        for open in ["value-of-PATH", "value-of-PLACE", "value-of-ABSENT", "/srv"] {
            assert!(!sent.is_in(open), "{open}");
        }
    }
}
