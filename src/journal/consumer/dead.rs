//! Dead letters: what a consumer gave up, and why, in `dead/<name>.jsonl`.
//!
//! A line for each event, oldest first: `{"pos":43,"attempts":5,"reason":"..","failed_at":"..","event":{..}}`. The
//! letter is synced before the cursor moves behind its event, so that no event is passed over without one. A crash
//! between the two leaves a letter and the event: if that fails again its letter is not written again.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::read::Blocks;
use super::name::ConsumerName;
use crate::event::{Brief, DomainEvent, Timestamp};
use crate::journal::layout::DEAD;
use crate::journal::line::MAX_LINE_BYTES;
use crate::journal::position::Position;
use crate::journal::storage::{Open, Storage, StorageFile, append_all};

mod read;

pub use read::DeadLetters;
pub(super) use read::count;

/// More than any letter has: an event as its line has it, with a reason.
const MAX_LETTER_BYTES: usize = 2 * MAX_LINE_BYTES;

/// An event that a consumer gave up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The event's position.
    #[serde(rename = "pos")]
    pub position: Position,
    /// How often it failed.
    pub attempts: u32,
    /// Why it failed the last time, secrets masked.
    pub reason: Brief,
    /// When it failed the last time.
    pub failed_at: Timestamp,
    /// The event, as it is recorded.
    pub event: Arc<DomainEvent>,
}

/// Writes a letter and makes it outlive a crash of the machine. The caller holds the consumer's lock.
///
/// A letter of the same position that was written since the cursor was, at `since`, is this one: whoever wrote it
/// did not come to move the cursor.
pub(super) fn bury(
    storage: &dyn Storage,
    name: &ConsumerName,
    letter: &DeadLetter,
    since: Timestamp,
) -> io::Result<()> {
    let file = open(storage, &name.dead_file())?;
    let end = End::of(&*file)?;
    let is_there = end.last.is_some_and(|last| last.position == letter.position && last.failed_at >= since);
    if !is_there {
        if end.torn == Torn::Letter {
            file.cut(end.whole)?;
        }
        let mut line = Vec::new();
        if end.torn == Torn::Foreign {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, letter).map_err(io::Error::other)?;
        line.push(b'\n');
        append_all(&*file, &line)?;
    }
    file.sync()?;
    storage.sync_folder(DEAD)
}

fn open(storage: &dyn Storage, name: &str) -> io::Result<Box<dyn StorageFile>> {
    match storage.open(name, Open::Append) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage.create_folder(DEAD)?;
            storage.open(name, Open::Create)
        }
        opened => opened,
    }
}

/// What is at the end of the letters.
struct End {
    /// Where the last whole line ends, in bytes from the start.
    whole: u64,
    /// What stands behind it.
    torn: Torn,
    /// The last whole line, if it is a letter.
    last: Option<Head>,
}

#[derive(PartialEq, Eq)]
enum Torn {
    /// Nothing.
    Nothing,
    /// What a crash left of a letter.
    Letter,
    /// More than any letter has: not ours to cut.
    Foreign,
}

/// What tells a letter from another.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "pos")]
    position: Position,
    failed_at: Timestamp,
}

impl End {
    fn of(file: &dyn StorageFile) -> io::Result<Self> {
        let len = file.len()?;
        // Room for a whole letter and a torn one.
        let start = len.saturating_sub(2 * MAX_LETTER_BYTES as u64);
        let bytes = read_from(file, start)?;
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1);
        let (lines, rest) = bytes.split_at(whole);
        let torn = match rest.len() {
            0 => Torn::Nothing,
            1..=MAX_LETTER_BYTES => Torn::Letter,
            _ => Torn::Foreign,
        };
        let last = lines.strip_suffix(b"\n").and_then(|lines| {
            let before = memchr::memrchr(b'\n', lines).map_or(0, |newline| newline + 1);
            serde_json::from_slice(lines.get(before..)?).ok()
        });
        Ok(Self { whole: start + whole as u64, torn, last })
    }
}

/// All bytes from `start` to the end.
fn read_from(file: &dyn StorageFile, start: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut blocks = Blocks::new(file, start);
    while let Some(block) = blocks.next()? {
        bytes.extend_from_slice(block);
    }
    Ok(bytes)
}
