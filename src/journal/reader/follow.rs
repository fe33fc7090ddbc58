//! [`Follow`]: a journal, read and then followed as it grows.

use std::fmt;
use std::future::pending;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::coop;
use tokio_stream::Stream;

use super::reading::{Advanced, Reading};
use crate::filter::Filter;
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, ReadFrom, Recorded};
use crate::journal::storage::Storage;
use crate::journal::tail::{Attached, Behind, Mark, Tail};

/// How much is read before it is handed over: so many entries, lines and bytes at most, and one line more.
const BATCH_ENTRIES: usize = 256;
const BATCH_LINES: usize = 16 << 10;
const BATCH_BYTES: usize = 1 << 20;

/// What stands in a journal from a place on, and then what comes, whoever writes it: each line once, in order, without
/// a gap. Made by [`JournalReader::follow`](crate::journal::JournalReader::follow).
///
/// It never ends but by an error, after which it is at its end: to go on, follow again after the last position. Files
/// are read in blocking tasks of the tokio runtime that polls it, a bounded part at a time; outside of one, by whoever
/// polls it. At the end of the journal it shares the events that this process writes, and reads no file for them.
///
/// Waiting for the next entry is cancel safe: none is lost. Dropping it stops everything it does.
#[must_use = "a dropped follower stops"]
pub struct Follow {
    ready: std::vec::IntoIter<Read>,
    /// Gets what comes next; `None` after the end.
    work: Option<Work>,
}

/// As [`Follow`], with the bytes of the lines. Made by
/// [`JournalReader::follow_lines`](crate::journal::JournalReader::follow_lines).
///
/// Each entry comes with its line, newline included, byte for byte as it stands in the file; with nothing if it is no
/// event. All is read from the files, also what this process writes.
#[derive(Debug)]
#[must_use = "a dropped follower stops"]
pub struct FollowLines(Follow);

/// An entry, and the bytes of its line if they are kept and it is an event.
struct Read {
    entry: Entry,
    line: Vec<u8>,
}

/// What becomes of the bytes of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    Kept,
    Dropped,
}

type Work = Pin<Box<dyn Future<Output = (Follower, Result<Vec<Read>, ReadError>)> + Send>>;

impl Follow {
    pub(super) fn new(
        storage: &Arc<dyn Storage>,
        tail: &Arc<Tail>,
        from: ReadFrom,
        filter: Filter,
    ) -> Result<Self, ReadError> {
        Self::begin(storage, tail, Bytes::Dropped, from, filter)
    }

    fn begin(
        storage: &Arc<dyn Storage>,
        tail: &Arc<Tail>,
        bytes: Bytes,
        from: ReadFrom,
        filter: Filter,
    ) -> Result<Self, ReadError> {
        // First, so that nothing that is written from here on goes unnoticed.
        let attached = tail.attach(storage).map_err(|source| ReadError::Watch { source })?;
        let reading = Reading::new(Arc::clone(storage), from, filter)?;
        let known = reading.known();
        let follower = Follower { attached, known, reading: Some(reading), read_at: None, bytes };
        Ok(Self { ready: Vec::new().into_iter(), work: Some(follower.work()) })
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Read, ReadError>>> {
        // A follower that always finds something lets other tasks have a turn.
        let turn = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(read) = self.ready.next() {
                turn.made_progress();
                return Poll::Ready(Some(Ok(read)));
            }
            let Some(work) = &mut self.work else {
                turn.made_progress();
                return Poll::Ready(None);
            };
            match ready!(work.as_mut().poll(cx)) {
                (follower, Ok(batch)) => {
                    self.ready = batch.into_iter();
                    self.work = Some(follower.work());
                }
                (_, Err(error)) => {
                    self.work = None;
                    turn.made_progress();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl Stream for Follow {
    type Item = Result<Entry, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx).map_ok(|read| read.entry)
    }
}

impl FollowLines {
    /// From a tail of its own, to which nothing is published.
    pub(super) fn new(storage: &Arc<dyn Storage>, from: ReadFrom, filter: Filter) -> Result<Self, ReadError> {
        Follow::begin(storage, &Tail::new(), Bytes::Kept, from, filter).map(Self)
    }
}

impl Stream for FollowLines {
    type Item = Result<(Entry, Vec<u8>), ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_read(cx).map_ok(|read| (read.entry, read.line))
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("has_ended", &self.work.is_none()).finish_non_exhaustive()
    }
}

/// Gets one batch after the other.
struct Follower {
    attached: Attached,
    /// Out while a blocking task reads.
    reading: Option<Reading>,
    /// The position up to which everything was given or is not asked for.
    known: Option<Position>,
    /// How things stood before the files were last read to their end.
    read_at: Option<Mark>,
    bytes: Bytes,
}

impl Follower {
    fn work(mut self) -> Work {
        Box::pin(async move {
            let batch = self.batch().await;
            (self, batch)
        })
    }

    /// What comes next: at least one entry.
    async fn batch(&mut self) -> Result<Vec<Read>, ReadError> {
        loop {
            coop::consume_budget().await;
            let mark = self.attached.mark();
            let entries = match self.read_at {
                None => self.read_files(mark).await?,
                Some(read_at) => match self.attached.behind(self.known, BATCH_ENTRIES) {
                    Behind::Events(events) => self.take(events),
                    Behind::InFiles if mark != read_at => self.read_files(mark).await?,
                    Behind::Nothing if mark.has_sightings_since(read_at) => self.read_files(mark).await?,
                    Behind::InFiles | Behind::Nothing => {
                        self.attached.changed().await;
                        Vec::new()
                    }
                },
            };
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
    }

    /// Takes what this process published.
    fn take(&mut self, events: Vec<Recorded>) -> Vec<Read> {
        let reading = self.reading.as_mut().expect(PUT_BACK);
        self.known = events.last().map(|last| last.position).or(self.known);
        let admitted = events.into_iter().filter(|recorded| reading.admits(recorded));
        admitted.map(|recorded| Read { entry: Entry::Event(recorded), line: Vec::new() }).collect()
    }

    /// Reads on in the files; they stood like `mark` before.
    async fn read_files(&mut self, mark: Mark) -> Result<Vec<Read>, ReadError> {
        let mut reading = self.reading.take().expect(PUT_BACK);
        let (known, is_resumed, bytes) = (self.known, self.read_at.take().is_some(), self.bytes);
        let read = move || -> Result<_, ReadError> {
            if is_resumed {
                reading.resume_behind(known)?;
            }
            let batch = read_batch(&mut reading, bytes)?;
            Ok((reading, batch))
        };
        let (reading, (entries, is_end)) = match Handle::try_current() {
            Ok(runtime) => match runtime.spawn_blocking(read).await {
                Ok(read) => read?,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The runtime shuts down: nobody will poll again.
                Err(_) => pending().await,
            },
            Err(_) => read()?,
        };
        self.known = reading.known();
        self.reading = Some(reading);
        self.read_at = is_end.then_some(mark);
        Ok(entries)
    }
}

/// Why a follower has its reading.
const PUT_BACK: &str = "each read puts it back, but for the one that failed, which is the last";

/// Reads a part of bounded size; whether it reached the end.
fn read_batch(reading: &mut Reading, lines: Bytes) -> Result<(Vec<Read>, bool), ReadError> {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for _ in 0..BATCH_LINES {
        match reading.advance_by_a_line()? {
            Advanced::Entry(entry) => {
                let line = if lines == Bytes::Kept { reading.line().to_vec() } else { Vec::new() };
                entries.push(Read { entry, line });
            }
            Advanced::Nothing => {}
            Advanced::End => return Ok((entries, true)),
        }
        bytes += reading.line_len();
        if entries.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES {
            break;
        }
    }
    Ok((entries, false))
}
