//! The audit of a journal: its index, signed heads and proofs.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod catch_up;
mod hostile;
mod links;
mod model;
mod pages;
mod proof;
mod rebuild;
mod retention;
mod support;
mod under;
