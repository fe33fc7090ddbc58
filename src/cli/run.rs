//! Runs a task: reads it, works on it with an agent on a bus, and says how that ended.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use agentbus::event::Text;
use tokio::runtime;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::args::RunArgs;
use super::bus::RunBus;
use super::destination::{Destination, DestinationError};
use super::interrupt::Interrupts;
use super::report::{complain, say, with_causes};
use super::summary;
use super::task::{self, OwnProject, Task, TaskError};
use super::timeline::Format;
use super::{EXIT_BAD_INPUT, EXIT_NOT_APPLIED, log};

mod agent;
mod ending;
mod fixing;
mod stages;

use agent::Agent;
use ending::Ending;
use stages::Applied;

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Log(#[from] log::LogError),
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("cannot start")]
    Start(#[from] io::Error),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Destination(DestinationError::Cancelled) | Self::Start(_) => EXIT_NOT_APPLIED,
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

/// Reads what is needed and runs it; returns the exit status.
fn begin(args: &RunArgs) -> Result<u8, RunError> {
    log::start(args.bus)?;
    let own_project = if args.project.is_some() { OwnProject::Replaced } else { OwnProject::Needed };
    let mut task = task::read(&args.task, own_project)?;
    if let Some(name) = args.project.as_deref().and_then(folder_name) {
        task.project_name = name;
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args, task))
}

/// What a project of the user's own is called.
fn folder_name(project: &Path) -> Option<Text> {
    let resolved = project.canonicalize().ok()?;
    resolved.file_name().map(|name| Text::from(name.to_string_lossy().as_ref()))
}

async fn run(args: &RunArgs, task: Task) -> Result<u8, RunError> {
    let interrupts = Interrupts::listen()?;
    let destination = destination(args, &task, interrupts.token().clone()).await?;
    let workshop = tempfile::Builder::new().prefix("agentbus-run-").tempdir()?;
    let bus = start_bus(args);
    let agent = Arc::new(Agent::new(
        task,
        destination.folder(),
        workshop.path(),
        bus.bus().as_ref(),
        interrupts.token(),
    ));
    let ended = agent.run().await;
    let sums = agent.sums(ended.as_ref().ok());
    drop(agent);
    let watched = bus.close().await;
    if let Err(error) = workshop.close() {
        complain(&format!("cannot remove what the run worked on: {error}"));
    }
    if !args.json {
        // A reader that is gone wants no summary either; the exit status tells the end.
        drop(summary::print(&mut anstream::stdout(), &sums, &watched));
    }
    Ok(conclude(ended, destination))
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

fn start_bus(args: &RunArgs) -> RunBus {
    if args.json {
        RunBus::start(args.bus, Format::Json, io::stdout())
    } else {
        RunBus::start(args.bus, Format::Timeline, anstream::stdout())
    }
}

/// Says how the run ended, and keeps its result if there is one.
fn conclude(ended: Result<Applied, Ending>, destination: Destination) -> u8 {
    match ended {
        Ok(applied) => {
            let kind = if destination.is_project() { "written back to" } else { "the result is in" };
            say(&format!("applied {}: {kind} {}", applied.plan, destination.folder().display()));
            destination.keep();
            0
        }
        Err(ending) => {
            complain(&format!("not applied: {}", with_causes(&ending)));
            EXIT_NOT_APPLIED
        }
    }
}
