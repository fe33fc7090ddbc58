//! What runs left that nobody goes on with: seen to by `sweep`, and spoken of where a checkpoint is ended by hand.

use std::path::Path;

use super::super::recording::Recording;
use super::super::{Ended, VerbError, directory, print_answer, runtime};
use super::answer::swept;
use crate::cli::args::checkpoint::SweepArgs;
use crate::cli::report::{say, with_causes};
use crate::cli::run::{is_anything_left, quoted, sweep};
use agentbus::checkpoint::CheckpointStore;

/// Finishes or undoes the commits of runs that nobody goes on with, records that where the verb is recorded, and removes
/// what they kept. All is well if nothing of them is left.
pub(super) fn sweep_runs(args: &SweepArgs) -> Result<Ended, VerbError> {
    directory::look(&args.directory)?;
    drop(CheckpointStore::open_existing(&args.directory)?);
    let (recording, begun) = Recording::start_if_named(args.journal.as_deref());
    let bus = recording.as_ref().map(Recording::bus);
    let sweeping = sweep(&args.directory, bus.as_ref());
    let found = match &recording {
        Some(recording) => recording.block_on(sweeping),
        None => runtime(1)?.block_on(sweeping),
    };
    if found.finished + found.undone > 0 && recording.is_none() {
        say("no journal tells of that: none was given");
    }
    drop(bus);
    let recorded = recording.map_or(begun, Recording::close);
    print_answer(args.json, &found, |out| swept(out, &found))?;
    Ok(recorded.and(Ended::well_if(found.stay == 0)))
}

/// Says, where runs left something that nobody goes on with, what sees to it. That is done by nobody who ends a checkpoint:
/// it may write in a project.
pub(super) fn speak_of_runs(checkpoints: &Path) {
    let verb = format!("agentbus checkpoint sweep {}", quoted(&checkpoints.to_string_lossy()));
    match is_anything_left(checkpoints) {
        Ok(false) => {}
        Ok(true) => say(&format!("runs left something that nobody goes on with: `{verb}` sees to it")),
        Err(error) => say(&format!("`{verb}` may tell what runs left: {}", with_causes(&error))),
    }
}
