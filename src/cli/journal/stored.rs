//! `query` and `tail`: what stands in a journal.

use std::io::{BufWriter, Write};
use std::num::NonZeroU64;
use std::sync::Arc;

use agentbus::Filter;
use agentbus::event::Timestamp;
use agentbus::journal::{Entry, JournalReader, Position, ReadError, ReadFrom, Reading, Tailed};
use tokio::task::spawn_blocking;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::progress::{Aside, Progress};
use super::show::Show;
use super::{Ended, VerbError, directory, runtime, stdout};
use crate::cli::args::journal::{QueryArgs, TailArgs};
use crate::cli::interrupt::Interrupts;
use crate::cli::report::complain;
use crate::cli::timeline::counted;
use crate::cli::wait::{Woken, waiter};

/// How much is printed at once, in bytes.
const PRINTED_AT_ONCE: usize = 64 << 10;

/// Somewhere to print to.
type Out = BufWriter<Aside<Box<dyn Write>>>;

/// Shows entries on stdout.
fn show(json: bool, progress: &Arc<Progress>) -> Show<Out> {
    let out = BufWriter::with_capacity(PRINTED_AT_ONCE, Aside::new(stdout(json), Arc::clone(progress)));
    if json { Show::as_stored(out) } else { Show::timeline(out) }
}

/// `query`.
pub(super) fn query(args: QueryArgs) -> Result<Ended, VerbError> {
    let QueryArgs { of, since, until, limit } = args;
    let (reader, meter) = directory::metered(&of.directory)?;
    let mut reading = reader.read(ReadFrom::Start, of.filter.unwrap_or_else(Filter::all))?;
    let progress = Arc::new(meter.show());
    let mut show = show(of.json, &progress);
    let is_asked = |happened: Timestamp| {
        since.is_none_or(|since| since <= happened) && until.is_none_or(|until| happened < until)
    };
    let mut left = limit.map_or(u64::MAX, NonZeroU64::get);
    while left > 0
        && let Some(entry) = reading.next()
    {
        match entry? {
            Entry::Event(recorded) if !is_asked(recorded.event.timestamp()) => {}
            event @ Entry::Event(_) => {
                left -= 1;
                show.entry(&event, reading.line())?;
            }
            other => progress.aside(|| show.entry(&other, &[]))?,
        }
    }
    Ok(show.finish()?)
}

/// `tail`.
pub(super) fn tail(args: TailArgs) -> Result<Ended, VerbError> {
    let TailArgs { of, count, follow } = args;
    let (reader, meter) = directory::metered(&of.directory)?;
    // While it looks for what is there; what is shown then is soon printed.
    let progress = meter.show();
    let filter = of.filter.unwrap_or_else(Filter::all);
    // Asked for first: what comes after is followed.
    let end = reader.last()?;
    let Tailed { entries, left_out, .. } =
        reader.tail(usize::try_from(count).unwrap_or(usize::MAX), filter.clone())?;
    drop(progress);
    if left_out > 0 {
        complain(&format!("before these, {} cannot be read", counted(left_out, "more line")));
    }
    if !follow {
        return print(of.json, &reader, entries);
    }
    let first = entries.iter().find_map(|entry| match entry {
        Entry::Event(recorded) => Some(recorded.position),
        _ => None,
    });
    let after = first.map_or(end, Position::previous);
    runtime(1)?.block_on(follow_on(&reader, after, filter, of.json))
}

/// Shows entries that were read before; the bytes of their lines are read again, if they are wanted.
pub(super) fn print(json: bool, reader: &JournalReader, entries: Vec<Entry>) -> Result<Ended, VerbError> {
    let mut show = show(json, &Arc::new(Progress::hidden()));
    let mut lines = Lines { reader, reading: None };
    for entry in entries {
        match &entry {
            Entry::Event(recorded) if show.wants_lines() => match lines.of(recorded.position)? {
                Some(line) => show.entry(&entry, line)?,
                None => show.entry(&Entry::Removed { through: recorded.position }, &[])?,
            },
            _ => show.entry(&entry, &[])?,
        }
    }
    Ok(show.finish()?)
}

/// Reads lines of events that were read before.
struct Lines<'a> {
    reader: &'a JournalReader,
    reading: Option<Reading>,
}

impl Lines<'_> {
    /// The line at that position, which is behind those asked for before; `None` if it is gone.
    fn of(&mut self, position: Position) -> Result<Option<&[u8]>, ReadError> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.reader.read(position.previous().into(), Filter::all())?,
        };
        while let Some(entry) = reading.next() {
            match entry? {
                Entry::Event(stored) if stored.position == position => {
                    return Ok(Some(self.reading.insert(reading).line()));
                }
                Entry::Event(stored) if stored.position > position => break,
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Shows what stands behind that position and what comes, until a signal, or until nobody reads stdout any more.
async fn follow_on(
    reader: &JournalReader,
    after: Option<Position>,
    filter: Filter,
    json: bool,
) -> Result<Ended, VerbError> {
    let mut show = show(json, &Arc::new(Progress::hidden()));
    let interrupts = Interrupts::listen(CancellationToken::new(), None).map_err(VerbError::Start)?;
    let (waiter, _stop) = waiter().map_err(VerbError::Start)?;
    let mut output = spawn_blocking(move || waiter.for_output_gone());
    let mut lines = reader.follow_lines(after.into(), filter)?;
    let (mut is_watched, mut is_flushed) = (true, true);
    loop {
        tokio::select! {
            biased;
            () = interrupts.token().cancelled() => break,
            woken = &mut output, if is_watched => match woken {
                Ok(Ok(Woken::OutputGone)) => break,
                // It cannot be watched: the next line that is printed tells.
                _ => is_watched = false,
            },
            read = lines.next() => {
                let Some(read) = read else { break };
                let (entry, line) = read?;
                show.entry(&entry, &line)?;
                is_flushed = false;
            }
            // Only when no line is there.
            () = std::future::ready(()), if !is_flushed => {
                show.flush()?;
                is_flushed = true;
            }
        }
    }
    Ok(show.finish()?)
}
