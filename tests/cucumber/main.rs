//! Runs the features: each area has its own world and steps; skipped and undefined steps fail.

#![expect(
    clippy::needless_pass_by_value,
    clippy::panic,
    reason = "cucumber hands parameters over by value, and a step fails by a panic"
)]

mod actor;
mod agent;
mod audit;
mod budget;
mod checkpoint;
mod context;
mod decision;
mod invariant;
mod journal_consumer;
mod live;
mod memory;
mod plan;
mod proof;
mod resource;
mod restore;
mod resume;
mod sandbox;
mod session;
mod telemetry;
mod told;
mod tool;
mod validation;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    if sandbox::has_committed().await {
        return ExitCode::SUCCESS;
    }
    // One after the other, so that their output does not mix.
    let passed = [
        live::run().await,
        plan::run().await,
        decision::run().await,
        resource::run().await,
        restore::run().await,
        invariant::run().await,
        session::run().await,
        budget::run().await,
        context::run().await,
        sandbox::run().await,
        tool::run().await,
        validation::run().await,
        actor::run().await,
        journal_consumer::run().await,
        audit::run().await,
        proof::run().await,
        checkpoint::run().await,
        memory::run().await,
        resume::run().await,
        telemetry::run().await,
    ];
    if passed.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
