//! agentbus beside its rivals: one model event, one pacing, one run.
//!
//! `benches/compare/run` builds and runs all of it. Every measurement is taken in turns (ours, a rival, ours, ...); the
//! median counts, and the quartiles stand beside it. Async is compared with async, inline with inline, a thread for
//! each consumer with a thread for each consumer. What a side lost stands beside what it delivered.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::needless_for_each,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, fails by a panic, and its numbers are small"
)]

use std::process::ExitCode;

mod args;
mod bench;
mod case;
mod docs;
mod journal;
mod key;
mod load;
mod machine;
mod measure;
pub mod model;
mod plot;
mod report;
mod rival;
mod tally;

/// Measures what the command line asks for, prints it and writes it where it is told to.
pub fn main() -> ExitCode {
    let args = match args::Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(fault) => {
            println!("{fault}: see benches/compare/run --help");
            return ExitCode::from(2);
        }
    };
    case::run(&args)
}
