//! What may be said on the command line.

use std::path::PathBuf;

use agentbus::event::SessionId;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) mod audit;
pub(crate) mod checkpoint;
pub(crate) mod gc;
pub(crate) mod journal;
mod key;
pub(crate) mod memory;
pub(crate) mod proof;
pub(crate) mod telemetry;
mod value;

pub(crate) use key::KeyGrant;

use journal::JournalVerb;

/// Runs tasks with an agent, shows the events of their runs, and keeps them in journals.
#[derive(Debug, Parser)]
#[command(name = "agentbus", version, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    /// Make the tags of masks, such as [redacted:3f1c0a9be52d], under the secret key in this file, so that equal secrets
    /// have equal tags in all runs with it; without, only within one.
    ///
    /// It is one as `keys new` makes them, best not one that signs. Who has it can try guesses against a tag.
    #[arg(long, global = true, value_name = "KEY", help_heading = "Global options")]
    pub(crate) tag_key: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs a task: takes its plan through all phases and prints the events as they happen.
    ///
    /// The project of the task is worked on in a sandbox and never touched, unless --write-back says so: the
    /// result is a copy of it. The exit status is 0 if the plan was applied, 1 if the run ended otherwise (and
    /// the last line on stderr says how) or an event could not be printed as JSON, 2 if the input was bad. Ctrl-C
    /// cancels the run; a second one ends it at once, and its processes with it.
    ///
    /// With --checkpoints a run that is killed, or fails, goes on by --resume: with its plan, decisions and budget,
    /// from the attempt or phase that it was in. A run that was cancelled is given up.
    Run(RunArgs),

    #[command(flatten)]
    Journal(JournalVerb),
}

/// How a task is to be run.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// The folder of the task: it holds task.toml.
    ///
    /// Its actor is played by a recording (`transcript = "FILE"`) or, in a build with the feature `openai`, by a
    /// model behind an endpoint of chat completions (`[actor.endpoint]` with `url`, and if wanted `key_variable`,
    /// `timeout_s`, `retries`, `temperature`, `max_output_tokens`).
    pub(crate) task: PathBuf,

    /// A folder of your own to work on, in place of the task's project; it is copied.
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,

    /// Lets the task send the key in this variable of the environment to this origin, an endpoint's.
    ///
    /// A task file may come from anybody: without this no key is sent, whatever it says.
    #[arg(long, value_name = "VARIABLE=ORIGIN")]
    pub(crate) send_key: Vec<KeyGrant>,

    /// Where the result goes: a folder that is new or empty [default: a fresh temporary one].
    #[arg(long, value_name = "DIR", conflicts_with = "write_back")]
    pub(crate) output: Option<PathBuf>,

    /// Commit into the project itself instead of a copy of it.
    #[arg(long)]
    pub(crate) write_back: bool,

    /// The bus that the run announces its events on; the outcome is the same with each.
    #[arg(long, value_enum, default_value_t = BusKind::Reactive)]
    pub(crate) bus: BusKind,

    /// A directory in which the events are recorded; it is made if there is none. With the reactive bus only.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,

    /// Sign the heads of that journal with the secret key in this file: every 1,000 events, every five minutes, and at
    /// the end.
    #[arg(long, value_name = "KEY", requires = "journal")]
    pub(crate) sign_with: Option<PathBuf>,

    /// A folder in which the run saves how far it has come, to go on from there if it is killed; it is made if there
    /// is none. Until the run has ended well, what it works on is kept there too, and what was said, without secrets
    /// that are known as such.
    #[arg(long, value_name = "DIR", requires = "journal")]
    pub(crate) checkpoints: Option<PathBuf>,

    /// Go on with the run of this session, that was killed or failed, from the newest checkpoint of it.
    ///
    /// The task, the journal and the folder of checkpoints have to be those of the run. It goes on where it worked
    /// before.
    #[arg(
        long,
        value_name = "SESSION",
        requires = "checkpoints",
        requires = "journal",
        conflicts_with_all = ["project", "output", "write_back"]
    )]
    pub(crate) resume: Option<SessionId>,

    /// A file for what the plans and their decisions came to, as JSON; it is made or replaced when the run has ended.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Print each event as one line of JSON on stdout, and nothing else there.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BusKind {
    /// In the process, with streams; they are printed as a timeline.
    Reactive,
    /// A log line on stderr for each event; the variable `RUST_LOG` chooses which.
    Logging,
    /// No bus at all.
    None,
}
