//! What is printed after a run: how often each kind of event came, the ledger of the bus, the cost, the changes.

use std::io::{self, Write};

use agentbus::bus::Ledger;
use agentbus::event::Usd;
use agentbus::redact::{Counts, Redactor};
use agentbus::service::sandbox::{ChangeKind, SandboxDiff};

use super::bus::Watched;
use super::escape::{Escaped, one_line};
use super::timeline::counted;

/// How many files the summary names.
const NAMED_FILES: usize = 20;

/// How much of the actor's last words is shown, in characters.
const MAX_WORDS: usize = 400;

/// What a run came to, whatever its end.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// What was spent.
    pub(crate) spent: Usd,
    /// What could be.
    pub(crate) limit: Usd,
    /// Tokens that the model read and wrote.
    pub(crate) tokens: (u64, u64),
    /// How many messages the session did not take.
    pub(crate) unrecorded: u64,
    /// How many answers did not say what they took.
    pub(crate) unmetered: u64,
    /// What is different now, if it was committed.
    pub(crate) diff: Option<SandboxDiff>,
    /// The last words of the actor.
    pub(crate) words: Option<String>,
}

impl Sums {
    /// What of the run is not in its record, or counts only as it was estimated; a line for each.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = String> {
        let unrecorded = (self.unrecorded > 0).then(|| {
            format!("the session did not take {}, which the actor heard", counted(self.unrecorded, "message"))
        });
        let unmetered = (self.unmetered > 0).then(|| {
            let answers = counted(self.unmetered, "answer");
            format!("{answers} did not say how many tokens it took, so that its estimate was paid")
        });
        unrecorded.into_iter().chain(unmetered)
    }
}

/// Prints it all.
///
/// # Errors
/// Those of `out`.
pub(crate) fn print(out: &mut impl Write, sums: &Sums, watched: &Watched) -> io::Result<()> {
    if !watched.seen.kinds.is_empty() {
        writeln!(out, "\nevents")?;
        for (kind, count) in &watched.seen.kinds {
            writeln!(out, "  {count:6}  {}", Escaped(kind))?;
        }
        let all: u64 = watched.seen.kinds.values().sum();
        writeln!(out, "  {all:6}  in all, of {}", counted(watched.seen.kinds.len() as u64, "kind"))?;
    }
    let redactor = Redactor::new();
    print_masked(out, &watched.masked)?;
    if let Some(ledger) = &watched.ledger {
        print_ledger(out, ledger, watched.seen.missed)?;
    }
    let (read, written) = sums.tokens;
    writeln!(out, "\ncost\n  {} of {} USD; {read} tokens read, {written} written", sums.spent, sums.limit)?;
    if let Some(diff) = &sums.diff {
        print_diff(out, diff, &redactor)?;
    }
    if let Some(words) = &sums.words {
        let words = redactor.redact_text(words);
        writeln!(out, "\nthe actor says\n  {}", one_line(&words, MAX_WORDS))?;
    }
    out.flush()
}

fn print_masked(out: &mut impl Write, masked: &Counts) -> io::Result<()> {
    if masked.total() == 0 {
        return Ok(());
    }
    writeln!(out, "\nmasked secrets, by rule")?;
    for (rule, count) in masked.iter().filter(|(_, count)| *count > 0) {
        writeln!(out, "  {count:6}  {}", Escaped(rule))?;
    }
    Ok(())
}

fn print_ledger(out: &mut impl Write, ledger: &Ledger, missed: u64) -> io::Result<()> {
    writeln!(out, "\nledger of the bus")?;
    for row in &ledger.rows {
        writeln!(out, "  {}", Escaped(&row.to_string()))?;
    }
    // A stream that came to its end is among these, and they have no name.
    if ledger.departed.offered > 0 {
        writeln!(out, "  {}", Escaped(&ledger.departed.to_string()))?;
    }
    if missed > 0 {
        writeln!(out, "  the timeline lacks {}", counted(missed, "event"))?;
    }
    Ok(())
}

fn print_diff(out: &mut impl Write, diff: &SandboxDiff, redactor: &Redactor) -> io::Result<()> {
    writeln!(
        out,
        "\nchanges\n  {} added, {} changed, {} removed; +{} -{} lines",
        diff.files_added(),
        diff.files_changed(),
        diff.files_removed(),
        diff.lines_added(),
        diff.lines_removed()
    )?;
    for file in diff.files.iter().take(NAMED_FILES) {
        let kind = match file.kind {
            ChangeKind::Added => 'A',
            ChangeKind::Changed => 'M',
            ChangeKind::Removed => 'D',
            _ => '?',
        };
        let lines = format!("+{} -{}", file.lines_added, file.lines_removed);
        let path = file.path.to_string_lossy();
        let shown = Escaped(&redactor.redact_text(&path)).to_string();
        writeln!(out, "  {kind} {shown:40} {lines}")?;
    }
    match diff.files.len().checked_sub(NAMED_FILES) {
        Some(more @ 1..) => writeln!(out, "  and {more} more"),
        _ => Ok(()),
    }
}
