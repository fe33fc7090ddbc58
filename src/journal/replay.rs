//! Replay: what a journal holds, told again on a bus.
//!
//! [`JournalReader::replay`] says what and how fast, [`Replay::into_bus`] does it. Events are told in the order of
//! their positions, marked as [replayed](crate::DomainEvent::is_replayed), with the origin and the seq that they had:
//! handlers can tell them from new ones, and a journal on that bus does not record them again.
//!
//! It promises that handlers of the bus, async ones too, miss nothing as long as their queue holds 256 events: the bus
//! is flushed after each so many. Streams are not waited for; one that is too slow is told what it missed.
//!
//! What goes wrong: a line that cannot be read is counted and passed; lines that are gone are told of and passed. A file that cannot be read, or a bus that cannot
//! be flushed, ends the replay with the position of the last event that was told, behind which another one may begin.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! use agentbus::event::SessionCreated;
//! use agentbus::journal::{Journal, Pace, ReadFrom};
//! use agentbus::{DomainEvent, EventBusExt, Filter, ReactiveEventBus};
//!
//! let journal = Journal::open(directory.path())?;
//! journal.append(DomainEvent::new(SessionCreated::new(false))).await?;
//!
//! let bus = ReactiveEventBus::new();
//! let _handler = bus.on(Filter::all(), |event| assert!(event.is_replayed()));
//! let replayed = journal.replay(ReadFrom::Start, Filter::all(), Pace::Immediate).into_bus(&bus).await?;
//! assert_eq!(replayed.events, 1);
//! # Ok(())
//! # }
//! ```

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::handle::Journal;
use super::position::Position;
use super::reader::{JournalReader, Reading};
use super::record::{Entry, ReadError, ReadFrom, Recorded};
use crate::bus::{EventBus, FlushError};
use crate::event::Timestamp;
use crate::filter::Filter;

/// How many events are told between two flushes of the bus.
const CHUNK_EVENTS: usize = 256;

/// A chunk with lines of more bytes than that has no further event.
const CHUNK_BYTES: usize = 1 << 20;

/// How fast a journal is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// With the distances that the timestamps of the events have. Where the clock stepped back there is none.
    Original,
    /// So many times as fast: more than 0, and finite.
    Times(f64),
    /// As fast as the bus takes them.
    Immediate,
}

/// A replay that has not begun.
#[derive(Clone, Debug)]
#[must_use = "nothing is replayed before `into_bus`"]
pub struct Replay {
    reader: JournalReader,
    from: ReadFrom,
    filter: Filter,
    pace: Pace,
}

/// What was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many events were told.
    pub events: u64,
    /// How many lines could not be read.
    pub unreadable: u64,
    /// Lines up to and including this position were gone, removed by retention or lost; `None` if none was.
    pub removed: Option<Position>,
    /// The position of the last event told; `None` if there was none.
    pub last: Option<Position>,
}

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No such pace: nothing was told.
    #[error("cannot replay {times} times as fast: must be a finite number above 0")]
    Pace {
        /// What was asked for.
        times: f64,
    },
    /// The journal cannot be read any further.
    #[error("cannot replay on behind {}", place(replayed))]
    Read {
        /// What was replayed before.
        replayed: Replayed,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The bus cannot be flushed. What was told before may not have been handled.
    #[error("cannot wait for the handlers of what was replayed up to {}", place(replayed))]
    Flush {
        /// What was told before.
        replayed: Replayed,
        /// Why.
        #[source]
        source: FlushError,
    },
}

fn place(replayed: &Replayed) -> String {
    replayed.last.map_or_else(|| "the start".to_owned(), |last| format!("position {last}"))
}

impl JournalReader {
    /// What stands in the journal from there on and matches, to be told again on a bus.
    pub fn replay(&self, from: ReadFrom, filter: Filter, pace: Pace) -> Replay {
        Replay { reader: self.clone(), from, filter, pace }
    }
}

impl Journal {
    /// As [`JournalReader::replay`].
    pub fn replay(&self, from: ReadFrom, filter: Filter, pace: Pace) -> Replay {
        self.reader().replay(from, filter, pace)
    }
}

impl Replay {
    /// Tells the events on that bus, to the end of the journal at the time when it is reached, and waits until its
    /// handlers are done with them.
    ///
    /// Files are read on threads for blocking work. With a [`Pace`] other than [`Pace::Immediate`] the runtime's time
    /// must be enabled.
    ///
    /// # Errors
    /// [`ReplayError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropped, it tells no more, also if it is waiting for the next event's time.
    pub async fn into_bus(self, bus: &dyn EventBus) -> Result<Replayed, ReplayError> {
        let mut schedule = Schedule::new(self.pace)?;
        let mut replayed = Replayed::default();
        let Self { reader, from, filter, .. } = self;
        let mut source = Source::Begin { reader, from, filter };
        loop {
            let chunk = source.next_chunk().await;
            replayed.unreadable += chunk.unreadable;
            replayed.removed = replayed.removed.max(chunk.removed);
            for Recorded { position, event } in chunk.events {
                schedule.wait_for(event.timestamp()).await;
                bus.emit(Arc::unwrap_or_clone(event).with_replayed(true));
                replayed.events += 1;
                replayed.last = Some(position);
            }
            bus.flush().await.map_err(|source| ReplayError::Flush { replayed, source })?;
            match chunk.rest {
                Ok(Some(reading)) => source = Source::Reading(Box::new(reading)),
                Ok(None) => return Ok(replayed),
                Err(source) => return Err(ReplayError::Read { replayed, source }),
            }
        }
    }
}

/// Where the next events come from.
enum Source {
    Begin { reader: JournalReader, from: ReadFrom, filter: Filter },
    Reading(Box<Reading>),
}

/// Events that are told before the next are read.
struct Chunk {
    events: Vec<Recorded>,
    unreadable: u64,
    removed: Option<Position>,
    /// What is behind them; `None` at the end.
    rest: Result<Option<Reading>, ReadError>,
}

impl Source {
    /// Reads on, where that may block.
    async fn next_chunk(self) -> Chunk {
        match spawn_blocking(move || self.read()).await {
            Ok(chunk) => chunk,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Only a runtime that shuts down refuses the work; it is about to drop this future too.
                Err(_shutting_down) => std::future::pending().await,
            },
        }
    }

    fn read(self) -> Chunk {
        let begun = match self {
            Self::Begin { reader, from, filter } => reader.read(from, filter),
            Self::Reading(reading) => Ok(*reading),
        };
        match begun {
            Ok(reading) => Chunk::read(reading),
            Err(error) => Chunk { events: Vec::new(), unreadable: 0, removed: None, rest: Err(error) },
        }
    }
}

impl Chunk {
    fn read(mut reading: Reading) -> Self {
        let (mut events, mut unreadable, mut removed, mut bytes) = (Vec::new(), 0, None, 0);
        let rest = loop {
            if events.len() == CHUNK_EVENTS || bytes > CHUNK_BYTES {
                break Ok(Some(reading));
            }
            match reading.next() {
                Some(Ok(Entry::Event(recorded))) => {
                    bytes += reading.line().len();
                    events.push(recorded);
                }
                Some(Ok(Entry::Unreadable(_))) => unreadable += 1,
                Some(Ok(Entry::Removed { through })) => removed = removed.max(Some(through)),
                Some(Err(error)) => break Err(error),
                None => break Ok(None),
            }
        };
        Self { events, unreadable, removed, rest }
    }
}

/// When each event is told.
#[derive(Debug)]
struct Schedule {
    /// How many times as fast as it was; `None` is without a wait.
    times: Option<f64>,
    begun: Option<Begun>,
}

/// A schedule of which an event was told.
#[derive(Debug)]
struct Begun {
    start: Instant,
    /// How long after the start the last event was due.
    due: Duration,
    /// When the last event happened.
    happened: Timestamp,
}

impl Schedule {
    fn new(pace: Pace) -> Result<Self, ReplayError> {
        let times = match pace {
            Pace::Immediate => None,
            Pace::Original => Some(1.0),
            Pace::Times(times) if times.is_finite() && times > 0.0 => Some(times),
            Pace::Times(times) => return Err(ReplayError::Pace { times }),
        };
        Ok(Self { times, begun: None })
    }

    /// Waits until it is time for an event that happened then. Time that was lost, by a slow handler for example, is
    /// made good.
    async fn wait_for(&mut self, happened: Timestamp) {
        let Some(times) = self.times else { return };
        let start = Instant::now();
        let begun = self.begun.get_or_insert(Begun { start, due: Duration::ZERO, happened });
        let distance = happened.since(begun.happened).as_secs_f64() / times;
        begun.due = begun.due.saturating_add(Duration::try_from_secs_f64(distance).unwrap_or(Duration::MAX));
        begun.happened = happened;
        let wait = begun.due.saturating_sub(begun.start.elapsed());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}
