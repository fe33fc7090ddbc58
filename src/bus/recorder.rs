//! [`Recorder`]: the seam to a journal.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::event::{DomainEvent, Turn};

/// Keeps what a bus emits. A recorder belongs to one bus.
///
/// Implementors hold to this: `record` is called in the order section, once for every turn of the bus from the
/// first, so that the n-th call is turn n; it only enqueues, takes no lock that is held while something waits, and
/// does not call back into the bus. Replayed events are offered too, for the sake of that count, and not recorded
/// again.
#[async_trait]
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Takes the event of the next turn.
    fn record(&self, event: &Arc<DomainEvent>);

    /// Called on the emitting thread after the order section: the recorder may write here, for a bounded time, if
    /// its queue is too long.
    fn relieve(&self) {}

    /// Waits until everything up to and including `through` is recorded, as durably as the recorder promises.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be recorded now. It is kept and may be recorded later.
    ///
    /// # Cancel safety
    /// Must be cancel safe.
    async fn recorded(&self, through: Turn) -> Result<(), RecordError>;
}

#[async_trait]
impl<R: Recorder + ?Sized> Recorder for Arc<R> {
    fn record(&self, event: &Arc<DomainEvent>) {
        (**self).record(event);
    }
    fn relieve(&self) {
        (**self).relieve();
    }
    async fn recorded(&self, through: Turn) -> Result<(), RecordError> {
        (**self).recorded(through).await
    }
}

/// Why a recorder could not record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RecordError {
    reason: String,
}

impl RecordError {
    /// An error with that reason: lower case, no full stop, says what could not be done.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
