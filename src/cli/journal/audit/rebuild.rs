//! `audit DIR rebuild`.

use std::path::Path;

use agentbus::audit::{AuditIndex, Rebuilt};
use agentbus::journal::Position;
use agentbus::redact::Redactor;
use serde::Serialize;

use super::super::{Ended, VerbError, directory, print_answer};
use super::{is_whole, tell};
use crate::cli::args::audit::AuditRebuildArgs;
use crate::cli::task::Shown;
use crate::cli::timeline::counted;

#[derive(Serialize)]
struct Answer {
    indexed: u64,
    through: u64,
    unreadable: u64,
    carried: u64,
    left: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<String>,
}

impl Answer {
    fn of(rebuilt: &Rebuilt) -> Self {
        Self {
            indexed: rebuilt.indexed.events,
            through: rebuilt.indexed.through.map_or(0, Position::get),
            unreadable: rebuilt.indexed.unreadable,
            carried: rebuilt.carried,
            left: rebuilt.left,
            set_aside: rebuilt.set_aside.as_ref().map(|file| file.display().to_string()),
        }
    }
}

pub(super) fn main(directory: &Path, args: &AuditRebuildArgs) -> Result<Ended, VerbError> {
    directory::reader(directory)?;
    let rebuilt = AuditIndex::rebuild(directory, &Redactor::new())?;
    tell(&rebuilt.indexed);
    print_answer(args.json, &Answer::of(&rebuilt), |out| {
        use std::io::Write as _;
        writeln!(out, "indexed {}", counted(rebuilt.indexed.events, "event"))?;
        if rebuilt.carried > 0 {
            let events = counted(rebuilt.carried, "event");
            writeln!(out, "took over {events} from the old index, which the journal has no more")?;
        }
        if rebuilt.left > 0 {
            let events = counted(rebuilt.left, "event");
            writeln!(out, "left {events} of the old index: unreadable, or behind the end of the journal")?;
        }
        rebuilt.set_aside.iter().try_for_each(|file| writeln!(out, "the old index is now {}", Shown(file)))
    })?;
    Ok(Ended::well_if(is_whole(&rebuilt.indexed) && rebuilt.left == 0))
}
