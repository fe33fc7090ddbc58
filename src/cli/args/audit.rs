//! What may be said to `audit`.

use std::path::PathBuf;
use std::time::Duration;

use agentbus::Filter;
use agentbus::audit::PageToken;
use agentbus::event::{EventId, Timestamp};
use agentbus::journal::Position;
use clap::{Args, Subcommand, ValueEnum};

use super::value;

#[derive(Clone, Debug, Args)]
pub(crate) struct AuditArgs {
    /// The directory of the journal, for the verbs that work on its index; one that is called like a verb is said with
    /// its path, such as ./query.
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) verb: AuditVerb,
}

/// What is to be done with the audit of a journal.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Shows the events that match, from the index, after what is new was added to it: `audit DIR query`.
    ///
    /// If there are more, the token of the next page is said on stderr, with --json as a last line {"next":".."} on
    /// stdout. The exit status is 1 if lines of the journal could not be indexed, or a query looks at too much.
    Query(AuditQueryArgs),

    /// Prints all events that match, oldest first, as CSV or JSON lines: `audit DIR export`.
    ///
    /// CSV is that of RFC 4180, with a line of names first. A text that a spreadsheet would take for a formula (it
    /// begins with =, +, -, @ or a tab) has a ' before it. What a terminal would act on is written as its escape.
    Export(AuditExportArgs),

    /// Makes the index anew from the journal, also if it is damaged: `audit DIR rebuild`.
    ///
    /// Events that the journal has no more are taken over from the old index, and counted. What retention took from the
    /// index comes back as far as the journal has it.
    Rebuild(AuditRebuildArgs),

    /// Takes what is too old from the index, security events only if that is said: `audit DIR retain`.
    ///
    /// The journal is not touched (see gc), and what was taken does not come back by indexing. Its bytes may stand in free
    /// parts of the file until these are used again; where the journal has them no more either, `audit DIR rebuild` leaves
    /// none of them.
    Retain(AuditRetainArgs),

    /// Prints a proof that a line is one of those that were signed, `audit prove DIR POS`; it discloses that line and
    /// no other.
    Prove(ProveArgs),

    /// Checks such a proof, without the journal, and prints what is proved: `audit check-proof FILE --key PUB`.
    ///
    /// The exit status is 0 if it is, 1 if it proves nothing.
    CheckProof(CheckProofArgs),
}

/// Which events of the index.
#[derive(Clone, Debug, Args)]
pub(crate) struct AuditSelection {
    /// Only events that match, for example "plan.*,tool.errored plan=01J.. level>=warn under=01J..".
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,

    /// Only events in the texts of whose details these words stand (numbers and keys are none); "in quotes" as a phrase,
    /// with a * behind three letters or more a beginning.
    #[arg(long, value_name = "WORDS")]
    pub(crate) text: Option<String>,

    /// Only events of that time or later: an RFC 3339 time, or how long ago, such as 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "T", value_parser = value::moment)]
    pub(crate) since: Option<Timestamp>,

    /// Only events before that time.
    #[arg(long, value_name = "T", value_parser = value::moment)]
    pub(crate) until: Option<Timestamp>,

    /// Only the event of that id.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<EventId>,

    /// Only what the event of that id caused, at one remove; for all removes see under= of the filter.
    #[arg(long, value_name = "ID")]
    pub(crate) caused_by: Option<EventId>,

    /// Only events of the audit class, which is security.
    #[arg(long)]
    pub(crate) security: bool,

    /// Ask what is indexed, without a look at the journal.
    #[arg(long)]
    pub(crate) no_index: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AuditQueryArgs {
    #[command(flatten)]
    pub(crate) of: AuditSelection,

    /// The newest first.
    #[arg(long)]
    pub(crate) newest: bool,

    /// At most so many, up to 1000.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// The page behind that of which this token was told; the rest of the query must be the same.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) after: Option<PageToken>,

    /// Print each event as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AuditExportArgs {
    #[command(flatten)]
    pub(crate) of: AuditSelection,

    /// As what.
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
}

/// As what events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A line of names, then a line for each event.
    Csv,
    /// An object of JSON on each line.
    Jsonl,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AuditRebuildArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AuditRetainArgs {
    /// How old an event must be, such as 12h or 30d; security events stay.
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) older_than: Duration,

    /// How old chatter must be: what neither warns nor tells of an error, and is neither critical nor security
    /// [default: as the others].
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) chatter_older_than: Option<Duration>,

    /// How old a security event must be: not less than others [default: it stays].
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) security_older_than: Option<Duration>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ProveArgs {
    /// The directory of the journal.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// The position of the line.
    #[arg(value_name = "POS")]
    pub(crate) position: Position,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckProofArgs {
    /// The file that holds the proof.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The public key of who signs the heads, or the file that holds it.
    #[arg(long, value_name = "PUB")]
    pub(crate) key: String,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
