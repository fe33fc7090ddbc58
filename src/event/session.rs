//! What is told about sessions.

use super::wire::{details, wire_enum};
use super::{Brief, Hash, MessageId};

wire_enum! {
    /// Who speaks in a message.
    MessageRole {
        /// A person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// The runtime.
        System = "system",
        /// A tool, with a result.
        Tool = "tool",
    }
}

details! {
    /// A session was created.
    SessionCreated {
        /// Whether it came from an export.
        imported: bool,
        @optional
        /// What it is called.
        title: Brief,
    }

    /// A message was appended to a session.
    SessionMessageSent {
        /// The message.
        message_id: MessageId,
        /// Its number within the session, from 1 without gaps.
        sequence: u64,
        /// Who speaks.
        role: MessageRole,
        /// How long it is, in bytes.
        bytes: u64,
        /// How long it is, in tokens, as estimated.
        tokens: u64,
        /// The hash of its content.
        content_hash: Hash,
    }
}
