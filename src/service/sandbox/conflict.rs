//! What changed in a project meanwhile, where a sandbox changed it too.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::diff::Change;
use super::error::{Conflict, ConflictKind};
use super::place::{open_dir, parent_of};
use super::tree::{Entry, entry_at, entry_in};

/// The changes to make, or every conflict.
pub(super) type Outstanding<'a> = Result<Vec<Change<'a>>, Vec<Conflict>>;

/// Those of the `wanted` changes that the project does not have yet, or every conflict.
pub(super) fn outstanding<'a>(
    project: &Dir,
    wanted: &[Change<'a>],
) -> Result<Outstanding<'a>, (PathBuf, io::Error)> {
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
        let is_directory = Entry::is_directory;
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

/// Whether the project has everything that these changes make.
pub(super) fn has_all(project: &Dir, changes: &[Change<'_>]) -> io::Result<bool> {
    for change in changes {
        let now = match entry_at(project, change.path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => None,
            found => found?,
        };
        if now.as_ref() != change.to {
            return Ok(false);
        }
    }
    Ok(true)
}
