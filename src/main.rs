//! `agentbus`, the command line: it runs a task with an agent and shows what happens on the bus.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
