//! Stdin, line by line, until its end or until nobody wants more.
//!
//! It is read on a thread of its own. At the end what was read is handed over to the last whole line; of a line that
//! was cut off by an early end, nothing is.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::JoinHandle;

use agentbus::DomainEvent;
use agentbus::journal::MAX_LINE_BYTES;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::line::{self, LineError};
use crate::cli::wait::{Stop, Waiter, Woken, waiter};

/// How much may be on its way between stdin and the answers, in bytes.
const ON_THE_WAY: usize = 8 << 20;

/// What a line counts at least, in bytes: what is kept for one beside its text.
const LEAST_WEIGHT: usize = 1 << 10;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// How many lines wait to be taken.
const WAITING: usize = 256;

/// A line of stdin.
#[derive(Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    pub(super) event: Result<DomainEvent, LineError>,
    /// Its part of what may be on its way; held until it is answered.
    pub(super) room: OwnedSemaphorePermit,
}

/// How the reading of stdin ended.
#[derive(Debug)]
pub(super) enum End {
    /// There is no more.
    OfInput,
    /// It was told to stop, or stdout is gone. A line that had begun was left.
    Early,
    /// Stdin cannot be read.
    Failed(io::Error),
}

/// Stdin, being read.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) lines: Receiver<Line>,
    /// Dropped, it ends the reading.
    pub(super) stop: Option<Stop>,
    pub(super) thread: JoinHandle<End>,
}

impl Input {
    /// Starts to read, in the current runtime.
    ///
    /// # Errors
    /// If the system has no more files or threads.
    pub(super) fn start() -> io::Result<Self> {
        let (waiter, stop) = waiter()?;
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (sender, lines) = channel(WAITING);
        let room = Arc::new(Semaphore::new(ON_THE_WAY));
        let hand = Hand { lines: sender, room, runtime: Handle::current() };
        let read = move || read(stdin, &waiter, &hand).unwrap_or_else(End::Failed);
        let thread = std::thread::Builder::new().name("stdin".into()).spawn(read)?;
        Ok(Self { lines, stop: Some(stop), thread })
    }
}

/// Reads to the end.
fn read(mut stdin: File, waiter: &Waiter, hand: &Hand) -> io::Result<End> {
    let mut splitter = Splitter::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match waiter.for_input()? {
            Woken::Readable => {}
            Woken::Stopped | Woken::OutputGone => return Ok(End::Early),
        }
        let read = match stdin.read(&mut chunk) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                continue;
            }
            read => read?,
        };
        let is_wanted = match chunk.get(..read) {
            Some([]) | None => {
                splitter.finish(&mut |number, text| hand.over(number, text));
                return Ok(End::OfInput);
            }
            Some(bytes) => splitter.split(bytes, &mut |number, text| hand.over(number, text)),
        };
        if !is_wanted {
            return Ok(End::Early);
        }
    }
}

/// Hands lines over, when there is room for them.
struct Hand {
    lines: Sender<Line>,
    room: Arc<Semaphore>,
    runtime: Handle,
}

impl Hand {
    /// Hands over a line, if it is not empty; whether more is wanted.
    fn over(&self, number: u64, text: Option<&[u8]>) -> bool {
        if text.is_some_and(|text| text.trim_ascii().is_empty()) {
            return true;
        }
        let weight = text.map_or(0, <[u8]>::len).max(LEAST_WEIGHT);
        let room = Arc::clone(&self.room).acquire_many_owned(u32::try_from(weight).unwrap_or(u32::MAX));
        let Ok(room) = self.runtime.block_on(room) else { return false };
        let event = text.map_or(Err(LineError::TooLong), line::event);
        self.lines.blocking_send(Line { number, event, room }).is_ok()
    }
}

/// Finds lines in what is read, and keeps no more of one than [`MAX_LINE_BYTES`].
#[derive(Debug, Default)]
struct Splitter {
    /// How many lines have ended.
    ended: u64,
    /// What was read of the line that has not.
    begun: Vec<u8>,
    /// Whether that is longer than is kept.
    is_too_long: bool,
}

impl Splitter {
    /// Gives each line that ends in `bytes` to `take`, with its number and without its newline, `None` for one that is
    /// too long; until it says that no more is wanted.
    fn split(&mut self, bytes: &[u8], take: &mut impl FnMut(u64, Option<&[u8]>) -> bool) -> bool {
        let mut rest = bytes;
        while let Some(newline) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(newline);
            rest = behind.get(1..).unwrap_or_default();
            self.keep(line);
            if !self.end(take) {
                return false;
            }
        }
        self.keep(rest);
        true
    }

    /// Gives the last line, if it has no newline.
    fn finish(&mut self, take: &mut impl FnMut(u64, Option<&[u8]>) -> bool) {
        if self.is_too_long || !self.begun.is_empty() {
            self.end(take);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.is_too_long || self.begun.len() + part.len() > MAX_LINE_BYTES {
            self.is_too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn end(&mut self, take: &mut impl FnMut(u64, Option<&[u8]>) -> bool) -> bool {
        self.ended += 1;
        let is_too_long = std::mem::take(&mut self.is_too_long);
        let is_wanted = take(self.ended, Some(self.begun.as_slice()).filter(|_| !is_too_long));
        self.begun.clear();
        is_wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in these chunks: number and length of each line.
    fn found(chunks: &[&[u8]]) -> Vec<(u64, Option<usize>)> {
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        let mut take = |number, line: Option<&[u8]>| {
            found.push((number, line.map(<[u8]>::len)));
            true
        };
        for chunk in chunks {
            splitter.split(chunk, &mut take);
        }
        splitter.finish(&mut take);
        found
    }

    #[test]
    fn lines_are_found_wherever_chunks_end() {
        let whole: &[u8] = b"one\n\nthree\nfour";
        let expected = [(1, Some(3)), (2, Some(0)), (3, Some(5)), (4, Some(4))];
        assert_eq!(found(&[whole]), expected);
        assert_eq!(found(&whole.chunks(1).collect::<Vec<_>>()), expected);
        assert_eq!(found(&[b"one\n"]), [(1, Some(3))]);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn of_a_line_too_long_nothing_is_kept() {
        let part = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(found(&[&part, b"\ny\n"]), [(1, Some(MAX_LINE_BYTES)), (2, Some(1))]);
        assert_eq!(found(&[&part, b"x\ny\n"]), [(1, None), (2, Some(1))]);
        assert_eq!(found(&[b"a\n", &part, &part, &part]), [(1, Some(1)), (2, None)]);
        let mut splitter = Splitter::default();
        (0..100).for_each(|_| assert!(splitter.split(&part, &mut |_, _| true)));
        assert_eq!(splitter.begun.capacity(), 0);
    }

    #[test]
    fn when_no_more_is_wanted_no_more_is_given() {
        let mut given = 0;
        let mut take = |_, _: Option<&[u8]>| {
            given += 1;
            false
        };
        assert!(!Splitter::default().split(b"a\nb\n", &mut take));
        assert_eq!(given, 1);
    }
}
