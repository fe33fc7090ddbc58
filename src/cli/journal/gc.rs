//! `gc`: removes what is too old.

use std::io::{self, Write};

use agentbus::journal::{Collected, CollectedSegment, GcMode, KeptFor, MissingSegment, Position};
use serde::Serialize;

use super::{Ended, VerbError, directory, print_answer};
use crate::cli::args::gc::GcArgs;
use crate::cli::timeline::{bytes, counted};

#[derive(Serialize)]
struct Answer<'a> {
    dry_run: bool,
    segments: Vec<Removed<'a>>,
    bytes: u64,
    kept_for: Vec<Kept<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Missing<'a>>,
}

#[derive(Serialize)]
struct Missing<'a> {
    file: &'a str,
    through: Position,
}

#[derive(Serialize)]
struct Removed<'a> {
    file: &'a str,
    through: Position,
    bytes: u64,
}

#[derive(Serialize)]
struct Kept<'a> {
    consumer: &'a str,
    /// 0 if it has acknowledged nothing, absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
}

pub(super) fn main(args: &GcArgs) -> Result<Ended, VerbError> {
    let (reader, meter) = directory::metered(&args.of.directory)?;
    let mode = if args.dry_run { GcMode::DryRun } else { GcMode::Remove };
    let progress = meter.show();
    let collected = reader.collect_garbage(args.older_than, mode)?;
    drop(progress);
    print_answer(args.of.json, &answer(&collected, args.dry_run), |out| {
        print(out, &collected, args.dry_run)
    })?;
    Ok(Ended::well_if(collected.missing.is_empty()))
}

fn answer(collected: &Collected, dry_run: bool) -> Answer<'_> {
    Answer {
        dry_run,
        segments: collected.segments.iter().map(Removed::of).collect(),
        bytes: collected.bytes(),
        kept_for: collected.kept_for.iter().map(Kept::of).collect(),
        missing: collected.missing.iter().map(Missing::of).collect(),
    }
}

impl<'a> Removed<'a> {
    fn of(segment: &'a CollectedSegment) -> Self {
        Self { file: &segment.file, through: segment.through, bytes: segment.bytes }
    }
}

impl<'a> Missing<'a> {
    fn of(missing: &'a MissingSegment) -> Self {
        Self { file: &missing.file, through: missing.through }
    }
}

impl<'a> Kept<'a> {
    fn of(kept: &'a KeptFor) -> Self {
        let position = kept.position.as_ref().ok();
        let position = position.map(|position| position.map_or(0, Position::get));
        Self { consumer: kept.consumer.as_str(), position }
    }
}

fn print(out: &mut impl Write, collected: &Collected, dry_run: bool) -> io::Result<()> {
    let verb = if dry_run { "would remove" } else { "removed" };
    for segment in &collected.segments {
        writeln!(out, "{verb} {} ({}, up to {})", segment.file, bytes(segment.bytes), segment.through)?;
    }
    let count = u64::try_from(collected.segments.len()).unwrap_or(u64::MAX);
    writeln!(out, "{verb} {}, {}", counted(count, "segment"), bytes(collected.bytes()))?;
    for MissingSegment { file, through, .. } in &collected.missing {
        writeln!(out, "{file} (up to {through}) was lost before: it is missing, and older ones were there")?;
    }
    for KeptFor { consumer, position, .. } in &collected.kept_for {
        let place = match position {
            Ok(Some(position)) => format!("which is at {position}"),
            Ok(None) => "which is at the start".to_owned(),
            Err(fault) => format!("whose cursor cannot be used: {fault}"),
        };
        writeln!(out, "the rest is kept for {consumer}, {place}")?;
    }
    Ok(())
}
