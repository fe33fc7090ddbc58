//! The journal: writing, reading, crashes.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic, and name files that the journal made"
)]

mod consumer;
mod crash;
mod cut;
mod disk;
mod follow;
mod format;
mod golden;
mod health;
mod missed;
mod power;
mod processes;
mod read;
mod replay;
mod retention;
mod storage;
mod support;
mod verify;
mod write;
