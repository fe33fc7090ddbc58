//! What is told about calls of tools.

use super::wire::{details, wire_enum};
use super::{Brief, CallId, Hash, Text};

wire_enum! {
    /// Why a call of a tool gave no result.
    ToolErrorKind {
        /// It was not allowed, there is no such tool, or a path led out of the sandbox.
        Refused = "refused",
        /// Its input was not what the tool takes.
        Schema = "schema",
        /// The tool failed.
        Failed = "failed",
        /// It took too long.
        Timeout = "timeout",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// The tool panicked.
        Panicked = "panicked",
    }
}

details! {
    /// A tool was called: the checks are passed, the first attempt begins.
    ToolInvoked {
        /// The tool.
        tool: Text,
        /// The call.
        call_id: CallId,
        /// The hash of its input.
        input_hash: Hash,
        /// How long its input is, in bytes.
        input_bytes: u64,
        /// Whether the tool changes nothing.
        read_only: bool,
    }

    /// A call of a tool succeeded.
    ToolCompleted {
        /// The tool.
        tool: Text,
        /// The call.
        call_id: CallId,
        /// How many attempts it took.
        attempts: u32,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// How long its whole output is, in bytes.
        output_bytes: u64,
        /// The hash of its whole output.
        output_hash: Hash,
        /// Whether its output was cut before it was passed on.
        truncated: bool,
    }

    /// A call of a tool was refused, failed, timed out or was cancelled.
    ToolErrored {
        /// The tool.
        tool: Text,
        /// The call.
        call_id: CallId,
        /// What happened.
        error: Brief,
        /// Why there is no result.
        error_kind: ToolErrorKind,
        /// How many attempts were made; 0 if it was refused.
        attempts: u32,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// A call of a tool is about to be tried again.
    ToolRetried {
        /// The tool.
        tool: Text,
        /// The call.
        call_id: CallId,
        /// The attempt to come, from 2.
        attempt: u32,
        /// How many attempts there may be.
        max_attempts: u32,
        /// What the last one failed with.
        error: Brief,
        /// How long it waits before, in milliseconds.
        delay_ms: u64,
    }
}
