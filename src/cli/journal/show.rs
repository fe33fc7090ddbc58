//! Shows what stands in a journal: lines as they are stored for machines, a timeline with positions for people. Neither
//! shows a secret, also of a journal that was written without a redactor.

use std::borrow::Cow;
use std::io::{self, Write};

use agentbus::Redactor;
use agentbus::event::Timestamp;
use agentbus::journal::{Entry, Position, Recorded, Unreadable};
use anstyle::Style;

use super::Ended;
use crate::cli::report::complain;
use crate::cli::timeline::{Timeline, counted};

/// How many unreadable lines are told one by one; of more, only how many.
const TOLD_ONE_BY_ONE: u64 = 100;

/// Prints entries to `out`; what is no event is told on stderr.
#[derive(Debug)]
pub(super) struct Show<W> {
    out: W,
    look: Look,
    /// How many lines could not be read.
    unreadable: u64,
    /// How many lines are not shown as they are stored, as there are secrets in them.
    masked: u64,
    /// Whether lines are gone.
    lacks_lines: bool,
}

#[derive(Debug)]
enum Look {
    /// The bytes of each line, without secrets.
    AsStored(Redactor),
    /// A timeline, and the day of the last line.
    Timeline(Timeline, Option<String>),
}

impl<W: Write> Show<W> {
    fn new(out: W, look: Look) -> Self {
        Self { out, look, unreadable: 0, masked: 0, lacks_lines: false }
    }

    /// Lines as they are stored.
    pub(super) fn as_stored(out: W) -> Self {
        Self::new(out, Look::AsStored(Redactor::new()))
    }

    /// A timeline.
    pub(super) fn timeline(out: W) -> Self {
        Self::new(out, Look::Timeline(Timeline::default(), None))
    }

    /// Whether it shows the bytes of lines.
    pub(super) fn wants_lines(&self) -> bool {
        matches!(self.look, Look::AsStored(_))
    }

    /// Shows an entry, and of an event the bytes of its line.
    pub(super) fn entry(&mut self, entry: &Entry, line: &[u8]) -> io::Result<()> {
        match entry {
            Entry::Event(recorded) => self.event(recorded, line)?,
            Entry::Unreadable(unreadable) => {
                self.unreadable += 1;
                if self.unreadable <= TOLD_ONE_BY_ONE {
                    complain_unreadable(unreadable);
                }
            }
            Entry::Removed { through } => {
                self.lacks_lines = true;
                complain_removed(*through);
            }
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, recorded: &Recorded, line: &[u8]) -> io::Result<()> {
        match &mut self.look {
            Look::AsStored(redactor) => {
                if matches!(redactor.redact_event(&recorded.event), Ok(Cow::Borrowed(_))) {
                    return self.out.write_all(line);
                }
                self.masked += 1;
                let line = String::from_utf8_lossy(line.trim_ascii_end());
                writeln!(self.out, "{}", redactor.redact_json(&line))
            }
            Look::Timeline(timeline, day) => {
                let today = day_of(recorded.event.timestamp());
                let dim = Style::new().dimmed();
                if day.as_ref() != Some(&today) {
                    writeln!(self.out, "{dim}{today}{dim:#}")?;
                    *day = Some(today);
                }
                writeln!(self.out, "{dim}{:>8}{dim:#} {}", recorded.position, timeline.line(&recorded.event))
            }
        }
    }

    /// Brings out what was printed.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Says what could not be shown.
    pub(super) fn finish(mut self) -> io::Result<Ended> {
        self.out.flush()?;
        if self.unreadable > TOLD_ONE_BY_ONE {
            complain(&format!("cannot read {} in all", counted(self.unreadable, "line")));
        }
        if self.masked > 0 {
            let lines = counted(self.masked, "line");
            complain(&format!(
                "{lines} not as stored: what looks like a secret is masked, and no chain follows from that"
            ));
        }
        Ok(Ended::well_if(self.unreadable == 0 && !self.lacks_lines))
    }
}

/// Says that a line cannot be read.
pub(super) fn complain_unreadable(line: &Unreadable) {
    complain(&format!("cannot read {line}"));
}

/// Says that lines are gone.
pub(super) fn complain_removed(through: Position) {
    complain(&gone(through));
}

/// That lines are gone.
pub(super) fn gone(through: Position) -> String {
    format!(
        "lines up to and including position {through} are gone: removed by retention, or lost; `verify` tells more"
    )
}

/// The day of a moment, in UTC.
fn day_of(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.split_once('T').map_or_else(|| text.clone(), |(day, _)| day.to_owned())
}
