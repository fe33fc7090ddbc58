//! The command line: what it may be told, and what it answers with.
//!
//! The exit status is 0 if what was asked for came about, 1 if it ended otherwise, and 2 if the input was bad.
//! Events, or the timeline of them, go to stdout; how it ended, and what went wrong, to stderr.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod bus;
mod destination;
mod escape;
mod interrupt;
mod log;
mod report;
mod run;
mod summary;
mod task;
mod timeline;

use args::{CommandLine, Verb};

/// The run ended otherwise than asked for, or not every event could be printed as JSON.
const EXIT_NOT_APPLIED: u8 = 1;

/// The input was bad: nothing was begun.
const EXIT_BAD_INPUT: u8 = 2;

/// Does what the arguments of the program ask for.
pub(crate) fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(CommandLine { verb: Verb::Run(args) }) => run::main(&args),
        Err(answer) => {
            // Where not even this can be printed, the exit status says it.
            drop(answer.print());
            ExitCode::from(if answer.use_stderr() { EXIT_BAD_INPUT } else { 0 })
        }
    }
}
