//! What the heads of a journal prove.

use std::io::{self, Write};
use std::time::Duration;

use agentbus::audit::proof::{Change, DEFAULT_INTERVAL, Expected, Found, PublicKey, Retired};
use agentbus::journal::Position;
use serde::Serialize;

use super::{Answer, BAD, GOOD, answer};
use crate::cli::args::proof::VerifyArgs;
use crate::cli::journal::{VerbError, keys, print_answer};
use crate::cli::timeline::counted;

/// What is expected of a journal, and of whom.
pub(super) fn expected(key: &str, args: &VerifyArgs) -> Result<(PublicKey, Expected), VerbError> {
    let key = keys::public(key)?;
    let mut expected = Expected::new();
    if let Some(head) = &args.at_least {
        expected = expected.at_least(keys::head(head)?);
    }
    if let Some(age) = args.max_age {
        expected = expected.max_age(age);
    }
    Ok((key, expected))
}

#[derive(Serialize)]
struct ProvenAnswer<'a> {
    #[serde(flatten)]
    chain: Answer<'a>,
    proven: bool,
    heads: u64,
    newest_head: Option<NewestHead>,
    late: bool,
    covered: u64,
    not_covered: u64,
    retired_heads: u64,
    retired_through: Option<u64>,
    partly_retired_head: Option<u64>,
    removed_unsigned: u64,
    changes: Vec<ChangeAnswer>,
    more_changes: u64,
}

#[derive(Serialize)]
struct NewestHead {
    number: u64,
    hash: String,
    position: u64,
    time: String,
    age_seconds: u64,
}

#[derive(Serialize)]
struct ChangeAnswer {
    kind: String,
    first: Option<u64>,
    last: Option<u64>,
    first_head: Option<u64>,
    last_head: Option<u64>,
    file: Option<String>,
}

impl ChangeAnswer {
    fn of(change: &Change) -> Self {
        let Change { kind, positions, heads, place, .. } = change;
        Self {
            kind: kind.to_string(),
            first: positions.as_ref().map(|positions| positions.start().get()),
            last: positions.as_ref().map(|positions| positions.end().get()),
            first_head: heads.as_ref().map(|heads| *heads.start()),
            last_head: heads.as_ref().map(|heads| *heads.end()),
            file: place.as_ref().map(|(file, _)| file.clone()),
        }
    }
}

/// Tells what was found.
pub(super) fn tell(json: bool, found: &Found) -> io::Result<()> {
    let newest_head = found.newest.as_ref().map(|head| NewestHead {
        number: head.number(),
        hash: head.hash().to_string(),
        position: head.position().map_or(0, Position::get),
        time: head.time().to_string(),
        age_seconds: found.age.unwrap_or_default().as_secs(),
    });
    let Retired { heads, through, partly, unsigned, .. } = found.retired;
    let answer = ProvenAnswer {
        chain: answer(&found.journal),
        proven: found.is_proven(),
        heads: found.heads,
        newest_head,
        late: found.is_late,
        covered: found.covered,
        not_covered: found.uncovered,
        retired_heads: heads,
        retired_through: through.map(Position::get),
        partly_retired_head: partly,
        removed_unsigned: unsigned.map_or(0, |(_, count)| count),
        changes: found.changes.iter().map(ChangeAnswer::of).collect(),
        more_changes: found.more_changes,
    };
    print_answer(json, &answer, |out| print(out, found))
}

fn print(out: &mut impl Write, found: &Found) -> io::Result<()> {
    for change in &found.changes {
        writeln!(out, "{BAD}changed{BAD:#}: {change}")?;
    }
    if found.more_changes > 0 {
        writeln!(out, "and {}", counted(found.more_changes, "more change"))?;
    }
    if found.journal.damaged > 1 {
        writeln!(out, "damaged in all: {}", counted(found.journal.damaged, "place"))?;
    }
    let lines = counted(found.covered, "line");
    match &found.newest {
        None => writeln!(out, "{BAD}not proven{BAD:#}")?,
        Some(_) if !found.changes.is_empty() => writeln!(out, "as they were signed: {lines}")?,
        Some(_) => writeln!(out, "{GOOD}proven{GOOD:#}: {lines} by {}", counted(found.heads, "head"))?,
    }
    print_newest(out, found)?;
    if found.uncovered > 0 {
        writeln!(out, "behind it {}: no head covers them yet", counted(found.uncovered, "line"))?;
    }
    print_retired(out, &found.retired)
}

fn print_newest(out: &mut impl Write, found: &Found) -> io::Result<()> {
    let Some((head, age)) = found.newest.as_ref().zip(found.age) else { return Ok(()) };
    let position = head.position().map_or(0, Position::get);
    writeln!(out, "newest head: {}, of {}, up to position {position}", head.name(), head.time())?;
    let age = Duration::from_secs(age.as_secs());
    if found.is_late {
        writeln!(out, "{BAD}late{BAD:#}: it is {age:?} old, more than was asked for")?;
    } else if age > DEFAULT_INTERVAL {
        writeln!(out, "it is {age:?} old: since then nobody has signed")?;
    }
    Ok(())
}

fn print_retired(out: &mut impl Write, retired: &Retired) -> io::Result<()> {
    if let Some(through) = retired.through {
        let heads = counted(retired.heads, "head");
        writeln!(out, "lines up to {through} were removed: {heads} checked by signature alone")?;
    }
    if let Some(head) = retired.partly {
        writeln!(out, "of the lines of head {head} some were removed: the others were checked by the chain")?;
    }
    if let Some((last, count)) = retired.unsigned {
        writeln!(out, "no head covers {} that were removed up to {last}", counted(count, "position"))?;
    }
    Ok(())
}
