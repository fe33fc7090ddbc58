//! The journal's own kinds of lines. Only it writes them, without origin and seq.

use serde::{Deserialize, Serialize};

use crate::custom_kinds;
use crate::event::{Details, DomainEvent, EventId, Severity};

/// Events that are missing here: they did not fit into memory while the journal could not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalGap {
    /// How many.
    pub events: u64,
}

/// An event that could not be made into a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalRefused {
    /// The id of the event.
    pub event_id: EventId,
    /// The name of its kind.
    pub event_type: String,
    /// Why it was refused.
    pub reason: Refusal,
    /// How many bytes its line would have had; absent if it has no JSON form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Why an event could not be made into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Its line would be longer than [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES).
    TooLong,
    /// Its details have no JSON form, writing them panicked, or an id or name in it could not be read again.
    NoJson,
    /// It has a key of its own that is called `pos` or `chain`.
    ReservedKey,
    /// It is of a kind that only the journal writes.
    ReservedKind,
}

custom_kinds! {
    JournalGap = "journal.gap".severity(Severity::Error),
    JournalRefused = "journal.refused".severity(Severity::Warn),
}

/// Whether an event is of one of these kinds.
pub(super) fn is_own(event: &DomainEvent) -> bool {
    [JournalGap::TYPE, JournalRefused::TYPE].iter().any(|kind| kind.as_str() == event.type_name())
}
