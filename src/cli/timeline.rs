//! Prints what happens on the bus, as it happens: as a timeline for people, or as lines of JSON.
//!
//! Each line of the timeline has the time in UTC, the kind, coloured by severity and indented below the event that
//! caused it, who acted, and a few words made from the details. Events are told in the order of their bus; what was
//! missed is said on stderr, never passed over. Events are printed without their secrets, and text from models and
//! tools without anything that a terminal would act on.
//!
//! When stdout is gone (a closed pipe), printing ends in silence; the run goes on and its events are still counted.
//! When it fails otherwise, a full disk for example, that is said on stderr and kept in [`Seen::broken`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Write};

use agentbus::event::EventId;
use agentbus::redact::{Counts, Redactor};
use agentbus::{Delivery, DomainEvent, Severity};
use anstyle::{AnsiColor, Style};

use super::escape::{Escaped, escaped_json, one_line};
use super::report::complain;

mod amounts;
mod wording;

#[cfg(test)]
mod tests;

pub(crate) use amounts::{bytes, counted, millis};

/// How deep a line is indented at most.
const MAX_DEPTH: usize = 6;

/// Below an event further back than that nothing is indented.
const MAX_CAUSES: usize = 1 << 16;

/// How many characters of words a line has at most.
const MAX_WORDS: usize = 110;

/// How the events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Timeline,
    Json,
}

/// What a printer has seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many events there were, by the name of their kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// How many events the stream missed.
    pub(crate) missed: u64,
    /// Why printing ended early, unless the reader went away.
    pub(crate) broken: Option<String>,
    /// How often which rule masked a secret in what was printed.
    pub(crate) masked: Counts,
}

/// Prints events to `out` and counts them.
#[derive(Debug)]
pub(crate) struct Printer<W> {
    /// `None` after it failed.
    out: Option<W>,
    format: Format,
    timeline: Timeline,
    seen: Seen,
}

/// Makes the lines of a timeline.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// How many causes each event has above it, of the last [`MAX_CAUSES`].
    depths: HashMap<EventId, usize>,
    /// Those events, oldest first.
    told: VecDeque<EventId>,
    redactor: Redactor,
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W, format: Format) -> Self {
        let (timeline, seen) = (Timeline::default(), Seen::default());
        Self { out: Some(out), format, timeline, seen }
    }

    /// Prints an event, or says what was missed.
    pub(crate) fn take(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Event(event) => self.event(event),
            Delivery::Lagged(lag) => {
                self.seen.missed = self.seen.missed.saturating_add(lag.missed);
                complain(&format!("the timeline was too slow and missed {}", counted(lag.missed, "event")));
            }
        }
    }

    /// Whether what it takes is still printed.
    pub(crate) fn is_printing(&self) -> bool {
        self.out.is_some()
    }

    /// What was seen.
    pub(crate) fn finish(self) -> Seen {
        Seen { masked: self.timeline.redactor.counts(), ..self.seen }
    }

    fn event(&mut self, event: &DomainEvent) {
        *self.seen.kinds.entry(event.type_name().to_owned()).or_default() += 1;
        let line = match self.format {
            Format::Timeline => self.timeline.line(event),
            Format::Json => match self.timeline.redactor.event_json(event) {
                Ok(json) => escaped_json(&json),
                Err(error) => return complain(&format!("an event has no JSON form: {error}")),
            },
        };
        self.print(&line);
    }

    fn print(&mut self, line: &str) {
        let Some(out) = &mut self.out else { return };
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.out = None;
            if error.kind() != io::ErrorKind::BrokenPipe {
                complain(&format!("cannot print events any more: {error}"));
                self.seen.broken = Some(error.to_string());
            }
        }
    }
}

impl Timeline {
    /// The line of the next event.
    pub(crate) fn line(&mut self, event: &DomainEvent) -> String {
        let depth = self.depth(event);
        let told = self.redactor.redact_event(event);
        let words =
            told.as_deref().map_or_else(|error| format!("it cannot be told: {error}"), wording::words);
        let event = told.unwrap_or(Cow::Borrowed(event));
        let indented = format!(
            "{:1$}{2}",
            "",
            2 * depth.min(MAX_DEPTH),
            Escaped(&self.redactor.redact_text(event.type_name()))
        );
        let time = event.timestamp().to_string();
        let style = style_of(event.severity());
        let dim = Style::new().dimmed();
        let actor = event.actor_name().map_or("-", |actor| actor.as_str());
        format!(
            "{dim}{}{dim:#} {style}{indented:32}{style:#} {dim}{:18}{dim:#} {}",
            clock(&time),
            one_line(&self.redactor.redact_text(actor), 18),
            one_line(&words, MAX_WORDS)
        )
    }

    fn depth(&mut self, event: &DomainEvent) -> usize {
        let cause = event.causation_id().and_then(|cause| self.depths.get(&cause));
        let depth = cause.map_or(0, |depth| depth + 1);
        if self.depths.insert(event.id(), depth).is_none() {
            self.told.push_back(event.id());
        }
        if self.told.len() > MAX_CAUSES
            && let Some(oldest) = self.told.pop_front()
        {
            self.depths.remove(&oldest);
        }
        depth
    }
}

/// The time of day in an RFC 3339 time, to the millisecond.
fn clock(time: &str) -> String {
    let of_day = time.split_once('T').map_or(time, |(_, of_day)| of_day).trim_end_matches('Z');
    let (seconds, places) = of_day.split_once('.').unwrap_or((of_day, ""));
    format!("{seconds}.{places:0<3.3}")
}

/// How the name of a kind is printed.
pub(crate) fn style_of(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warn => AnsiColor::Yellow.on_default(),
        Severity::Info => AnsiColor::Green.on_default(),
    }
}
