//! Runs the program `agentbus` as a person would: its exit status, what it prints, what it leaves on disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod bad_input;
mod happy_run;
mod interrupt;
mod transcripts;
