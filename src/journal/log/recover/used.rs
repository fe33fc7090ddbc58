//! Which positions are used: those that anybody may have seen, in whatever file it is told.
//!
//! None of them is ever given to another event. Where it is not known how far they went, all that were reserved count
//! as used; a cursor or a head that cannot be read tells of none.

use super::{Opening, list};
use crate::journal::health::Problem;
use crate::journal::layout::{CURSORS, HEADS};
use crate::journal::log::RESERVED;
use crate::journal::position::Position;
use crate::journal::storage::{Storage, read_whole};

/// The longest cursor or head that is looked into, in bytes.
const MAX_TOLD_BYTES: usize = 1 << 20;

/// The digits of a head's number in its name.
const HEAD_DIGITS: usize = 20;

impl Opening {
    /// The last position that anybody may have seen.
    pub(super) fn last_used(&self, last: u64) -> Result<u64, Problem> {
        let storage = &*self.storage;
        let told = [cursors(storage)?, heads(storage)?].concat();
        let mut used = last.max(told.into_iter().max().unwrap_or_default());
        // After a clean close what is reserved was used, also where its lines are gone.
        if self.skips || self.manifest.boot.is_none() {
            used = used.max(self.manifest.reserved);
        }
        if self.recovery.manifest_rebuilt {
            used = used.saturating_add(RESERVED);
        }
        if used < Position::MAX.get() { Ok(used) } else { Err(Problem::Full) }
    }
}

/// The positions that cursors tell.
fn cursors(storage: &dyn Storage) -> Result<Vec<u64>, Problem> {
    let told = list(storage, CURSORS)?.into_iter().map(|name| told(storage, CURSORS, &name));
    Ok(told.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The positions that heads tell. Of those that are numbered, of which there may be many, the newest that can be read:
/// none before it tells a later one.
fn heads(storage: &dyn Storage) -> Result<Vec<u64>, Problem> {
    let is_numbered = |name: &String| {
        let digits = name.strip_suffix(".json").filter(|digits| digits.len() == HEAD_DIGITS);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (mut numbered, others): (Vec<_>, Vec<_>) = list(storage, HEADS)?.into_iter().partition(is_numbered);
    numbered.sort_unstable();
    let mut positions = Vec::new();
    for name in others {
        positions.extend(told(storage, HEADS, &name)?);
    }
    for name in numbered.iter().rev() {
        if let Some(position) = told(storage, HEADS, name)? {
            positions.push(position);
            break;
        }
    }
    Ok(positions)
}

/// The position that a file tells; what cannot be read tells none.
fn told(storage: &dyn Storage, folder: &str, name: &str) -> Result<Option<u64>, Problem> {
    #[derive(serde::Deserialize)]
    struct Told {
        position: u64,
    }
    if name.strip_suffix(".json").is_none() {
        return Ok(None);
    }
    let file = format!("{folder}/{name}");
    let Ok(bytes) = read_whole(storage, &file, MAX_TOLD_BYTES) else { return Ok(None) };
    let told = serde_json::from_slice(&bytes).ok().map(|told: Told| told.position);
    if told.and_then(Position::new) == Some(Position::MAX) {
        return Err(Problem::UsedUpBy { file });
    }
    Ok(told.filter(|position| *position == 0 || Position::new(*position).is_some()))
}
