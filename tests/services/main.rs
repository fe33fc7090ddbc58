//! The services, through their public interface and a bus that records; some against small models of them: random
//! operations, of which those refused change nothing and tell nothing, and the others tell exactly what they must.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod actor;
mod budget;
mod budget_at_once;
mod children;
mod context;
mod decision;
mod invariant;
mod machines;
mod other_plan;
mod plan;
mod resource;
mod restore;
mod sandbox;
mod session;
mod snapshot;
mod support;
mod tool;
mod transcript;
mod unaffected;
mod validation;
