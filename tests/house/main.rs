//! What holds of the house itself: its floors, its emission sites, and documents that are made from code.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod docs;
mod emissions;
mod layering;
