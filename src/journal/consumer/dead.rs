//! Dead letters: what a consumer gave up, and why, in `dead/<name>.jsonl`.
//!
//! A line for each event, oldest first: `{"pos":43,"attempts":5,"reason":"..","failed_at":"..","event":{..}}`. The
//! letter is synced before the cursor moves behind its event, so that no event is passed over without one. A crash
//! between the two leaves a letter and the event; if that fails again, the new letter takes the place of the old one.

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
/// A last letter of the same position that was written since the cursor was, at `since`, is this one: whoever wrote it
/// did not come to move the cursor. It is written again, since its sync may have failed.
pub(super) fn bury(
    storage: &dyn Storage,
    name: &ConsumerName,
    letter: &DeadLetter,
    since: Timestamp,
) -> io::Result<()> {
    let is_this = |last: &Head| last.position == letter.position && last.failed_at >= since;
    let (file, is_glued) = open(storage, &name.dead_file(), is_this)?;
    let mut line = if is_glued { vec![b'\n'] } else { Vec::new() };
    serde_json::to_writer(&mut line, letter).map_err(io::Error::other)?;
    line.push(b'\n');
    append_all(&*file, &line)?;
    file.sync()?;
    storage.sync_folder(DEAD)
}

/// Opens the letters, cut to those that stay, and says whether a newline is missing behind them.
///
/// A file of which nothing stays is made anew: its name is then as new as the letter and synced with it.
fn open(
    storage: &dyn Storage,
    name: &str,
    is_this: impl FnOnce(&Head) -> bool,
) -> io::Result<(Box<dyn StorageFile>, bool)> {
    match storage.open(name, Open::Append) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage.create_folder(DEAD)?;
            storage.sync_folder("")?;
        }
        opened => {
            let file = opened?;
            let stays = Stays::of(&*file, is_this)?;
            if stays.until > 0 {
                file.cut(stays.until)?;
                return Ok((file, stays.is_glued));
            }
            drop(file);
            storage.remove(name)?;
        }
    }
    Ok((storage.open(name, Open::Create)?, false))
}

/// What stays of the letters when another one is written.
struct Stays {
    /// Up to there, in bytes from the start: all whole lines, but for a last letter that is written again.
    until: u64,
    /// Whether the newline before that place is missing: more stands behind the last one than any letter has, which is
    /// not ours to cut.
    is_glued: bool,
}

impl Stays {
    fn of(file: &dyn StorageFile, is_this: impl FnOnce(&Head) -> bool) -> io::Result<Self> {
        let len = file.len()?;
        // Room for a whole letter and a torn one.
        let start = len.saturating_sub(2 * MAX_LETTER_BYTES as u64);
        let bytes = read_from(file, start)?;
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1);
        if bytes.len() - whole > MAX_LETTER_BYTES {
            return Ok(Self { until: start + bytes.len() as u64, is_glued: true });
        }
        let lines = bytes.get(..whole.saturating_sub(1)).unwrap_or_default();
        let last = memchr::memrchr(b'\n', lines).map_or(0, |newline| newline + 1);
        let head = serde_json::from_slice(lines.get(last..).unwrap_or_default()).ok();
        let until = if head.is_some_and(|head| is_this(&head)) { last } else { whole };
        Ok(Self { until: start + until as u64, is_glued: false })
    }
}

/// What tells a letter from another.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "pos")]
    position: Position,
    failed_at: Timestamp,
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
