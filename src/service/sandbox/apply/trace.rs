//! A trace: what somebody leaves who finished or undid the change of another, so that its owner learns how it ended, even
//! if the tree is changed again meanwhile.
//!
//! It is a file beside where the staging folder was. Its owner takes it away; if the owner is gone, whoever next sees to
//! the tree does.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Ending, Own, Target};
use crate::service::sandbox::error::SandboxError;
use crate::service::sandbox::record::{self, path_text};
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
    let trace = Trace { owner: owner.to_owned(), ending };
    record::write(target.disk, (target.root, &name_of(staging)), TRACE, &trace)
}

/// How one's own change ended, if somebody else saw to it.
pub(in crate::service::sandbox) fn of(
    target: Target<'_>,
    own: Own<'_>,
) -> Result<Option<Ending>, SandboxError> {
    let found: Option<Trace> = record::load(target.root, target.path, name_of(&own.staging()), TRACE)?;
    Ok(found.map(|trace| trace.ending))
}

/// Takes the trace of one's own change away.
pub(in crate::service::sandbox) fn remove(target: Target<'_>, own: Own<'_>) -> io::Result<()> {
    target.disk.remove_if_there((target.root, &name_of(&own.staging())))
}

/// Takes away the traces whose owners are gone.
pub(super) fn remove_orphans(target: Target<'_>) -> io::Result<()> {
    for entry in target.root.entries()? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if !bytes.starts_with(STAGING_PREFIX.as_bytes()) || !bytes.ends_with(ENDED.as_bytes()) {
            continue;
        }
        // What cannot be read is no trace of ours.
        if let Ok(Some(Trace { owner, .. })) = record::read((target.root, &name), TRACE)
            && !owner.exists()
        {
            target.disk.remove_if_there((target.root, &name))?;
        }
    }
    Ok(())
}
