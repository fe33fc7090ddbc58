//! What may be said to `memory`.

use std::path::PathBuf;

use agentbus::event::Text;
use clap::{Args, Subcommand};

#[derive(Clone, Debug, Args)]
pub(crate) struct MemoryArgs {
    #[command(subcommand)]
    pub(crate) verb: MemoryVerb,
}

/// What is to be done with memories.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MemoryVerb {
    /// Sets a memory: what is to be known later, under a key. What it was before stays in its history.
    ///
    /// At most 8 KiB. The folder is made if there is none.
    Set(SetArgs),

    /// Shows a memory.
    Get(KeyArgs),

    /// Lists memories by key, and files that are none with the reason.
    ///
    /// The exit status is 1 if there are such files. Nothing is written.
    List(ListArgs),

    /// Looks for a text in keys and summaries, in whatever case; the newest first.
    ///
    /// What there is no room for under --limit is counted: on stderr, with --json also by a last line, `left_out`.
    Search(SearchArgs),

    /// Deletes a memory, and its history with it.
    Rm(RemoveArgs),

    /// Shows what a memory was, the newest first: at most 32 revisions, and how many older ones were dropped.
    History(KeyArgs),
}

/// A folder of memories.
#[derive(Clone, Debug, Args)]
pub(crate) struct MemoryFolderArgs {
    /// The folder of the memories; no link.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where it is recorded what was done.
#[derive(Clone, Debug, Args)]
pub(crate) struct RecordArgs {
    /// The directory of the journal in which it is recorded what was done; it is made if there is none.
    ///
    /// Where it cannot be recorded it is done all the same, and the exit status is 1.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    pub(crate) of: MemoryFolderArgs,

    /// What it is found by: at most 256 bytes.
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: String,

    /// What is to be known; - reads it from stdin.
    #[arg(value_name = "SUMMARY", allow_hyphen_values = true)]
    pub(crate) summary: String,

    /// Who sets it.
    #[arg(long, value_name = "WHO", default_value = "command line")]
    pub(crate) author: Text,

    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    pub(crate) of: MemoryFolderArgs,

    /// What it is found by.
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    pub(crate) of: MemoryFolderArgs,

    /// What it is found by.
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: String,

    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) of: MemoryFolderArgs,

    /// Only those whose key begins so.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,

    /// Only those that were last set by that author.
    #[arg(long, value_name = "WHO")]
    pub(crate) author: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) of: MemoryFolderArgs,

    /// What is looked for.
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,

    /// At most so many, up to 1000.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}
