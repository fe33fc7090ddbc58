//! The verbs that work on a journal, and on the checkpoints of agent sessions.
//!
//! Verbs that read never create or write anything, but for `poll`, which makes a consumer and its cursor, and `audit`,
//! which keeps an index. Lines for machines are printed as they are stored, byte for byte; what people see is escaped,
//! and so are answers in JSON, where that means the same.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agentbus::audit::proof::{HeadError, KeyError, ProveError, SignError, VerifyError};
use agentbus::audit::{AuditError, AuditQueryError, RetentionError, TextError};
use agentbus::checkpoint::memory::{MemoryError, MemoryPart};
use agentbus::checkpoint::{CheckpointError, Subject, UnsafeReason};
use agentbus::journal::{
    AckError, ConsumerError, ConsumerName, CursorFault, GcError, Journal, JournalReader, NackError,
    OpenError, ReadError, ReplayError,
};
use agentbus::service::restore::RestoreError;
use anstream::Stdout;
use serde::Serialize;
use tokio::runtime::{self, Runtime};
use tracing_subscriber::filter::LevelFilter;

use super::args::journal::{JournalVerb, ReplayBusKind};
use super::escape::escaped_json;
use super::report::{complain, with_causes};
use super::task::Shown;
use super::{EXIT_BAD_INPUT, EXIT_NOT_DONE, log};

mod append;
mod audit;
mod checkpoint;
mod consumer;
mod directory;
mod gc;
mod heads;
mod keys;
mod kinds;
mod memory;
mod progress;
mod recording;
mod replay;
mod show;
mod state;
mod stats;
mod stored;
mod telemetry;
mod verify;

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum VerbError {
    #[error("there is no directory {}", Shown(directory))]
    NoDirectory { directory: PathBuf },
    #[error("{} is no directory", Shown(directory))]
    NotADirectory { directory: PathBuf },
    #[error("there is no journal in {}", Shown(directory))]
    NotAJournal { directory: PathBuf },
    #[error(
        "{} holds other things than a journal; choose a directory that is new or empty",
        Shown(directory)
    )]
    Occupied { directory: PathBuf },
    #[error("cannot look at {}", Shown(directory))]
    Look { directory: PathBuf, source: io::Error },
    #[error(transparent)]
    Log(#[from] log::LogError),
    #[error("there is no consumer {name}; `poll` makes one")]
    NoConsumer { name: ConsumerName },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{file} is no cursor to go on from: put a copy of it back, or begin anew with `poll --reset-to`")]
    Cursor { file: String, source: CursorFault },
    #[error(transparent)]
    Consumer(ConsumerError),
    #[error(transparent)]
    Ack(#[from] AckError),
    #[error(transparent)]
    Nack(#[from] NackError),
    #[error(transparent)]
    Gc(#[from] GcError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("`audit` needs the directory of a journal before its verb: `agentbus audit DIR query ...`")]
    AuditNeedsDirectory,
    #[error(
        "this verb has its arguments behind it: `agentbus audit prove DIR POS`, `agentbus audit check-proof FILE`"
    )]
    AuditTakesNoDirectory,
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    AuditQuery(#[from] AuditQueryError),
    #[error(transparent)]
    AuditText(#[from] TextError),
    #[error(transparent)]
    AuditRetention(#[from] RetentionError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("cannot read stdin")]
    ReadStdin(#[source] io::Error),
    #[error("what stands on stdin is no UTF-8")]
    StdinNoText,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Heads(#[from] HeadError),
    #[error(transparent)]
    Prove(#[from] ProveError),
    #[error(transparent)]
    Verify(VerifyError),
    #[error("cannot sign")]
    Sign(#[from] SignError),
    #[error(
        "{} holds no head: give the file of one, or its number and hash as `heads` prints them",
        Shown(file)
    )]
    NoHead { file: PathBuf },
    #[error("cannot read {}", Shown(file))]
    ReadFile { file: PathBuf, source: io::Error },
    #[error("cannot start")]
    Start(#[source] io::Error),
    #[error("cannot print any more")]
    Print(#[from] io::Error),
}

impl From<ConsumerError> for VerbError {
    fn from(error: ConsumerError) -> Self {
        match error {
            // Its words are for code.
            ConsumerError::Corrupt { file, source } => Self::Cursor { file, source },
            error => Self::Consumer(error),
        }
    }
}

impl From<VerifyError> for VerbError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Read(error) => Self::Read(error),
            error => Self::Verify(error),
        }
    }
}

impl VerbError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::NoDirectory { .. }
            | Self::NotADirectory { .. }
            | Self::NotAJournal { .. }
            | Self::Occupied { .. }
            | Self::AuditNeedsDirectory
            | Self::AuditTakesNoDirectory
            | Self::StdinNoText
            | Self::AuditText(_)
            | Self::AuditRetention(_)
            | Self::AuditQuery(AuditQueryError::OtherQuery)
            | Self::Key(_)
            | Self::NoHead { .. }
            | Self::ReadFile { .. }
            | Self::Verify(VerifyError::Kept(_))
            | Self::Log(_) => EXIT_BAD_INPUT,
            Self::Checkpoint(error) if is_bad_input(error) => EXIT_BAD_INPUT,
            Self::Memory(error) if is_bad_memory(error) => EXIT_BAD_INPUT,
            _ => EXIT_NOT_DONE,
        }
    }
}

/// Whether what was given to a verb on memories is at fault, and not what is there.
fn is_bad_memory(error: &MemoryError) -> bool {
    match error {
        MemoryError::Invalid { .. } | MemoryError::TooLarge { .. } => true,
        MemoryError::Secret { part } => !matches!(part, MemoryPart::File(_)),
        _ => false,
    }
}

/// Whether what was said to a verb on checkpoints is at fault, and nothing that is on disk.
fn is_bad_input(error: &CheckpointError) -> bool {
    match error {
        CheckpointError::Corrupt { subject, .. }
        | CheckpointError::Invalid { subject, .. }
        | CheckpointError::NotConforming { subject, .. }
        | CheckpointError::TooLarge { subject, .. }
        | CheckpointError::Secret { subject } => *subject == Subject::Given,
        CheckpointError::UnsafeTarget(target) => target.reason == UnsafeReason::NotACheckpoint,
        _ => false,
    }
}

/// How a verb ended that did what it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All is well.
    Well,
    /// It found damage, or could not do all; it said so.
    Ill,
}

impl Ended {
    fn well_if(is_well: bool) -> Self {
        if is_well { Self::Well } else { Self::Ill }
    }

    /// How both ended.
    fn and(self, other: Self) -> Self {
        Self::well_if(self == Self::Well && other == Self::Well)
    }
}

/// Does what that verb says.
pub(crate) fn main(verb: JournalVerb) -> ExitCode {
    let ended = log::start(level_of(&verb)).map_err(VerbError::from).and_then(|()| run(verb));
    ExitCode::from(match ended {
        Ok(Ended::Well) => 0,
        Ok(Ended::Ill) => EXIT_NOT_DONE,
        // Who reads no more wants no more.
        Err(VerbError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            complain(&with_causes(&error));
            error.exit_code()
        }
    })
}

/// What is logged, unless `RUST_LOG` says otherwise.
fn level_of(verb: &JournalVerb) -> LevelFilter {
    match verb {
        JournalVerb::Replay(args) if args.bus == ReplayBusKind::Logging => LevelFilter::INFO,
        _ => LevelFilter::WARN,
    }
}

fn run(verb: JournalVerb) -> Result<Ended, VerbError> {
    match verb {
        JournalVerb::Append(args) => append::main(&args),
        JournalVerb::Tail(args) => stored::tail(args),
        JournalVerb::Query(args) => stored::query(args),
        JournalVerb::Stats(args) => stats::main(&args),
        JournalVerb::Telemetry(args) => telemetry::main(&args),
        JournalVerb::State(args) => state::main(&args),
        JournalVerb::Verify(args) => verify::main(&args),
        JournalVerb::Heads(args) => heads::main(&args),
        JournalVerb::Keys(args) => keys::main(&args),
        JournalVerb::Replay(args) => replay::main(&args),
        JournalVerb::Consumers(args) => consumer::list(&args),
        JournalVerb::Poll(args) => consumer::poll(&args),
        JournalVerb::Ack(args) => consumer::ack(&args),
        JournalVerb::Nack(args) => consumer::nack(&args),
        JournalVerb::Gc(args) => gc::main(&args),
        JournalVerb::Audit(args) => audit::main(args),
        JournalVerb::Checkpoint(args) => checkpoint::main(args),
        JournalVerb::Memory(args) => memory::main(args),
        JournalVerb::Kinds(args) => kinds::list(args),
    }
}

/// Opens a journal for a run to be recorded in. It may block.
pub(super) fn open(directory: &Path) -> Result<Journal, VerbError> {
    directory::check_for_writing(directory)?;
    Ok(Journal::open(directory)?)
}

/// The journal in that directory, to be read.
pub(super) fn reader(directory: &Path) -> Result<JournalReader, VerbError> {
    directory::reader(directory)
}

/// Refuses a directory that is not there or is none.
pub(super) fn look(directory: &Path) -> Result<(), VerbError> {
    directory::look(directory)
}

/// A runtime with so many threads.
fn runtime(threads: usize) -> Result<Runtime, VerbError> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(VerbError::Start)
}

/// Prints one answer: as an object of JSON, or in words.
fn print_answer(
    json: bool,
    object: &impl Serialize,
    words: impl FnOnce(&mut Stdout) -> io::Result<()>,
) -> io::Result<()> {
    if json {
        let mut out = io::stdout().lock();
        print_json(&mut out, object)?;
        return out.flush();
    }
    let mut out = anstream::stdout();
    words(&mut out)?;
    out.flush()
}

/// Where answers are printed. What is there for machines goes out as it is: what takes colours away takes bytes that no
/// terminal shows along.
fn stdout(json: bool) -> Box<dyn Write> {
    if json { Box::new(io::stdout().lock()) } else { Box::new(anstream::stdout().lock()) }
}

/// Prints an object of JSON on a line of its own, which holds nothing that acts on a terminal.
fn print_json(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", escaped_json(&serde_json::to_string(object)?))
}
