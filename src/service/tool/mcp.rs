//! The tools of servers of the Model Context Protocol: [`McpServer`].
//!
//! A server is a child process that speaks on its standard streams ([`McpServer::spawn`]), or is reached over HTTP and
//! TLS ([`McpServer::connect`]). Its tools are [`Tool`]s like others: registered in a
//! [`ToolRuntime`](super::ToolRuntime), called under its safety profile, told by its events.
//!
//! # Promises
//! - A tool of a server is called `<server>__<tool>`. What a name of a tool may not hold becomes `_`; a name that was
//!   changed for that, or cut, ends in eight digits of the hash of the original, so that no two tools share one.
//! - The server is not trusted. What it says of itself is bounded: how many tools and pages, how long a message, a
//!   description, a schema, the name of a property, how many patterns, and 4 MiB for all its tools together. A tool that
//!   cannot be used is left out, and [`McpServer::rejected`] says why.
//! - Characters that nobody sees, or that turn others around, are shown as their escapes (`\u{202e}`) in descriptions,
//!   titles and errors. Where a schema demands them, in the name of a property or a value, the tool is left out. Results
//!   are passed on as they are.
//! - A tool counts as one that may change something, whatever the server says, unless
//!   [`McpOptions::trust_read_only_hints`] is set.
//! - A call that is cancelled, timed out or dropped is cancelled at the server by the protocol's notification. A child
//!   process that had not read so far is never told of the call: nothing of it is kept, and it is not done later. 256 calls
//!   of a server run at once; more wait for them, as long as they have time.
//! - A child process has a group and an environment of its own, as with [`RunCommand`](super::RunCommand), and like
//!   that it is **not confined**. The group is killed when the server is closed, and when the last of the handle and
//!   its tools is dropped; the process is waited for, so that it leaves no zombie.
//! - Headers, variables, arguments and URLs are in no debug output, log line, event or error of this client. Where the
//!   server says back the value of a header or a variable, given or inherited, in a result, an error, a description or
//!   what explains a schema, it is masked; a tool whose name or schema holds one elsewhere is left out. Not masked is
//!   what has fewer than 6 bytes, a single plain word or number of fewer than 16 (`issues`, `Production`, `300000`: who
//!   gives a key gives no such word), what was given by [`McpCommand::with_open_variable`], and the five variables that
//!   every server inherits.
//!
//! # When it goes wrong
//! A server that cannot be started, does not answer in time or answers nonsense is an [`McpError`] at the start. Later
//! it is a failed call: a line that is no JSON, an answer to something that was not asked and a message that is too
//! long are passed over, so that the call ends at its timeout; a server that has gone fails every call, with the
//! reason. A child process that asks and does not read the answers is not listened to while 64 of them wait, so that
//! calls end at their timeout. None is started again. An error that a tool reports is told to the model, its secrets masked, cut to 2000
//! bytes, and its beginning in the event.
//!
//! Of the protocol this is a client of tools: requests of the server (for sampling, elicitation, roots) are refused,
//! over HTTP the stream of its own messages is not opened, and a notice that its list of tools has changed changes
//! nothing: the tools are those of the start, and who wants others starts anew. The crate `rmcp`, which speaks the
//! protocol, logs what the server says of itself and its notifications at the level info, and messages at debug and
//! trace; whoever must not have them in a log leaves its target out.
//!
//! ```no_run
//! use agentbus::service::tool::ToolRuntime;
//! use agentbus::service::tool::mcp::{McpCommand, McpOptions, McpServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let command = McpCommand::new("my-file-server").with_arguments(["--root", "."]);
//! let files = McpServer::spawn("files", command, McpOptions::default()).await?;
//! let tools = ToolRuntime::new(None);
//! for tool in files.tools() {
//!     tools.register(tool)?;
//! }
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::model::{ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use rmcp::transport::Transport;

use super::spec::Tool;

mod backpressure;
mod connection;
mod endpoint;
mod error;
mod http;
mod listed;
mod listing;
mod process;
mod queue;
mod remote;
mod sent;

pub use endpoint::McpEndpoint;
pub use error::{McpError, McpToolError};
pub use process::McpCommand;

use connection::{Connection, Keeper};
use listing::Listing;
use process::Process;
use sent::Sent;

/// How long a name of a server may be: what is left of a tool's name is for the tool.
const MAX_SERVER_NAME: usize = 24;

/// What holds for a server and its tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpOptions {
    /// How long the start may take, from the process or the connection to the last page of tools: 30 s.
    pub start_timeout: Duration,
    /// How long one call may take; none for what the runtime grants.
    pub call_timeout: Option<Duration>,
    /// Whether a tool changes nothing because the server says so, and not that it destroys something: no.
    pub trust_read_only_hints: bool,
    /// How many tools a server may have: 512.
    pub max_tools: usize,
    /// How long a message of the server may be, in bytes: 4 MiB.
    pub max_message: usize,
}

impl Default for McpOptions {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(30),
            call_timeout: None,
            trust_read_only_hints: false,
            max_tools: 512,
            max_message: 4 << 20,
        }
    }
}

impl McpOptions {
    /// The same with another time for the start.
    #[must_use]
    pub fn with_start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// The same with a time of its own for each call.
    #[must_use]
    pub fn with_call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// The same, but a tool changes nothing if the server says so. Only for servers that are known.
    #[must_use]
    pub fn trust_read_only_hints(mut self) -> Self {
        self.trust_read_only_hints = true;
        self
    }

    /// The same with another number of tools at most.
    #[must_use]
    pub fn with_max_tools(mut self, tools: usize) -> Self {
        self.max_tools = tools;
        self
    }

    /// The same with another length of a message at most, in bytes.
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }
}

/// A server of the Model Context Protocol that was started or connected to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct McpServer {
    connection: Arc<Connection>,
    tools: Arc<[Arc<dyn Tool>]>,
    rejected: Arc<[McpToolError]>,
}

impl McpServer {
    /// Starts a server as a child process, and asks for its tools. `name` is what the names of its tools begin with:
    /// 1 to 24 of the characters a-z, A-Z, 0-9, `_`, `-`.
    ///
    /// # Errors
    /// [`McpError`] if it cannot be started, does not speak the protocol, or takes too long.
    ///
    /// # Cancel safety
    /// Dropped, the process and its group are killed.
    pub async fn spawn(name: &str, command: McpCommand, options: McpOptions) -> Result<Self, McpError> {
        check_server(name)?;
        // Before it starts, so that it is what the process is given.
        let sent = command.sent();
        let started = Process::start(name, &command, options.max_message);
        let (process, transport) =
            started.map_err(|source| McpError::Start { server: name.to_owned(), source })?;
        Self::start(name, transport, (Some(process), sent), options).await
    }

    /// Connects to a server over HTTP, and asks for its tools. `name` as with [`McpServer::spawn`].
    ///
    /// # Errors
    /// [`McpError`] if the endpoint is none, cannot be reached, does not speak the protocol, or takes too long.
    ///
    /// # Cancel safety
    /// Dropped, the connection is given up.
    pub async fn connect(name: &str, endpoint: McpEndpoint, options: McpOptions) -> Result<Self, McpError> {
        check_server(name)?;
        let sent = endpoint.sent();
        let transport = endpoint.open(name, options.max_message)?;
        Self::start(name, transport, (None, sent), options).await
    }

    async fn start<T: Transport<RoleClient> + 'static>(
        name: &str,
        transport: T,
        (process, sent): (Option<Process>, Sent),
        options: McpOptions,
    ) -> Result<Self, McpError> {
        let limit = options.start_timeout;
        let mut listing = Listing::new(name, options, sent.clone());
        let started = tokio::time::timeout(limit, async {
            let running = serve(name, transport).await?;
            listing.read(running.peer()).await?;
            Ok(running)
        });
        let started = started.await;
        let running = started.map_err(|_elapsed| McpError::TimedOut { server: name.to_owned(), limit })??;
        let connection = Arc::new(Connection::keep(name, sent, Keeper::new(running, process)));
        let (tools, rejected) = listing.tools(&connection);
        Ok(Self { connection, tools: tools.into(), rejected: rejected.into() })
    }

    /// What the names of its tools begin with.
    pub fn name(&self) -> &str {
        self.connection.server()
    }

    /// Its tools, for a [`ToolRuntime`](super::ToolRuntime), by name. Each keeps the server alive.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        self.tools.to_vec()
    }

    /// The tools that it has and that cannot be used, and why.
    pub fn rejected(&self) -> &[McpToolError] {
        &self.rejected
    }

    /// Ends the connection, and the process and its group. Later calls fail.
    ///
    /// # Cancel safety
    /// Dropped, it is ended all the same.
    pub async fn close(&self) {
        self.connection.close().await;
    }
}

fn check_server(name: &str) -> Result<(), McpError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=MAX_SERVER_NAME).contains(&name.len()) && name.chars().all(is_good) {
        return Ok(());
    }
    let reason = "a name has 1 to 24 of the characters a-z, A-Z, 0-9, _, -";
    Err(McpError::Setting { server: name.chars().take(64).collect(), setting: "name", reason })
}

/// Says hello.
async fn serve<T: Transport<RoleClient> + 'static>(
    server: &str,
    transport: T,
) -> Result<RunningService<RoleClient, ClientConfig>, McpError> {
    let mut client = ClientConfig::default();
    client.client_info = Implementation::new("agentbus", env!("CARGO_PKG_VERSION"));
    let refused = |reason| McpError::Handshake { server: server.to_owned(), reason };
    let running = client.serve(transport).await.map_err(|error| refused(hello_failed(&error)))?;
    let version = running.peer().peer_info().map(|info| info.protocol_version.clone());
    if !version.is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version)) {
        return Err(refused("it speaks a version of the protocol that is not known"));
    }
    Ok(running)
}

/// Why there is no connection, without what the server said.
fn hello_failed(error: &ClientInitializeError) -> &'static str {
    match error {
        ClientInitializeError::ConnectionClosed(_) => "it ended, or closed the connection",
        ClientInitializeError::TransportError { .. } => {
            "it cannot be reached, or answers no HTTP of the protocol"
        }
        ClientInitializeError::JsonRpcError(_) => "it refuses",
        _ => "its answer is none of the protocol",
    }
}
