//! `consumers`, `poll`, `ack`, `nack`: who has come how far, and how to go on.

use std::fmt;
use std::io::{self, Write};

use agentbus::event::Timestamp;
use agentbus::journal::{
    Consumer, ConsumerError, ConsumerOptions, ConsumerState, CursorState, Entry, Nacked, Position, Retry,
};
use serde::Serialize;

use super::show::{complain_removed, complain_unreadable};
use super::{Ended, VerbError, directory, print_answer, print_json, stdout, stored};
use crate::cli::args::journal::{AckArgs, ConsumerArgs, DirectoryArgs, NackArgs, PollArgs};
use crate::cli::report::{complain, with_causes};
use crate::cli::timeline::counted;

/// What is known of a consumer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum State<'a> {
    Usable {
        consumer: &'a str,
        /// The last position acknowledged; 0 if none was.
        position: u64,
        lag: u64,
        updated: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<&'a Retry>,
        #[serde(flatten)]
        dead: Dead,
    },
    Unusable {
        consumer: &'a str,
        error: String,
        #[serde(flatten)]
        dead: Dead,
    },
}

/// How many dead letters there are, or why that is not known.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Dead {
    Counted { dead_letters: u64 },
    Unreadable { dead_letters_error: String },
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted { dead_letters } => f.pad(&dead_letters.to_string()),
            Self::Unreadable { .. } => f.pad("?"),
        }
    }
}

impl<'a> State<'a> {
    pub(super) fn of(state: &'a ConsumerState) -> Self {
        let consumer = state.name.as_str();
        let dead = match &state.dead_letters {
            Ok(dead_letters) => Dead::Counted { dead_letters: *dead_letters },
            Err(error) => Dead::Unreadable { dead_letters_error: with_causes(error) },
        };
        match &state.cursor {
            Ok(CursorState { position, lag, updated, retry, .. }) => Self::Usable {
                consumer,
                position: position.map_or(0, Position::get),
                lag: *lag,
                updated: *updated,
                retry: retry.as_ref(),
                dead,
            },
            Err(ConsumerError::Corrupt { file, source }) => {
                let error = VerbError::Cursor { file: file.clone(), source: *source };
                Self::Unusable { consumer, error: with_causes(&error), dead }
            }
            Err(error) => Self::Unusable { consumer, error: with_causes(error), dead },
        }
    }
}

#[derive(Serialize)]
struct Acknowledged<'a> {
    consumer: &'a str,
    position: Position,
}

#[derive(Serialize)]
struct Failed<'a> {
    consumer: &'a str,
    position: Position,
    attempts: u32,
    dead: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
}

/// `consumers`.
pub(super) fn list(args: &DirectoryArgs) -> Result<Ended, VerbError> {
    let consumers = directory::reader(&args.directory)?.consumers()?;
    let mut out = stdout(args.json);
    if args.json {
        consumers.iter().try_for_each(|state| print_json(&mut out, &State::of(state)))?;
    } else {
        table(&mut out, &consumers)?;
    }
    out.flush()?;
    Ok(Ended::well_if(consumers.iter().all(|state| state.cursor.is_ok() && state.dead_letters.is_ok())))
}

/// Prints a line for each consumer, and a heading.
pub(super) fn table(out: &mut impl Write, consumers: &[ConsumerState]) -> io::Result<()> {
    if consumers.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:24} {:>10} {:>10} {:>6}  {:20}  retry",
        "consumer", "position", "lag", "dead", "updated"
    )?;
    for state in consumers.iter().map(State::of) {
        let dead = match state {
            State::Usable { consumer, position, lag, updated, retry, dead } => {
                let (updated, retry) =
                    (to_the_second(updated), retry.map(retry_in_words).unwrap_or_default());
                writeln!(out, "{consumer:24} {position:>10} {lag:>10} {dead:>6}  {updated:20}  {retry}")?;
                dead
            }
            State::Unusable { consumer, error, dead } => {
                writeln!(out, "{consumer:24} {:>10} {:>10} {dead:>6}  {error}", "?", "?")?;
                dead
            }
        };
        if let Dead::Unreadable { dead_letters_error } = dead {
            writeln!(out, "{:24} {dead_letters_error}", "")?;
        }
    }
    Ok(())
}

fn retry_in_words(retry: &Retry) -> String {
    let Retry { position, attempts, not_before, .. } = retry;
    format!("{position} failed {}, again at {}", counted(*attempts, "time"), to_the_second(*not_before))
}

/// A moment, without parts of a second.
fn to_the_second(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// `poll`.
pub(super) fn poll(args: &PollArgs) -> Result<Ended, VerbError> {
    let reader = directory::reader(&args.consumer.of.directory)?;
    let options = ConsumerOptions::new();
    let options = args.reset_to.map_or(options.clone(), |from| options.reset_to(from));
    let mut consumer = reader.consumer_with(args.consumer.name.as_str(), options)?;
    let polled = consumer.poll(args.max)?;
    if let Some(through) = polled.removed {
        complain_removed(through);
    }
    for unreadable in polled.unreadable.items() {
        complain_unreadable(unreadable);
    }
    if polled.unreadable.more() > 0 {
        complain(&format!("cannot read {} more", counted(polled.unreadable.more(), "line")));
    }
    if let Some(retry) = consumer.retry().filter(|_| polled.events.is_empty()) {
        complain(&retry_in_words(retry));
    }
    let is_all = polled.removed.is_none() && polled.unreadable.is_empty();
    let entries = polled.events.into_iter().map(Entry::Event).collect();
    let printed = stored::print(args.consumer.of.json, &reader, entries)?;
    Ok(if is_all { printed } else { Ended::Ill })
}

/// `ack`.
pub(super) fn ack(args: &AckArgs) -> Result<Ended, VerbError> {
    let mut consumer = known(&args.consumer)?;
    consumer.ack(args.position)?;
    let (name, position) = (args.consumer.name.as_str(), args.position);
    let answer = Acknowledged { consumer: name, position };
    print_answer(args.consumer.of.json, &answer, |out| writeln!(out, "{name} is at {position}"))?;
    Ok(Ended::Well)
}

/// `nack`.
pub(super) fn nack(args: &NackArgs) -> Result<Ended, VerbError> {
    let mut consumer = known(&args.consumer)?;
    let nacked = consumer.nack(args.position, &args.reason)?;
    let (attempts, not_before) = match nacked {
        Nacked::Again { attempts, not_before } => (attempts, Some(not_before)),
        Nacked::Dead { attempts } => (attempts, None),
        _ => (0, None),
    };
    let (name, position, dead) = (args.consumer.name.as_str(), args.position, not_before.is_none());
    let answer = Failed { consumer: name, position, attempts, dead, not_before };
    let times = counted(attempts, "time");
    print_answer(args.consumer.of.json, &answer, |out| match not_before {
        Some(moment) => writeln!(out, "{position} failed {times}: {name} is given it again at {moment}"),
        None => writeln!(out, "{position} failed {times}: it is in dead/{name}.jsonl, {name} goes on"),
    })?;
    Ok(Ended::Well)
}

/// The consumer of that name. One that was never polled would be made here by a slip of the hand.
fn known(args: &ConsumerArgs) -> Result<Consumer, VerbError> {
    let reader = directory::reader(&args.of.directory)?;
    if !reader.has_consumer(&args.name)? {
        return Err(VerbError::NoConsumer { name: args.name.clone() });
    }
    Ok(reader.consumer(args.name.as_str())?)
}
