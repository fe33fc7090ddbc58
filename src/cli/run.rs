//! Runs a task: reads it, works on it with an agent on a bus, and says how that ended.

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{io, iter};

use agentbus::Redactor;
use agentbus::audit::proof::{HeadOptions, HeadSigner, SecretKey, SignError};
use agentbus::journal::Journal;
use tokio::runtime::{self, Runtime};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::args::{BusKind, RunArgs};
use super::bus::{RunBus, Watched};
use super::destination::{Destination, DestinationError};
use super::escape::Escaped;
use super::interrupt::Interrupts;
use super::journal::{self, VerbError};
use super::report::{complain, say, with_causes};
use super::summary;
use super::task::{self, OwnProject, Shown, Task, TaskError};
use super::timeline::Format;
use super::{EXIT_BAD_INPUT, EXIT_NOT_DONE, log};

mod agent;
mod deciding;
mod ending;
mod fixing;
mod folder;
mod going_on;
mod keeping;
mod kept;
mod looking;
mod making;
mod metering;
mod places;
mod progress;
mod recalling;
mod refusing;
mod resuming;
mod rules;
mod said;
mod saving;
mod scouting;
mod services;
mod sink;
mod stages;
mod sweeping;
mod workplace;

use agent::Agent;
use ending::Ending;
use folder::RestoreError;
use keeping::SaveError;
pub(crate) use keeping::quoted;
use making::Making;
use places::{Places, folder_name, say_applied};
use resuming::{Known, Leading, ResumeError, Resuming};
use stages::Applied;
pub(crate) use sweeping::{Swept, is_anything_left, sweep};

/// How long what still runs when a run was given up may take to end: a commit in the middle, a printer without reader.
const GIVEN_UP_AT_MOST: Duration = Duration::from_secs(1);

/// How long signing the last head may take.
const SIGN_DEADLINE: Duration = Duration::from_secs(5);

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Log(#[from] log::LogError),
    #[error("the events can be recorded with the reactive bus only")]
    JournalWithoutBus,
    #[error(transparent)]
    Journal(#[from] VerbError),
    #[error("cannot go on")]
    Resume(#[from] ResumeError),
    #[error("cannot begin to save how far the run comes")]
    Save(#[from] SaveError),
    #[error("cannot go on in the sandbox of the run")]
    Sandbox(#[from] RestoreError),
    #[error(
        "{}: the name \"{}\" of an actor looks like a secret, and no checkpoint holds one: choose another name, or run \
        without --checkpoints",
        Shown(task),
        Escaped(masked)
    )]
    SecretName { task: PathBuf, masked: String },
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("cannot start")]
    Start(#[from] io::Error),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Destination(
                DestinationError::Cancelled | DestinationError::Gone { .. } | DestinationError::Other { .. },
            )
            | Self::Start(_)
            | Self::Save(_)
            | Self::Sandbox(_) => EXIT_NOT_DONE,
            Self::Journal(error) => error.exit_code(),
            Self::Resume(error) => error.exit_code(),
            _ => EXIT_BAD_INPUT,
        }
    }
}

/// Runs the task that `args` name, to its end.
pub(crate) fn main(args: &RunArgs) -> ExitCode {
    let ended = begin(args);
    ExitCode::from(ended.unwrap_or_else(|error| {
        complain(&with_causes(&error));
        error.exit_code()
    }))
}

/// What is to be run, read and checked.
#[derive(Debug)]
struct Order {
    task: Task,
    /// The run that is gone on with, and where.
    resuming: Option<(Resuming, Destination)>,
    journal: Option<Journal>,
    key: Option<SecretKey>,
}

impl Order {
    /// Reads it. Where the run cannot be gone on with that is asked for, it is not left in the middle of a commit.
    fn read(args: &RunArgs, runtime: &Runtime) -> Result<Self, RunError> {
        if args.journal.is_some() && args.bus != BusKind::Reactive {
            return Err(RunError::JournalWithoutBus);
        }
        let mut leading = match (&args.resume, &args.checkpoints, &args.journal) {
            (Some(session), Some(checkpoints), Some(journal)) => {
                Some(Leading::look(resuming::Places { checkpoints, journal }, session)?)
            }
            _ => None,
        };
        let checked = Self::checked(args, leading.as_mut());
        if let (Some(leading), Err(error)) = (&leading, &checked)
            // Another project is none of its business.
            && !matches!(error, RunError::Destination(_))
        {
            runtime.block_on(leading.leave_whole());
        }
        let (task, earlier) = checked?;
        let resuming = leading.zip(earlier);
        let resuming = resuming
            .map(|(leading, (known, destination))| (Resuming { led: leading.led, known }, destination));
        let key = args.sign_with.as_deref().map(SecretKey::read).transpose().map_err(VerbError::from)?;
        let journal = args.journal.as_deref().map(journal::open).transpose()?;
        Ok(Self { task, resuming, journal, key })
    }

    /// The task, if it is that of the run which is gone on with, and what is known of that.
    fn checked(
        args: &RunArgs,
        leading: Option<&mut Leading<'_>>,
    ) -> Result<(Task, Option<(Known, Destination)>), RunError> {
        let earlier = match leading {
            Some(leading) => {
                let known = leading.known()?;
                let destination = known.destination()?;
                Some((known, destination))
            }
            None => None,
        };
        let is_replaced = args.project.is_some() || earlier.is_some();
        let own_project = if is_replaced { OwnProject::Replaced } else { OwnProject::Needed };
        let mut task = task::read(&args.task, own_project, &args.send_key)?;
        if let Some(masked) = secret_name(&task).filter(|_| args.checkpoints.is_some()) {
            return Err(RunError::SecretName { task: args.task.clone(), masked });
        }
        if let Some((known, _destination)) = &earlier {
            known.check(&task, &args.task)?;
            task.project_name = known.kept.about.project_name.clone();
        } else if let Some(name) = args.project.as_deref().and_then(folder_name) {
            task.project_name = name;
        }
        Ok((task, earlier))
    }
}

/// The first name of an actor that looks like a secret, masked.
fn secret_name(task: &Task) -> Option<String> {
    let redactor = Redactor::untagged();
    let mut names = iter::once(&task.actor).chain(task.scouts.iter().map(|scout| &scout.actor));
    names.find_map(|name| match redactor.redact_text(name) {
        Cow::Owned(masked) if masked != name.as_str() => Some(masked),
        _ => None,
    })
}

/// Reads what is needed and runs it; returns the exit status.
fn begin(args: &RunArgs) -> Result<u8, RunError> {
    log::start(log::level_of(args.bus))?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let order = Order::read(args, &runtime)?;
    let (mut places, given_up) = (Places::default(), CancellationToken::new());
    let ended = runtime.block_on(async {
        let interrupts = Interrupts::listen(given_up.clone(), Some("cancelling the run"))?;
        tokio::select! {
            biased;
            () = given_up.cancelled() => Ok(EXIT_NOT_DONE),
            ended = run(args, order, &interrupts, &mut places) => {
                // While signals are listened to, so that a removal that hangs can be given up as well.
                std::mem::take(&mut places).remove();
                ended
            }
        }
    });
    // Kills the processes of a run that was given up; only then is nobody left who writes where it worked.
    runtime.shutdown_timeout(GIVEN_UP_AT_MOST);
    if given_up.is_cancelled() {
        places.say_given_up();
    }
    places.remove();
    ended
}

async fn run(
    args: &RunArgs,
    order: Order,
    interrupts: &Interrupts,
    places: &mut Places,
) -> Result<u8, RunError> {
    let Order { task, resuming, journal, key } = order;
    let signer = journal.as_ref().zip(key).map(|(journal, key)| sign(journal, key)).transpose()?;
    let (resuming, opened) = match resuming {
        Some((resuming, opened)) => (Some(resuming), opened),
        None => (None, destination(args, &task, interrupts.token().clone()).await?),
    };
    let destination = places.destination.insert(opened);
    let reader = journal.as_ref().map(|journal| journal.reader().clone());
    let bus = start_bus(args, journal);
    let made = Making { args, task: &task, destination, bus: bus.bus(), reader };
    let services = match made.services(resuming, &mut places.workshop).await {
        Ok(services) => services,
        Err(error) => {
            bus.close().await;
            return Err(error);
        }
    };
    let agent =
        Arc::new(Agent::new(task, destination.folder(), services, bus.bus().as_ref(), interrupts.token()));
    // From its first checkpoint on it is gone on with, whatever becomes of this process.
    destination.leave(args.checkpoints.is_some());
    let ended = agent.run().await;
    let way_on = agent.way_on();
    destination.leave(way_on.is_some());
    if ended.is_ok() {
        destination.keep();
    }
    let sums = agent.sums(ended.as_ref().ok());
    let unsaved = args.state.as_deref().and_then(|file| agent.state().save(file).err());
    drop(agent);
    let watched = bus.close().await;
    let unsigned = match signer {
        Some(signer) => signer.close(SIGN_DEADLINE).await.err(),
        None => None,
    };
    if !args.json {
        // A reader that is gone wants no summary either; the exit status tells the end.
        drop(summary::print(&mut anstream::stdout(), &sums, &watched));
    }
    for gap in sums.gaps() {
        complain(&gap);
    }
    if let Some(way_on) = way_on {
        say(&format!("to go on: {way_on}"));
    }
    Ok(conclude(ended, destination, &broken(watched, unsigned, unsaved, args.json)))
}

/// What somebody relies on and did not get.
fn broken(
    watched: Watched,
    unsigned: Option<SignError>,
    unsaved: Option<io::Error>,
    is_json: bool,
) -> Vec<String> {
    let printed = watched.seen.broken.filter(|_| is_json);
    let not_printed = printed.map(|error| format!("not every event was printed: {error}"));
    let not_recorded = watched.not_recorded.map(|error| format!("not every event was recorded: {error}"));
    let not_signed = unsigned.map(|error| format!("the last head was not signed: {}", with_causes(&error)));
    let not_saved = unsaved.map(|error| format!("the state was not written: {error}"));
    [not_recorded, not_signed, not_printed, not_saved].into_iter().flatten().collect()
}

/// Starts to sign the journal of a run.
fn sign(journal: &Journal, key: SecretKey) -> Result<HeadSigner, VerbError> {
    Ok(HeadSigner::start(journal, key, HeadOptions::new())?)
}

/// Opens the destination, where it may block.
async fn destination(
    args: &RunArgs,
    task: &Task,
    cancelled: CancellationToken,
) -> Result<Destination, DestinationError> {
    let project = args.project.clone().unwrap_or_else(|| task.project.clone());
    let args = args.clone();
    let opened = spawn_blocking(move || Destination::open(&project, &args, &cancelled)).await;
    opened.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

fn start_bus(args: &RunArgs, journal: Option<Journal>) -> RunBus {
    if args.json {
        RunBus::start(args.bus, Format::Json, journal, io::stdout())
    } else {
        RunBus::start(args.bus, Format::Timeline, journal, anstream::stdout())
    }
}

/// Says how the run ended. `broken` says what somebody relies on and did not get: events that were not printed or
/// recorded, a state that was not written.
fn conclude(ended: Result<Applied, Ending>, destination: &Destination, broken: &[String]) -> u8 {
    match ended {
        Ok(applied) => {
            say_applied(&applied.plan.to_string(), destination);
            if !broken.is_empty() {
                complain(&format!("the plan was applied, but {}", broken.join("; ")));
                return EXIT_NOT_DONE;
            }
            0
        }
        Err(ending) => {
            for error in broken {
                complain(error);
            }
            complain(&format!("not applied: {}", with_causes(&ending)));
            EXIT_NOT_DONE
        }
    }
}
