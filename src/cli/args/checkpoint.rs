//! What may be said to `checkpoint`.

use std::path::PathBuf;
use std::time::Duration;

use agentbus::event::{SessionId, Text};
use clap::{Args, Subcommand, ValueEnum};

use super::value;

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckpointArgs {
    #[command(subcommand)]
    pub(crate) verb: CheckpointVerb,
}

/// What is to be done with the checkpoints of agent sessions.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CheckpointVerb {
    /// Saves a checkpoint: one as JSON on stdin; its file is answered.
    ///
    /// It must have agent, `session_id` and phase, and may have context, progress (`tasks_completed`,
    /// `tasks_remaining`, `files_modified`, decisions: arrays of texts) and `resume_hint`; times and status are filled
    /// in. At most 64 KiB. The folder is made if there is none.
    Create(CreateArgs),

    /// Lists checkpoints, newest first, and files that cannot be used with the reason and what to do.
    ///
    /// The exit status is 1 if there are such files. Nothing is written.
    List(ListArgs),

    /// Shows a checkpoint.
    Get(GetArgs),

    /// Says that what a checkpoint was saved for is done. Again, it changes nothing.
    ///
    /// Where runs left something that nobody goes on with, a line on stderr says so: sweep sees to it.
    Resolve(ResolveArgs),

    /// Says that nobody will go on from a checkpoint. Again, it changes nothing: the first reason stays.
    ///
    /// Where runs left something that nobody goes on with, a line on stderr says so: sweep sees to it.
    Abandon(MotivatedArgs),

    /// Moves a file that is no sound checkpoint to quarantine/, byte for byte, with a record beside it.
    Quarantine(MotivatedArgs),

    /// Moves to archive/ what was resolved longer ago than that, and active ones that were saved longer ago.
    ///
    /// The exit status is 1 if something is wrong with a file; the others are archived. Where runs left something that
    /// nobody goes on with, a line on stderr says so: sweep sees to it.
    Cleanup(CleanupArgs),

    /// Removes what killed runs left that nobody goes on with. It WRITES IN THE PROJECTS of these runs.
    ///
    /// A commit that such a run was killed in is finished or undone first, in the project that the run worked for, as
    /// `agentbus run` does when it begins. No other verb of checkpoint touches anything outside of the folder, but for
    /// the journal of --journal. Left are runs that a live process leads or an active checkpoint names. The exit status
    /// is 1 if anything else stays, which is said: what cannot be seen to, and all of it while a checkpoint cannot be
    /// read.
    Sweep(SweepArgs),

    /// Shows the newest active checkpoint of a session, and with --journal its events since.
    ///
    /// With --json a line for the checkpoint, which says from where on (`since`), then the lines of the events as they are
    /// stored: those behind the position that the checkpoint names, or, if it was saved beside another journal, those not
    /// older than it, which is said on stderr. Files that cannot be used, among which a newer one may be, are told
    /// on stderr; the exit status is 1 then.
    Resume(ResumeArgs),
}

/// A folder of checkpoints.
#[derive(Clone, Debug, Args)]
pub(crate) struct FolderArgs {
    /// The folder of the checkpoints; no link.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Take checkpoints of this agent; said several times, of these [default: of all].
    #[arg(long, value_name = "AGENT")]
    pub(crate) allow_agent: Vec<Text>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A folder of checkpoints that is written to.
#[derive(Clone, Debug, Args)]
pub(crate) struct WritingArgs {
    #[command(flatten)]
    pub(crate) of: FolderArgs,

    /// The directory of the journal in which it is recorded what was done; it is made if there is none.
    ///
    /// Where it cannot be recorded it is done all the same, and the exit status is 1.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) of: WritingArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) of: FolderArgs,

    /// Only those of that agent.
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,

    /// Only those of that status.
    #[arg(long, value_enum)]
    pub(crate) status: Option<StatusKind>,

    /// Only those on that shipment.
    #[arg(long, value_name = "ID")]
    pub(crate) shipment: Option<String>,

    /// Only those on that feature.
    #[arg(long, value_name = "ID")]
    pub(crate) feature: Option<String>,

    /// Only those that were saved no longer ago than that, such as 12h or 30d.
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) max_age: Option<Duration>,
}

/// What is to be done with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusKind {
    /// Somebody is to go on from it.
    Active,
    /// What it was saved for is done.
    Resolved,
    /// Nobody will go on from it.
    Abandoned,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) of: FolderArgs,

    /// The name of its file, as `list` tells it.
    #[arg(value_name = "NAME")]
    pub(crate) file: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResolveArgs {
    #[command(flatten)]
    pub(crate) of: WritingArgs,

    /// The name of its file, as `list` tells it.
    #[arg(value_name = "NAME")]
    pub(crate) file: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MotivatedArgs {
    #[command(flatten)]
    pub(crate) of: WritingArgs,

    /// The name of its file, as `list` tells it.
    #[arg(value_name = "NAME")]
    pub(crate) file: String,

    /// Why.
    #[arg(long, value_name = "R")]
    pub(crate) reason: String,

    /// Who says so.
    #[arg(long, value_name = "WHO")]
    pub(crate) operator: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CleanupArgs {
    #[command(flatten)]
    pub(crate) of: WritingArgs,

    /// How long ago it must have been changed last, such as 12h or 30d.
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) older_than: Duration,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SweepArgs {
    /// The folder of the checkpoints; no link.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// The directory of the journal in which it is recorded that a commit was finished; it is made if there is none.
    ///
    /// Where it cannot be recorded it is done all the same, and the exit status is 1.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) of: FolderArgs,

    /// The session.
    #[arg(value_name = "SESSION")]
    pub(crate) session: SessionId,

    /// The directory of the journal that tells what happened since.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
}
