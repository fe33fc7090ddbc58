//! [`Listing`]: the tools that a server tells, bounded and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::PaginatedRequestParams;
use rmcp::service::{Peer, RoleClient, ServiceError};

use super::super::spec::{Tool, ToolSpec};
use super::connection::Connection;
use super::listed::Listed;
use super::remote::RemoteTool;
use super::sent::Sent;
use super::{McpError, McpOptions, McpToolError};
use crate::event::Hash;
use crate::service::blocking::blocking;

/// How many pages of tools are read.
const MAX_PAGES: usize = 100;

/// The longest name of a tool.
const MAX_NAME: usize = 64;

/// How many patterns the schemas of a server have at most.
const MAX_PATTERNS: usize = 512;

/// How many bytes the tools of a server have together at most: what they are called there, and what a model is shown.
const MAX_BYTES: usize = 4 << 20;

/// How much of a name of a server's tool is told, in characters.
const MAX_TOLD_NAME: usize = 64;

/// What a server tells of its tools.
pub(super) struct Listing<'a> {
    server: &'a str,
    options: McpOptions,
    sent: Sent,
    /// By their names here: what they are called there, and what they are.
    good: BTreeMap<String, (String, ToolSpec)>,
    rejected: Vec<McpToolError>,
    /// How many patterns the good ones have.
    patterns: usize,
    /// How many bytes the good ones have.
    bytes: usize,
}

impl<'a> Listing<'a> {
    pub(super) fn new(server: &'a str, options: McpOptions, sent: Sent) -> Self {
        Self { server, options, sent, good: BTreeMap::new(), rejected: Vec::new(), patterns: 0, bytes: 0 }
    }

    /// Reads all pages.
    pub(super) async fn read(&mut self, peer: &Peer<RoleClient>) -> Result<(), McpError> {
        let mut cursor = None;
        for _page in 0..MAX_PAGES {
            let mut asked = PaginatedRequestParams::default();
            asked.cursor = cursor;
            let page = peer.list_tools(Some(asked)).await.map_err(|error| McpError::Listing {
                server: self.server.to_owned(),
                reason: list_failed(&error),
            })?;
            if self.good.len() + self.rejected.len() + page.tools.len() > self.options.max_tools {
                return Err(self.too_many("tools", self.options.max_tools));
            }
            let sent = self.sent.clone();
            // What compiles a schema takes as long as the server wants it to, within bounds.
            let read = blocking(move |stop| {
                let read = page.tools.into_iter().take_while(|_tool| !stop.is_cancelled());
                read.map(|tool| Listed::read(tool, &sent)).collect::<Vec<_>>()
            });
            for read in read.await {
                match read {
                    Ok(listed) => self.take(listed),
                    Err((told, reason)) => self.reject(&told, &reason),
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(self.too_many("pages of tools", MAX_PAGES))
    }

    fn too_many(&self, what: &'static str, limit: usize) -> McpError {
        McpError::TooMany { server: self.server.to_owned(), what, limit }
    }

    fn take(&mut self, listed: Listed) {
        let Listed { told, description, parameters, is_read_only, patterns } = listed;
        let name = local_name(self.server, &told);
        if self.good.contains_key(&name) {
            return self.reject(&told, "there is one of that name");
        }
        let mut spec = ToolSpec::new(name.as_str(), description, parameters);
        let (patterns, bytes) = (self.patterns + patterns, self.bytes + told.len() + spec.bytes());
        let too_many =
            [(patterns, MAX_PATTERNS, "patterns"), (bytes, MAX_BYTES, "bytes of names and schemas")];
        if let Some((_has, most, what)) = too_many.into_iter().find(|(has, most, _what)| has > most) {
            return self.reject(&told, &format!("with it the server would have more than {most} {what}"));
        }
        (self.patterns, self.bytes) = (patterns, bytes);
        if self.options.trust_read_only_hints && is_read_only {
            spec = spec.read_only();
        }
        if let Some(timeout) = self.options.call_timeout {
            spec = spec.with_timeout(timeout);
        }
        self.good.insert(name, (told, spec));
    }

    fn reject(&mut self, told: &str, reason: &str) {
        let told = self.sent.mask(told);
        let (tool, reason) =
            (told.chars().take(MAX_TOLD_NAME).collect(), self.sent.mask(reason).into_owned());
        let rejected = McpToolError { server: self.server.to_owned(), tool, reason };
        tracing::warn!(target: "agentbus::tool", server = self.server, %rejected, "mcp_tool_rejected");
        self.rejected.push(rejected);
    }

    /// What can be called, and what was left out.
    pub(super) fn tools(self, connection: &Arc<Connection>) -> (Vec<Arc<dyn Tool>>, Vec<McpToolError>) {
        let tools = self.good.into_values().map(|(told, spec)| -> Arc<dyn Tool> {
            Arc::new(RemoteTool::new(Arc::clone(connection), told, spec))
        });
        (tools.collect(), self.rejected)
    }
}

fn list_failed(error: &ServiceError) -> &'static str {
    match error {
        ServiceError::McpError(_) => "it refuses",
        ServiceError::TransportSend(_) | ServiceError::TransportClosed => {
            "it ended, or closed the connection"
        }
        _ => "its answer is none of the protocol",
    }
}

/// What a tool of a server is called here.
fn local_name(server: &str, told: &str) -> String {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let kept: String = told.chars().map(|c| if is_good(c) { c } else { '_' }).collect();
    let name = format!("{server}__{kept}");
    if kept == told && !told.is_empty() && name.len() <= MAX_NAME {
        return name;
    }
    let hash = Hash::of(told).to_string();
    let ending = hash.get(..8).unwrap_or(&hash);
    // All of it is ASCII.
    let beginning = name.get(..name.len().min(MAX_NAME - ending.len() - 1)).unwrap_or(&name);
    format!("{beginning}_{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_where_it_can_be_and_else_made_anew_without_meeting_another() {
        assert_eq!(local_name("files", "read_file"), "files__read_file");
        let made: Vec<_> =
            ["a.b", "a/b", "a_b", "", "\u{1b}[2J", "é"].map(|told| local_name("s", told)).into();
        let long = [local_name("s", &"x".repeat(64)), local_name("s", &"x".repeat(65))];
        let all: std::collections::BTreeSet<_> = made.iter().chain(&long).collect();
        assert_eq!(all.len(), 8, "{all:?}");
        for name in all {
            assert!(name.len() <= MAX_NAME && name.starts_with("s__"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')), "{name}");
        }
        assert_eq!(local_name("s", "a.b"), local_name("s", "a.b"));
    }
}
