//! [`Durability`]: when what is written is made to outlive a crash of the machine.

use std::time::Duration;

/// When written lines are synced, and so what a crash can take.
///
/// A crash of the process takes nothing that was written. A crash of the machine takes what was not synced, and may
/// take it from the middle; that is told then, by recovery and by [`verify`](super::JournalReader::verify).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the system likes; `flush` does not sync either.
    Os,
    /// At the latest so long after they were written, and at a `flush`.
    Interval(Duration),
    /// Each batch before it counts as recorded.
    Sync,
}

impl Default for Durability {
    /// [`Durability::Interval`] of 200 milliseconds.
    fn default() -> Self {
        Self::Interval(Duration::from_millis(200))
    }
}
