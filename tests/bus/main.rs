//! The bus from outside: the contract over every implementation, order, loss, the ledger, nesting, shutdown.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod contract;
mod foreign;
mod handlers;
mod ledger;
mod logging;
mod order;
mod outbox;
mod shutdown;
mod streams;

use agentbus::DomainEvent;
use agentbus::event::{SessionCreated, ToolErrorKind, ToolErrored};

/// An event that travels among the chatter.
fn chatter() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

/// An event that is critical.
fn critical() -> DomainEvent {
    DomainEvent::new(ToolErrored::new("tool", "call", "failed", ToolErrorKind::Failed, 1, 0))
}
