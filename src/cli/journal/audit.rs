//! `audit`: the index of a journal, asked, printed, made anew, shortened; and proofs of single lines.

use std::path::{Path, PathBuf};

use agentbus::Filter;
use agentbus::audit::{AuditIndex, AuditQuery, Indexed};
use agentbus::journal::Recorded;
use agentbus::redact::Redactor;

use super::{Ended, VerbError, directory};
use crate::cli::args::audit::{AuditArgs, AuditSelection, AuditVerb};
use crate::cli::escape::escaped_json;
use crate::cli::report::complain;
use crate::cli::timeline::counted;

mod csv;
mod export;
mod proof;
mod query;
mod rebuild;
mod retain;

pub(super) fn main(args: AuditArgs) -> Result<Ended, VerbError> {
    let AuditArgs { directory, verb } = args;
    match verb {
        AuditVerb::Query(args) => query::main(&needed(directory)?, args),
        AuditVerb::Export(args) => export::main(&needed(directory)?, args),
        AuditVerb::Rebuild(args) => rebuild::main(&needed(directory)?, &args),
        AuditVerb::Retain(args) => retain::main(&needed(directory)?, &args),
        AuditVerb::Prove(_) | AuditVerb::CheckProof(_) if directory.is_some() => {
            Err(VerbError::AuditTakesNoDirectory)
        }
        AuditVerb::Prove(args) => proof::prove(&args),
        AuditVerb::CheckProof(args) => proof::check(&args),
    }
}

/// The directory, which verbs that work on the index have to be told.
fn needed(directory: Option<PathBuf>) -> Result<PathBuf, VerbError> {
    directory.ok_or(VerbError::AuditNeedsDirectory)
}

/// Opens the index, and says what could not be added to it.
fn open(directory: &Path, no_index: bool) -> Result<(AuditIndex, Ended), VerbError> {
    // It knows best what is wrong with a directory.
    directory::reader(directory)?;
    if no_index {
        return Ok((AuditIndex::open_to_ask(directory)?, Ended::Well));
    }
    let mut index = AuditIndex::open(directory)?;
    let indexed = index.index()?;
    tell(&indexed);
    Ok((index, Ended::well_if(is_whole(&indexed))))
}

fn is_whole(indexed: &Indexed) -> bool {
    indexed.unreadable == 0 && indexed.removed == 0
}

fn tell(indexed: &Indexed) {
    if indexed.unreadable > 0 {
        let lines = counted(indexed.unreadable, "line");
        complain(&format!(
            "{lines} of the journal cannot be read and are not in the index; `verify` tells more"
        ));
    }
    if indexed.removed > 0 {
        complain("lines of the journal are gone and are not in the index: removed by retention, or lost");
    }
}

/// What is asked for.
fn selected(of: AuditSelection) -> Result<AuditQuery, VerbError> {
    let AuditSelection { filter, text, since, until, id, caused_by, security, no_index: _ } = of;
    let mut query = AuditQuery::new().filter(filter.unwrap_or_else(Filter::all));
    if let Some(text) = text {
        query = query.text(&text)?;
    }
    query = since.into_iter().fold(query, AuditQuery::since);
    query = until.into_iter().fold(query, AuditQuery::until);
    query = id.into_iter().fold(query, AuditQuery::id);
    query = caused_by.into_iter().fold(query, AuditQuery::caused_by);
    Ok(if security { query.security(true) } else { query })
}

/// An event as a line of JSON: as its line in the journal, without the chain.
fn json_of(recorded: &Recorded, redactor: &Redactor) -> Option<String> {
    let json = redactor.event_json(&recorded.event).ok()?;
    Some(escaped_json(&format!("{{\"pos\":{},{}", recorded.position, json.strip_prefix('{')?)))
}
