//! Checkpoints of agent sessions: what an agent saves so that it, or its successor, can go on.

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the store that stands on it follows"))]
mod folder;

#[cfg(test)]
mod strike;

pub use folder::UnsafeReason;
