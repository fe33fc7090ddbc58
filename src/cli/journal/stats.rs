//! `stats`: what is in a journal, counted.

use std::collections::BTreeMap;
use std::io::{self, Write};

use agentbus::event::{EventId, Timestamp};
use agentbus::journal::{JournalStats, Position};
use serde::Serialize;

use super::consumer::{State, table};
use super::show::gone;
use super::{Ended, VerbError, directory, print_answer};
use crate::cli::args::journal::DirectoryArgs;
use crate::cli::escape::Escaped;
use crate::cli::timeline::{bytes, counted};

#[derive(Serialize)]
struct Answer<'a> {
    id: Option<EventId>,
    created: Option<Timestamp>,
    segments: u64,
    bytes: u64,
    events: u64,
    first: Option<Position>,
    last: Option<Position>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
    unreadable: u64,
    /// Lines up to there, behind others, are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Position>,
    kinds: &'a BTreeMap<String, u64>,
    consumers: Vec<State<'a>>,
}

pub(super) fn main(args: &DirectoryArgs) -> Result<Ended, VerbError> {
    let (reader, meter) = directory::metered(&args.directory)?;
    let progress = meter.show();
    let stats = reader.stats()?;
    drop(progress);
    print_answer(args.json, &answer(&stats), |out| print(out, &stats))?;
    let is_readable = stats.unreadable == 0 && stats.removed.is_none();
    let is_well = is_readable && stats.consumers.iter().all(|state| state.cursor.is_ok());
    Ok(Ended::well_if(is_well))
}

fn answer(stats: &JournalStats) -> Answer<'_> {
    Answer {
        id: stats.id,
        created: stats.created,
        segments: stats.segments,
        bytes: stats.bytes,
        events: stats.events,
        first: stats.first,
        last: stats.last,
        earliest: stats.earliest,
        latest: stats.latest,
        unreadable: stats.unreadable,
        removed: stats.removed,
        kinds: &stats.kinds,
        consumers: stats.consumers.iter().map(State::of).collect(),
    }
}

fn print(out: &mut impl Write, stats: &JournalStats) -> io::Result<()> {
    if let (Some(id), Some(created)) = (stats.id, stats.created) {
        writeln!(out, "journal {id}, made {created}")?;
    }
    writeln!(out, "{}, {}", counted(stats.segments, "segment"), bytes(stats.bytes))?;
    write!(out, "{}", counted(stats.events, "event"))?;
    if let (Some(first), Some(last)) = (stats.first, stats.last) {
        write!(out, " from {first} to {last}")?;
    }
    if let (Some(earliest), Some(latest)) = (stats.earliest, stats.latest) {
        write!(out, ", of {earliest} to {latest}")?;
    }
    writeln!(out)?;
    if stats.unreadable > 0 {
        writeln!(out, "{} cannot be read; `verify` tells more", counted(stats.unreadable, "line"))?;
    }
    if let Some(through) = stats.removed {
        writeln!(out, "{}", gone(through))?;
    }
    for (kind, count) in &stats.kinds {
        writeln!(out, "  {count:8}  {}", Escaped(kind))?;
    }
    if !stats.consumers.is_empty() {
        writeln!(out)?;
        table(out, &stats.consumers)?;
    }
    Ok(())
}
