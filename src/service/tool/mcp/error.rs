//! What can go wrong with a server: [`McpError`], and with one of its tools: [`McpToolError`].

use std::io;
use std::time::Duration;

/// Why there is no server. It never says a URL, a header, a variable, or what the server said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// A setting has a value that it cannot have.
    #[error("cannot use the MCP server {server:?} with this {setting}: {reason}")]
    Setting {
        /// The server.
        server: String,
        /// Which.
        setting: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Its process cannot be started, or the certificates that `https` needs cannot be read.
    #[error("cannot start the MCP server {server}")]
    Start {
        /// The server.
        server: String,
        /// Why.
        source: io::Error,
    },
    /// It does not speak the protocol, or not as it should.
    #[error("cannot speak to the MCP server {server}: {reason}")]
    Handshake {
        /// The server.
        server: String,
        /// Why.
        reason: &'static str,
    },
    /// It did not answer in time.
    #[error("the MCP server {server} did not start within {} s", limit.as_secs_f64())]
    TimedOut {
        /// The server.
        server: String,
        /// How long it might take.
        limit: Duration,
    },
    /// It does not tell its tools.
    #[error("cannot list the tools of the MCP server {server}: {reason}")]
    Listing {
        /// The server.
        server: String,
        /// Why.
        reason: &'static str,
    },
    /// It tells more than is read.
    #[error("the MCP server {server} has more than {limit} {what}")]
    TooMany {
        /// The server.
        server: String,
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
}

/// Why a tool of a server cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the tool {tool:?} of the MCP server {server}: {reason}")]
#[non_exhaustive]
pub struct McpToolError {
    /// The server.
    pub server: String,
    /// The tool, as the server names it; its first 64 characters.
    pub tool: String,
    /// Why.
    pub reason: String,
}
