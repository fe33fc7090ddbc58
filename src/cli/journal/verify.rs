//! `verify`: whether a journal is as it was written.

use std::io::{self, Write};

use agentbus::journal::{Damage, ManifestError, Position, ReadError, Unfinished, Verification};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{Ended, VerbError, directory, print_answer};
use crate::cli::args::proof::VerifyArgs;
use crate::cli::report::with_causes;
use crate::cli::timeline::{bytes, counted};

mod proven;

#[derive(Serialize)]
struct Answer<'a> {
    intact: bool,
    lines: u64,
    first: Option<u64>,
    last: Option<u64>,
    segments: u64,
    bytes: u64,
    gaps: u64,
    skipped: u64,
    unreadable: u64,
    left_over: u64,
    lost_events: u64,
    trusted_segments: u64,
    unlisted_segments: u64,
    unfinished: Option<UnfinishedWrite<'a>>,
    damaged: u64,
    first_damage: Option<DamagedPlace<'a>>,
}

#[derive(Serialize)]
struct UnfinishedWrite<'a> {
    file: &'a str,
    at: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct DamagedPlace<'a> {
    position: u64,
    file: &'a str,
    at: u64,
    fault: String,
}

/// Where `journal.json` itself is damaged.
#[derive(Serialize)]
struct BadManifest {
    intact: bool,
    error: String,
}

pub(super) fn main(args: &VerifyArgs) -> Result<Ended, VerbError> {
    let json = args.of.json;
    let expected = args.key.as_deref().map(|key| proven::expected(key, args)).transpose()?;
    let verified = directory::metered(&args.of.directory).and_then(|(reader, meter)| {
        let progress = meter.show();
        let Some((key, expected)) = expected else {
            let found = reader.verify()?;
            drop(progress);
            print_answer(json, &answer(&found), |out| print(out, &found))?;
            return Ok(found.is_intact());
        };
        let found = agentbus::audit::proof::verify(&reader, &key, &expected)?;
        drop(progress);
        proven::tell(json, &found)?;
        Ok(found.is_proven())
    });
    let is_intact = match verified {
        Ok(is_intact) => is_intact,
        // One that could not be looked at may be as it was written.
        Err(VerbError::Read(ReadError::Manifest(ManifestError::Read(source)))) => {
            return Err(ReadError::from(ManifestError::Read(source)).into());
        }
        Err(VerbError::Read(error @ ReadError::Manifest(_))) => {
            let bad = BadManifest { intact: false, error: with_causes(&error) };
            print_answer(json, &bad, |out| writeln!(out, "{BAD}damaged{BAD:#}: {}", bad.error))?;
            false
        }
        Err(error) => return Err(error),
    };
    Ok(Ended::well_if(is_intact))
}

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();

fn answer(found: &Verification) -> Answer<'_> {
    Answer {
        intact: found.is_intact(),
        lines: found.lines,
        first: found.first.map(Position::get),
        last: found.last.map(Position::get),
        segments: found.segments,
        bytes: found.bytes,
        gaps: found.gaps,
        skipped: found.skipped,
        unreadable: found.unreadable,
        left_over: found.left_over,
        lost_events: found.known_lost_events,
        trusted_segments: found.trusted,
        unlisted_segments: found.unlisted,
        unfinished: found.unfinished.as_ref().map(UnfinishedWrite::of),
        damaged: found.damaged,
        first_damage: found.first_damage.as_ref().map(DamagedPlace::of),
    }
}

impl<'a> UnfinishedWrite<'a> {
    fn of(unfinished: &'a Unfinished) -> Self {
        Self { file: &unfinished.file, at: unfinished.at, bytes: unfinished.bytes }
    }
}

impl<'a> DamagedPlace<'a> {
    fn of(damage: &'a Damage) -> Self {
        let Damage { position, file, at, fault, .. } = damage;
        Self { position: position.get(), file, at: *at, fault: fault.to_string() }
    }
}

fn print(out: &mut impl Write, found: &Verification) -> io::Result<()> {
    match &found.first_damage {
        None => write!(out, "{GOOD}intact{GOOD:#}: ")?,
        Some(damage) => {
            writeln!(out, "{BAD}damaged{BAD:#} at {damage}")?;
            if found.damaged > 1 {
                writeln!(out, "damaged in all: {}", counted(found.damaged, "place"))?;
            }
        }
    }
    write!(out, "{}", counted(found.lines, "line"))?;
    if let (Some(first), Some(last)) = (found.first, found.last) {
        write!(out, " from {first} to {last}")?;
    }
    writeln!(out, " in {}, {}", counted(found.segments, "segment"), bytes(found.bytes))?;
    if let Some(Unfinished { file, at, bytes, .. }) = &found.unfinished {
        writeln!(
            out,
            "behind them an unfinished write of {} ({file}, byte {at}): no damage",
            counted(*bytes, "byte")
        )?;
    }
    let notes = [
        (
            found.gaps,
            "gap",
            format!("in which {} are left out, as is legal", counted(found.skipped, "position")),
        ),
        (found.unreadable, "line", "whose event this version cannot read".to_owned()),
        (found.left_over, "line", "left over from a write that was taken back".to_owned()),
        (
            found.known_losses,
            "line",
            format!("about the loss of {}", counted(found.known_lost_events, "event")),
        ),
        (found.trusted, "segment", "taken on trust: what stood before is not known".to_owned()),
        (found.unlisted, "segment", "not listed in journal.json: a crash kept them from it".to_owned()),
    ];
    notes
        .iter()
        .filter(|(count, ..)| *count > 0)
        .try_for_each(|(count, noun, words)| writeln!(out, "{} {words}", counted(*count, noun)))
}
