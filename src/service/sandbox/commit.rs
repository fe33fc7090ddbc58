//! The commit of a sandbox to its project: all or nothing.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Instant;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::SandboxService;
use super::apply::apply;
use super::checkpoint::{not_applied, scan_tree, store_contents};
use super::diff::{Change, SandboxDiff, changes, diff};
use super::error::{Conflict, ConflictKind, SandboxError};
use super::handle::{Claim, SandboxOperation, SandboxState};
use super::place::{open_dir, parent_of};
use super::tree::{entry_at, entry_in};
use crate::event::{SandboxCommitted, SandboxId};
use crate::service::time::millis;

impl SandboxService {
    /// Writes what is different in the sandbox to its project: everything, or nothing.
    ///
    /// First every path is looked for that changed in the project meanwhile; if there is one, nothing is written.
    /// The same change on both sides is no conflict. A failure while writing puts back what was written.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed or if nothing was written, `Busy`, `Conflicts`, `Io`,
    /// `NotUndone`.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing, or goes on to its end.
    pub async fn commit(&self, sandbox: &SandboxId) -> Result<SandboxDiff, SandboxError> {
        self.run(sandbox, SandboxOperation::Commit, commit).await
    }
}

fn commit(claim: Claim, stop: &CancellationToken) -> Result<SandboxDiff, SandboxError> {
    let started = Instant::now();
    let sandbox = claim.sandbox.clone();
    let shared = &sandbox.shared;
    let now = scan_tree(&claim, stop)?;
    let wanted = changes(&shared.base, &now);
    claim.require_change(!wanted.is_empty())?;
    let outstanding = outstanding(&shared.project_dir, &wanted)
        .map_err(|(path, source)| SandboxError::Io {
            doing: "read",
            path: shared.project.join(path),
            source,
        })?
        .map_err(|conflicts| SandboxError::Conflicts { sandbox_id: sandbox.id().clone(), conflicts })?;
    let _new_bytes = store_contents(&sandbox, &wanted)?;
    let diff = diff(&wanted, &shared.store, |_path, hash| shared.store.read(hash))
        .map_err(|(path, source)| SandboxError::Io { doing: "compare", path, source })?;
    if stop.is_cancelled() {
        return Err(SandboxError::Cancelled { sandbox_id: sandbox.id().clone(), operation: claim.operation });
    }
    apply(&shared.project_dir, &shared.store, &outstanding).map_err(|e| not_applied(e, &shared.project))?;
    claim.finish(|status, changes| {
        status.state = SandboxState::Committed;
        changes.emit_in(&status.scope, || committed(sandbox.id(), &diff, started));
    });
    Ok(diff)
}

fn committed(sandbox: &SandboxId, diff: &SandboxDiff, started: Instant) -> SandboxCommitted {
    SandboxCommitted::new(
        sandbox,
        diff.files_added(),
        diff.files_changed(),
        diff.files_removed(),
        diff.lines_added(),
        diff.lines_removed(),
        millis(started.elapsed()),
    )
}

type Outstanding<'a> = Result<Vec<Change<'a>>, Vec<Conflict>>;

/// Those of the `wanted` changes that the project does not have yet, or every conflict.
fn outstanding<'a>(
    project: &Dir,
    wanted: &[Change<'a>],
) -> Result<Outstanding<'a>, (std::path::PathBuf, io::Error)> {
    let made: HashSet<&Path> = wanted.iter().filter(|c| c.is_directory_after()).map(|c| c.path).collect();
    let gone: HashSet<&Path> = wanted.iter().filter(|c| c.from.is_some()).map(|c| c.path).collect();
    let (mut outstanding, mut conflicts) = (Vec::new(), Vec::new());
    for change in wanted {
        let found = look(project, change, &made, &gone).map_err(|error| (change.path.to_owned(), error))?;
        match found {
            Found::AsBefore => outstanding.push(*change),
            Found::AsAfter => {}
            Found::Conflict(kind) => conflicts.push(Conflict { path: change.path.to_owned(), kind }),
        }
    }
    Ok(if conflicts.is_empty() { Ok(outstanding) } else { Err(conflicts) })
}

/// What the project has where a sandbox changed something.
enum Found {
    AsBefore,
    AsAfter,
    Conflict(ConflictKind),
}

fn look(
    project: &Dir,
    change: &Change<'_>,
    made: &HashSet<&Path>,
    gone: &HashSet<&Path>,
) -> io::Result<Found> {
    let now = match entry_at(project, change.path) {
        Ok(now) => now,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            // Where a file becomes a folder, what the folder holds cannot be there yet.
            let is_expected = change.from.is_none() && has_parent_among(change.path, made);
            return Ok(if is_expected {
                Found::AsBefore
            } else {
                Found::Conflict(ConflictKind::Unreachable)
            });
        }
        Err(error) => return Err(error),
    };
    let both_directories = |one: Option<&_>| {
        let is_directory = super::tree::Entry::is_directory;
        one.is_some_and(is_directory) && now.as_ref().is_some_and(is_directory)
    };
    Ok(match (&now, change.from) {
        (now, _) if now.as_ref() == change.to => Found::AsAfter,
        (None, None) if !is_reachable(project, change.path, made)? => {
            Found::Conflict(ConflictKind::Unreachable)
        }
        (now, from) if now.as_ref() == from || both_directories(from) => {
            let is_replaced = change.is_directory_before() && change.leaf_after().is_some();
            if is_replaced && has_others(project, change.path, gone)? {
                Found::Conflict(ConflictKind::NotEmpty)
            } else {
                Found::AsBefore
            }
        }
        (Some(_), None) if both_directories(change.to) => Found::AsAfter,
        (Some(_), None) => Found::Conflict(ConflictKind::Added),
        (None, _) => Found::Conflict(ConflictKind::Removed),
        (Some(_), Some(_)) => Found::Conflict(ConflictKind::Changed),
    })
}

/// Whether the folder of `path` is there or will be made.
fn is_reachable(project: &Dir, path: &Path, made: &HashSet<&Path>) -> io::Result<bool> {
    let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) else {
        return Ok(true);
    };
    Ok(made.contains(parent) || entry_at(project, parent)?.is_some())
}

fn has_parent_among(path: &Path, made: &HashSet<&Path>) -> bool {
    path.ancestors().skip(1).any(|parent| made.contains(parent))
}

/// Whether the folder at `path` holds something that does not go with it.
fn has_others(project: &Dir, path: &Path, gone: &HashSet<&Path>) -> io::Result<bool> {
    let (dir, name) = parent_of(project, path)?;
    for entry in open_dir(&dir, &name)?.entries()? {
        if !gone.contains(path.join(entry?.file_name()).as_path()) {
            return Ok(true);
        }
    }
    Ok(entry_in(&dir, &name)?.is_none())
}
