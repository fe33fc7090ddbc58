//! Runs the program `agentbus` as a person would: its exit status, what it prints, what it leaves on disk.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;
mod journal_harness;

mod audit;
mod audit_kill;
mod bad_input;
mod checkpoint;
mod happy_run;
mod interrupt;
mod journal_append;
mod journal_bad_input;
mod journal_consumers;
mod journal_failing;
mod journal_kill;
mod journal_read;
mod journal_replay;
mod journal_run;
mod journal_strace;
mod journal_verify;
mod memory;

mod proof;
mod resume;
mod telemetry;
mod tour;
mod transcripts;
