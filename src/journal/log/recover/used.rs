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

impl Opening {
    /// The last position that anybody may have seen.
    pub(super) fn last_used(&self, last: u64) -> Result<u64, Problem> {
        let [cursors, heads] = [CURSORS, HEADS].map(|folder| highest(&*self.storage, folder));
        let mut used = last.max(cursors?).max(heads?);
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

/// The highest position that a file of that folder tells; what cannot be read tells none.
fn highest(storage: &dyn Storage, folder: &str) -> Result<u64, Problem> {
    #[derive(serde::Deserialize)]
    struct Told {
        position: u64,
    }
    let mut highest = 0;
    for name in list(storage, folder)?.iter().filter(|name| name.strip_suffix(".json").is_some()) {
        let Ok(bytes) = read_whole(storage, &format!("{folder}/{name}"), MAX_TOLD_BYTES) else { continue };
        let told = serde_json::from_slice(&bytes).ok().and_then(|told: Told| Position::new(told.position));
        if told == Some(Position::MAX) {
            return Err(Problem::UsedUpBy { file: format!("{folder}/{name}") });
        }
        highest = highest.max(told.map_or(0, Position::get));
    }
    Ok(highest)
}
