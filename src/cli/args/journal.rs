//! What may be said to the verbs that work on a journal.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use agentbus::Filter;
use agentbus::event::Timestamp;
use agentbus::journal::{ConsumerName, Pace, Position, ReadFrom};
use clap::{Args, Subcommand, ValueEnum};

use super::audit::AuditArgs;
use super::checkpoint::CheckpointArgs;
use super::gc::GcArgs;
use super::memory::MemoryArgs;
use super::proof::{HeadsArgs, KeysArgs, VerifyArgs};
use super::telemetry::TelemetryArgs;
use super::value;

/// The most events that `tail` shows of what is there.
const MAX_TAIL: u64 = 100_000;

/// What is to be done with a journal, or with what agents save beside it.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalVerb {
    /// Records events: one as JSON on each line of stdin.
    ///
    /// A line may leave out id, timestamp and `correlation_id`; it must not have pos and chain, which the journal sets,
    /// nor origin and seq, which a bus sets. Each line is answered on stdout, in order, once it is as durable as was
    /// asked for: {"pos":42,"id":"01J.."}. What is wrong with a line is said on stderr with its number, and the others
    /// go on; the exit status is 1 then. Empty lines are passed over. The directory is made if there is none.
    ///
    /// At Ctrl-C, and when nobody reads the answers any more, no more is read; what was read is recorded, and the
    /// exit status is 1.
    Append(AppendArgs),

    /// Shows the last events, and with -f those that come.
    Tail(TailArgs),

    /// Shows the events that match, oldest first.
    ///
    /// Lines that cannot be read, or are gone from between others, are told on stderr; the exit status is 1 then.
    Query(QueryArgs),

    /// Says how much a journal holds, of which kinds, from when to when.
    Stats(DirectoryArgs),

    /// Says how often what happened, how long it took and what was paid, as `run --journal` and `Telemetry` record it.
    ///
    /// The exit status is 1 if there is none, or if something is no interval: that is told by its position on stderr.
    Telemetry(TelemetryArgs),

    /// Says what the plans and their decisions came to, as their events tell it.
    ///
    /// What is missing is told on stderr; the exit status is 1 then.
    State(StateArgs),

    /// Checks every line against the chain.
    ///
    /// The exit status is 0 if the journal is intact, 1 if not: then the first bad position is said. An unfinished
    /// write at the end is reported, and is no damage; a last line that lacks its newline alone is, until a writer has cut
    /// it.
    ///
    /// With --key every change up to the newest head is found, whoever made it, and named by position and kind; then
    /// the exit status is 0 only if there is a head, and nothing was changed.
    Verify(VerifyArgs),

    /// Shows the heads of a journal: how far it had come, signed.
    ///
    /// To be kept elsewhere: `verify --at-least` finds by any of them that a journal was cut. Each is printed once it is
    /// safe on disk. Signatures are not looked at.
    Heads(HeadsArgs),

    /// Makes keys to sign heads with.
    Keys(KeysArgs),

    /// Asks the index of a journal, prints it, makes it anew, shortens it; proves lines of a journal to others.
    ///
    /// The index is a database in the folder audit/ of the journal's directory, the only place where this writes. It is
    /// made when it is first asked.
    Audit(AuditArgs),

    /// Saves what an agent needs to go on with a session, lists it, goes on from it: `checkpoint create DIR`.
    ///
    /// The folder of the checkpoints is one of its own; of what was done a journal can be told with --journal.
    Checkpoint(CheckpointArgs),

    /// Keeps what agents are to know later, by key, each with its history, in a folder of its own.
    Memory(MemoryArgs),

    /// Tells the events on a bus again, and shows them as they come there.
    Replay(ReplayArgs),

    /// Says how far each consumer has come.
    Consumers(DirectoryArgs),

    /// Gives a consumer what comes next; one that is new begins at the start.
    ///
    /// The same events are given again until they are acknowledged. Lines that cannot be read, or are gone, are told on
    /// stderr; the exit status is 1 then.
    Poll(PollArgs),

    /// Acknowledges everything up to and including a position.
    Ack(AckArgs),

    /// Says that the next event failed: it is given again later, and after five times it is put to dead/.
    Nack(NackArgs),

    /// Removes segments whose events are all older than that, and that no consumer needs.
    ///
    /// How old an event is its timestamp says, wherever in the segment it stands; one in the future does not count.
    Gc(GcArgs),

    /// Lists the kinds of events.
    Kinds(KindsArgs),
}

/// A directory to be looked at.
#[derive(Clone, Debug, Args)]
pub(crate) struct DirectoryArgs {
    /// The directory of the journal.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StateArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// As it stood when the line at that position was the last.
    #[arg(long, value_name = "POS")]
    pub(crate) at: Option<Position>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AppendArgs {
    /// The directory of the journal.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// What an answer promises.
    #[arg(long, value_enum, default_value_t = DurabilityKind::Interval)]
    pub(crate) durability: DurabilityKind,

    /// Sign heads with the secret key in this file: every 1,000 events, every five minutes, and at the end.
    #[arg(long, value_name = "KEY")]
    pub(crate) sign_with: Option<PathBuf>,
}

/// What an answer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityKind {
    /// That the line outlives the process.
    Os,
    /// That it outlives the process, and within 200 ms a crash of the machine.
    Interval,
    /// That it outlives a crash of the machine.
    Sync,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) of: Selection,

    /// How many, at most 100000.
    #[arg(short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=MAX_TAIL))]
    pub(crate) count: u64,

    /// Go on with what comes, whoever writes it, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// Events of a journal.
#[derive(Clone, Debug, Args)]
pub(crate) struct Selection {
    /// The directory of the journal.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Only events that match, for example "plan.*,tool.errored plan=01J.. level>=warn".
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,

    /// Print each line as it is stored, byte for byte, unless something in it looks like a secret: that is masked.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) of: Selection,

    /// Only events of that time or later: an RFC 3339 time, or how long ago, such as 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "T", value_parser = value::moment)]
    pub(crate) since: Option<Timestamp>,

    /// Only events before that time.
    #[arg(long, value_name = "T", value_parser = value::moment)]
    pub(crate) until: Option<Timestamp>,

    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroU64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The directory of the journal.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// How fast: immediate, original, or so many times as fast, such as x60.
    #[arg(long, value_name = "PACE", default_value = "immediate", value_parser = value::pace)]
    pub(crate) pace: Pace,

    /// Only events that match.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,

    /// Begin behind that position.
    #[arg(long, value_name = "POS")]
    pub(crate) after: Option<Position>,

    /// The bus that the events are told on.
    #[arg(long, value_enum, default_value_t = ReplayBusKind::Reactive)]
    pub(crate) bus: ReplayBusKind,

    /// Print each event as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayBusKind {
    /// In the process; the events are printed as a timeline.
    Reactive,
    /// A log line on stderr for each event; the variable `RUST_LOG` chooses which.
    Logging,
}

/// A consumer of a journal.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConsumerArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// The name of the consumer: A-Z, a-z, 0-9, _ and -, at most 64 of them.
    pub(crate) name: ConsumerName,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PollArgs {
    #[command(flatten)]
    pub(crate) consumer: ConsumerArgs,

    /// At most so many events.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) max: NonZeroUsize,

    /// Let it begin anew before that, whatever its cursor says: behind a position, as if that were the last one it
    /// acknowledged, at the start, or at the end.
    #[arg(long, value_name = "POS|start|end", value_parser = value::beginning)]
    pub(crate) reset_to: Option<ReadFrom>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AckArgs {
    #[command(flatten)]
    pub(crate) consumer: ConsumerArgs,

    /// The position up to which everything is done.
    #[arg(value_name = "POS")]
    pub(crate) position: Position,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NackArgs {
    #[command(flatten)]
    pub(crate) consumer: ConsumerArgs,

    /// The position of the event that failed: the next one to acknowledge.
    #[arg(value_name = "POS")]
    pub(crate) position: Position,

    /// Why it failed.
    #[arg(long, value_name = "R")]
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct KindsArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
