//! `audit DIR retain`.

use std::io::Write as _;
use std::path::Path;

use agentbus::audit::{AuditRetention, Retained};
use serde::Serialize;

use super::super::{Ended, VerbError, print_answer};
use super::open;
use crate::cli::args::audit::AuditRetainArgs;
use crate::cli::timeline::counted;

#[derive(Serialize)]
struct Answer {
    chatter: u64,
    default: u64,
    security: u64,
}

pub(super) fn main(directory: &Path, args: &AuditRetainArgs) -> Result<Ended, VerbError> {
    let chatter = args.chatter_older_than.unwrap_or(args.older_than);
    let retention = AuditRetention::new(Some(chatter), Some(args.older_than), args.security_older_than)?;
    let (mut index, ended) = open(directory, false)?;
    let Retained { chatter, default, security, .. } = index.retain(&retention)?;
    print_answer(args.json, &Answer { chatter, default, security }, |out| {
        let all = counted(chatter + default + security, "event");
        writeln!(out, "took {all}: {chatter} of chatter, {default} others, {security} of security")
    })?;
    Ok(ended)
}
