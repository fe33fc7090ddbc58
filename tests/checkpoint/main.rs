//! Checkpoints of agent sessions, and memories: hostile folders, a model, many processes, processes that are killed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod hostile;
mod kill;
mod memory;
mod model;
mod processes;
mod support;
