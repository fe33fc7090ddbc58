//! What a call came to: [`ToolResult`], or [`ToolFailure`].

use std::time::Duration;

use crate::event::{CallId, Hash, ToolErrorKind};

/// What a call of a tool gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolResult {
    /// The call.
    pub call_id: CallId,
    /// The output, cut at the limit.
    pub output: String,
    /// Whether a part of the output is missing.
    pub truncated: bool,
    /// How long the whole output is, in bytes.
    pub bytes: u64,
    /// The hash of the whole output.
    pub hash: Hash,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long it took.
    pub duration: Duration,
}

/// Why a call of a tool gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot call {tool}: {message}")]
#[non_exhaustive]
pub struct ToolFailure {
    /// The name that was asked for.
    pub tool: String,
    /// The call.
    pub call_id: CallId,
    /// What kind of failure it is.
    pub kind: ToolErrorKind,
    /// What happened.
    pub message: String,
    /// How many attempts were made; 0 if it was refused.
    pub attempts: u32,
}
