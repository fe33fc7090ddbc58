//! [`Places`]: where a run works, and what is left of that.

use std::path::Path;

use agentbus::event::Text;
use tempfile::TempDir;

use crate::cli::destination::Destination;
use crate::cli::report::{complain, say};

/// Where a run works. It outlives the tasks of the run.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) destination: Option<Destination>,
    pub(super) workshop: Option<TempDir>,
}

impl Places {
    /// Says how a run ended that was given up: with its result, if it was about to tell of that.
    pub(super) fn say_given_up(&self) {
        match &self.destination {
            Some(destination) if destination.is_committed() => say_applied("the plan", destination),
            _ => complain("not applied: given up"),
        }
    }

    /// Removes what is left of them; a destination that was committed to is kept.
    pub(super) fn remove(self) {
        drop(self.destination);
        if let Some(Err(error)) = self.workshop.map(TempDir::close) {
            complain(&format!("cannot remove what the run worked on: {error}"));
        }
    }
}

/// Says where the result is.
pub(super) fn say_applied(plan: &str, destination: &Destination) {
    let kind = if destination.is_project() { "written back to" } else { "the result is in" };
    say(&format!("applied {plan}: {kind} {}", destination.folder().display()));
}

/// What a project of the user's own is called.
pub(super) fn folder_name(project: &Path) -> Option<Text> {
    let resolved = project.canonicalize().ok()?;
    resolved.file_name().map(|name| Text::from(name.to_string_lossy().as_ref()))
}
