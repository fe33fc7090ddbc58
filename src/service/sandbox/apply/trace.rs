//! A trace: what somebody leaves who finished or undid the change of another, so that its owner learns how it ended, even
//! if the tree is changed again meanwhile.
//!
//! It is a file beside where the staging folder was, which only this user can read. Its owner takes it away; if the owner
//! is gone, whoever next sees to the tree does. What else has its name is not believed, and moved aside.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Ending, Own, Target, is_ours, move_aside};
use crate::service::sandbox::disk::temporary_name;
use crate::service::sandbox::error::SandboxError;
use crate::service::sandbox::record::{self, RecordError, path_text};
use crate::service::sandbox::tree::STAGING_PREFIX;

/// What a record of that kind is.
const TRACE: &str = "trace of a change";

/// What its name ends with.
const ENDED: &str = ".ended";

#[derive(Debug, Deserialize, Serialize)]
struct Trace {
    #[serde(with = "path_text")]
    owner: PathBuf,
    ending: Ending,
}

fn name_of(staging: &OsStr) -> OsString {
    let mut name = staging.to_owned();
    name.push(ENDED);
    name
}

/// Leaves the trace of a change by that staging folder; none, if nobody is there to find it.
pub(super) fn leave(target: Target<'_>, staging: &OsStr, owner: &Path, ending: Ending) -> io::Result<()> {
    if !owner.exists() {
        return Ok(());
    }
    let name = name_of(staging);
    let temporary = temporary_name(&name);
    if read(target, &name)?.is_none() {
        move_aside(target, &name)?;
    }
    // One of ours may be torn.
    if !is_made_as_ours(target, &temporary)? {
        move_aside(target, &temporary)?;
    }
    let trace = Trace { owner: owner.to_owned(), ending };
    record::write(target.disk, (target.root, &name), TRACE, &trace)
}

/// How one's own change ended, if somebody else saw to it.
pub(in crate::service::sandbox) fn of(
    target: Target<'_>,
    own: Own<'_>,
) -> Result<Option<Ending>, SandboxError> {
    let found = read(target, &name_of(&own.staging())).map_err(SandboxError::io("read", target.path))?;
    Ok(found.filter(|trace| trace.owner == own.home).map(|trace| trace.ending))
}

/// Takes the trace of one's own change away. What somebody else put in its place is moved aside.
pub(in crate::service::sandbox) fn remove(target: Target<'_>, own: Own<'_>) -> io::Result<()> {
    let name = name_of(&own.staging());
    match read(target, &name)? {
        Some(trace) if trace.owner == own.home => target.disk.remove_if_there((target.root, &name)),
        _ => move_aside(target, &name),
    }
}

/// The trace of that name. What is not made as traces are, or is damaged, is none.
fn read(target: Target<'_>, name: &OsStr) -> io::Result<Option<Trace>> {
    if !is_made_as_ours(target, name)? {
        return Ok(None);
    }
    match record::read((target.root, name), TRACE) {
        Ok(found) => Ok(found),
        Err(RecordError::Damaged(_)) => Ok(None),
        Err(RecordError::Io(error)) => Err(error),
    }
}

/// Whether a file is there that is this user's, and nobody else's.
fn is_made_as_ours(target: Target<'_>, name: &OsStr) -> io::Result<bool> {
    match target.root.symlink_metadata(name) {
        Ok(metadata) => Ok(metadata.is_file() && is_ours(&metadata, 0o600)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes away the traces whose owners are gone.
pub(super) fn remove_orphans(target: Target<'_>) -> io::Result<()> {
    for entry in target.root.entries()? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if !bytes.starts_with(STAGING_PREFIX.as_bytes()) || !bytes.ends_with(ENDED.as_bytes()) {
            continue;
        }
        if read(target, &name)?.is_some_and(|trace| !trace.owner.exists()) {
            target.disk.remove_if_there((target.root, &name))?;
        }
    }
    Ok(())
}
