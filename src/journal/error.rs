//! What appending and closing can fail with.

use super::line::MAX_LINE_BYTES;
use super::settling::Settling;
use crate::event::DomainEvent;

/// Why an event was not appended, or is not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Its line would be too long. A `journal.refused` line tells so in its place.
    #[error("cannot append an event whose line has {bytes} bytes: at most {MAX_LINE_BYTES} are allowed")]
    TooLong {
        /// How long its line would be.
        bytes: usize,
    },
    /// It has a key of its own that the journal writes itself. A `journal.refused` line tells so in its place.
    #[error("cannot append an event that has a key \"pos\" or \"chain\": the journal sets these")]
    ReservedKey,
    /// It is of a kind that only the journal writes. A `journal.refused` line tells so in its place.
    #[error("cannot append an event of a kind that only the journal writes: journal.gap and journal.refused")]
    ReservedKind,
    /// Its details have no JSON form, writing them panicked, or it has an id or name that could not be read again (empty,
    /// too long, or with control characters). A `journal.refused` line tells so in its place.
    #[error("cannot append an event that has no JSON form: its details, or a name in it, cannot be written")]
    NoJson,
    /// The journal cannot write at the moment. The events were not recorded and are handed back.
    #[error("cannot append while the journal cannot write: {reason}")]
    Failing {
        /// What keeps it from writing.
        reason: String,
        /// What was not recorded.
        events: Vec<DomainEvent>,
    },
    /// The journal began to fail while the event was being written. It is kept in memory and recorded once writing
    /// resumes, unless the process ends before that: appending it again may record it twice. What became of it
    /// [`Settling::settled`] tells.
    #[error("cannot tell yet whether the event is recorded: {reason}")]
    Unsettled {
        /// What keeps the journal from writing.
        reason: String,
        /// To wait for what becomes of it.
        settling: Settling,
    },
    /// The journal was closed. The events were not recorded and are handed back.
    #[error("cannot append to a journal that is closed")]
    Closed {
        /// What was not recorded.
        events: Vec<DomainEvent>,
    },
}

/// Why not everything was written when a journal was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write {unwritten} event{} before the journal closes{}", if *unwritten == 1 { "" } else { "s" }, reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
#[non_exhaustive]
pub struct CloseError {
    /// How many are lost.
    pub unwritten: u64,
    /// What kept them from being written, if not time alone.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_not_told_as_many() {
        let told = |unwritten| CloseError { unwritten, reason: None }.to_string();
        assert_eq!(told(1), "cannot write 1 event before the journal closes");
        assert_eq!(told(2), "cannot write 2 events before the journal closes");
    }
}
