//! Nothing that must not be told leaves the process, and nothing else is masked.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod kinds;
mod secrets;
mod sinks;
