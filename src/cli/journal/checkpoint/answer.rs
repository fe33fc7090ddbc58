//! What is answered of checkpoints: objects for machines, words for people.

use std::io::{self, Write};

use agentbus::checkpoint::{
    CheckpointStatus, CleanupReport, EventsSince, MalformedCheckpoint, SessionCheckpoint, Since,
    StoredCheckpoint,
};
use agentbus::event::Timestamp;
use agentbus::journal::Position;
use serde::Serialize;

use crate::cli::escape::{Escaped, one_line};
use crate::cli::report::with_causes;
use crate::cli::run::Swept;
use crate::cli::timeline::counted;

/// How many characters of a text of an agent's are shown on a line with others.
const SHOWN: usize = 40;

/// A checkpoint and its file.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    file: &'a str,
    checkpoint: &'a SessionCheckpoint,
    /// From where on the journal that was given tells what came since.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Begin>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(stored: &'a StoredCheckpoint) -> Self {
        Self { file: &stored.file, checkpoint: &stored.checkpoint, since: None }
    }

    pub(super) fn resumed(stored: &'a StoredCheckpoint, events: Option<&EventsSince>) -> Self {
        let since = events.and_then(|events| match events.since() {
            Since::Position(position) => Some(Begin::Position { position }),
            Since::Time(time, why) => Some(Begin::Time { time, why: why.as_str() }),
            _ => None,
        });
        Self { since, ..Self::of(stored) }
    }
}

/// A position, or a time and why it is no position.
#[derive(Serialize)]
#[serde(untagged)]
enum Begin {
    Position { position: Position },
    Time { time: Timestamp, why: &'static str },
}

/// What became of a checkpoint.
#[derive(Serialize)]
pub(super) struct NewStatus<'a> {
    pub(super) file: &'a str,
    pub(super) status: CheckpointStatus,
    /// Whether this call made it so.
    pub(super) changed: bool,
}

/// A file that cannot be used.
#[derive(Serialize)]
pub(super) struct Unusable<'a> {
    file: &'a str,
    /// The kind of the error.
    error: &'static str,
    reason: String,
    advice: &'static str,
}

impl<'a> Unusable<'a> {
    pub(super) fn of(malformed: &'a MalformedCheckpoint) -> Self {
        let MalformedCheckpoint { file, error, .. } = malformed;
        Self { file, error: error.kind(), reason: with_causes(error), advice: error.advice() }
    }

    pub(super) fn in_words(&self) -> String {
        format!("{}: {}; {}", self.file, self.reason, self.advice)
    }
}

/// What a cleanup came to.
#[derive(Serialize)]
pub(super) struct Cleaned<'a> {
    archived: Vec<&'a str>,
    skipped: Vec<Kept<'a>>,
    errors: Vec<Unusable<'a>>,
}

#[derive(Serialize)]
struct Kept<'a> {
    file: &'a str,
    why: &'static str,
}

impl<'a> Cleaned<'a> {
    pub(super) fn of(report: &'a CleanupReport) -> Self {
        let kept = report.skipped.iter().map(|kept| Kept { file: &kept.file, why: kept.why.as_str() });
        Self {
            archived: report.archived.iter().map(|stored| stored.file.as_str()).collect(),
            skipped: kept.collect(),
            errors: report.errors.iter().map(Unusable::of).collect(),
        }
    }
}

/// What a cleanup came to, in words.
pub(super) fn cleaned(out: &mut impl Write, report: &CleanupReport) -> io::Result<()> {
    for stored in &report.archived {
        writeln!(out, "archived {}", Escaped(&stored.file))?;
    }
    for malformed in &report.errors {
        writeln!(out, "{}", Escaped(&Unusable::of(malformed).in_words()))?;
    }
    writeln!(
        out,
        "archived {}, left {}, {} cannot be used",
        counted(count(report.archived.len()), "checkpoint"),
        count(report.skipped.len()),
        counted(count(report.errors.len()), "file")
    )
}

/// What a sweep came to, in words.
pub(super) fn swept(out: &mut impl Write, swept: &Swept) -> io::Result<()> {
    writeln!(
        out,
        "finished {}, undid {}, removed {}, left {}",
        counted(count(swept.finished), "commit"),
        count(swept.undone),
        counted(count(swept.removed), "folder"),
        count(swept.stay)
    )
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A checkpoint on one line.
pub(super) fn line(StoredCheckpoint { file, checkpoint, .. }: &StoredCheckpoint) -> String {
    let saved = &checkpoint.saved;
    format!(
        "{}  {:9} {}  {} in {}, {}",
        Escaped(file),
        checkpoint.status.as_str(),
        checkpoint.created_at,
        one_line(&saved.agent, SHOWN),
        one_line(&saved.session_id.to_string(), SHOWN),
        one_line(&saved.phase, SHOWN),
    )
}

/// All of a checkpoint, in words.
pub(super) fn in_full(out: &mut impl Write, stored: &StoredCheckpoint) -> io::Result<()> {
    writeln!(out, "{}", line(stored))?;
    let SessionCheckpoint { saved, journal, position, abandonment, .. } = &stored.checkpoint;
    let context = &saved.context;
    let named = [
        ("shipment", &context.shipment_id),
        ("feature", &context.feature_id),
        ("branch", &context.branch),
        ("hint", &saved.resume_hint),
    ];
    for (what, text) in named {
        if let Some(text) = text {
            writeln!(out, "{what:>12}  {}", Escaped(text))?;
        }
    }
    let progress = &saved.progress;
    let lists = [
        ("tasks", &context.task_ids),
        ("done", &progress.tasks_completed),
        ("left to do", &progress.tasks_remaining),
        ("changed", &progress.files_modified),
        ("decided", &progress.decisions),
    ];
    for (what, texts) in lists {
        for text in texts {
            writeln!(out, "{what:>12}  {}", Escaped(text))?;
        }
    }
    for (key, value) in context.others() {
        writeln!(out, "{:>12}  {}", Escaped(key).to_string(), Escaped(value.get()))?;
    }
    if let (Some(journal), Some(position)) = (journal, position) {
        writeln!(out, "{:>12}  {position} of {journal}", "journal at")?;
    }
    if let Some(why) = abandonment {
        let (reason, operator) = (Escaped(&why.reason), Escaped(&why.operator));
        writeln!(out, "{:>12}  {reason} ({operator}, {})", "abandoned", why.abandoned_at)?;
    }
    Ok(())
}
