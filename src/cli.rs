//! The command line: what it may be told, and what it answers with.
//!
//! The exit status is 0 if what was asked for came about, 1 if it ended otherwise, and 2 if the input was bad.
//! Events, or the timeline of them, and answers go to stdout; how it ended, and what went wrong, to stderr. Where
//! stdout is a pipe that nobody reads any more, what only reads ends in peace.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use agentbus::Redactor;
use agentbus::audit::proof::{KeyError, SecretKey};
use clap::Parser as _;

mod args;
mod bus;
mod destination;
mod escape;
mod interrupt;
mod journal;
mod log;
mod regular;
mod report;
mod run;
mod state;
mod summary;
mod task;
mod timeline;
mod wait;

use args::{CommandLine, Verb};
use escape::Escaped;
use report::{complain, with_causes};

/// What was asked for did not come about, or not whole: a run that was not applied, a line that was not recorded, a
/// journal that is damaged.
const EXIT_NOT_DONE: u8 = 1;

/// The input was bad: nothing was begun.
const EXIT_BAD_INPUT: u8 = 2;

/// Does what the arguments of the program ask for.
pub(crate) fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(CommandLine { tag_key, verb }) => match tag_key.as_deref().map_or(Ok(()), take_tag_key) {
            Ok(()) => begin(verb),
            Err(error) => {
                complain(&with_causes(&error));
                ExitCode::from(EXIT_BAD_INPUT)
            }
        },
        Err(answer) => {
            // Where not even this can be printed, the exit status says it.
            if !answer.use_stderr() {
                drop(answer.print());
                return ExitCode::SUCCESS;
            }
            // It says what was given, which may be a secret in the wrong place.
            drop(write!(anstream::stderr(), "{}", Redactor::new().redact_text(&said(&answer))));
            ExitCode::from(EXIT_BAD_INPUT)
        }
    }
}

fn begin(verb: Verb) -> ExitCode {
    match verb {
        Verb::Run(args) => run::main(&args),
        Verb::Journal(verb) => journal::main(verb),
    }
}

/// Lets all redactors make their tags under the key in that file; there was none before.
fn take_tag_key(file: &Path) -> Result<(), KeyError> {
    SecretKey::read(file).map(|key| {
        let _is_first = Redactor::give_process_tag_key(key.tag_key());
    })
}

/// What is said of arguments: in colour, unless one holds something that a terminal would act on, which is escaped.
fn said(answer: &clap::Error) -> String {
    let is_plain = |text: &str| Escaped(text).to_string() == text;
    if std::env::args_os().all(|arg| is_plain(&arg.to_string_lossy())) {
        return answer.render().ansi().to_string();
    }
    let plain = answer.render().to_string();
    plain.lines().map(|line| Escaped(line).to_string() + "\n").collect()
}
