//! What is done when a checkpoint is ended by hand that a run saved: nobody goes on with that run any more, so it is not
//! left in the middle of a commit, and nothing of it is kept.

use std::path::Path;

use super::super::recording::Recording;
use super::super::{Ended, runtime};
use crate::cli::report::{complain, say, with_causes};
use crate::cli::run::{Swept, sweep};

/// Finishes or undoes the commits of runs that nobody goes on with, records that where the verb is recorded, and removes
/// what they kept. All is well if nothing of them is left.
pub(super) fn end_runs(checkpoints: &Path, recording: Option<&Recording>) -> Ended {
    let bus = recording.map(Recording::bus);
    let swept = sweep(checkpoints, bus.as_ref());
    let swept = match recording {
        Some(recording) => Ok(recording.block_on(swept)),
        None => runtime(1).map(|runtime| runtime.block_on(swept)),
    };
    let Swept { commits, stay } = match swept {
        Ok(swept) => swept,
        Err(error) => {
            complain(&format!("what runs left stays: {}", with_causes(&error)));
            return Ended::Ill;
        }
    };
    if commits > 0 && recording.is_none() {
        say("no journal tells of that: none was given");
    }
    Ended::well_if(stay == 0)
}
