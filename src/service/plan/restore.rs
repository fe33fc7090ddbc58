//! [`PlanService`] from a journal.

use std::sync::Arc;

use super::PlanService;
use super::rebuild::Rebuilding;
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::journal::{Entry, JournalReader, Position};
use crate::service::restore::{self, RestoreError, Restored, Restoring};

#[cfg(test)]
mod tests;

impl PlanService {
    /// The service that the `plan.*` events of a journal tell of; what is done next is told to `bus`. It blocks while
    /// it reads. See [`restore`](mod@crate::service::restore), and [`restored`](Self::restored) for what is missing.
    ///
    /// # Errors
    /// [`RestoreError::Read`].
    pub fn restore(
        journal: &impl AsRef<JournalReader>,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<Self, RestoreError> {
        Ok(Self::going_on(restore::read(journal.as_ref(), None)?, bus))
    }

    /// The service as it stood when the line at `position` was the last of the journal, without a bus. It blocks while
    /// it reads.
    ///
    /// # Errors
    /// [`RestoreError::Removed`] if the events up to there are not in the journal any more; [`RestoreError::Read`].
    pub fn state_at(journal: &impl AsRef<JournalReader>, position: Position) -> Result<Self, RestoreError> {
        Ok(Self::going_on(restore::read(journal.as_ref(), Some(position))?, None))
    }

    /// The service that the `plan.*` events among `entries` tell of: what [`PlanService::restore`] does with those of
    /// a journal. They come in the order of the journal.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::going_on(entries.into_iter().collect(), bus)
    }

    /// What restoring came to: which plans are broken, what could not be read. None of a service that was not
    /// restored.
    pub fn restored(&self) -> Option<&Restored> {
        self.restored.as_deref()
    }

    fn going_on(restoring: Restoring<Rebuilding>, bus: Option<Arc<dyn EventBus>>) -> Self {
        let (plans, restored) = restoring.finish();
        let plans = Arc::new(Outbox::new(plans, Emitter::new(bus)));
        Self { plans, gate: None, restored: Some(restored) }
    }
}
