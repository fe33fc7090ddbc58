//! [`DecisionService`] from a journal.

use std::sync::Arc;

use super::DecisionService;
use super::state::Decisions;
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::journal::{Entry, JournalReader, Position};
use crate::service::restore::{self, RestoreError, Restored, Restoring};

#[cfg(test)]
mod tests;

impl DecisionService {
    /// The service that the `decision.*` events of a journal tell of. It goes on where they end: what is done next is told
    /// to `bus`, with the next revision.
    ///
    /// [`restored`](Self::restored) says what could not be restored; see [`restore`](mod@crate::service::restore). What
    /// is still on its way to the journal is not in it: flush the bus first, if it runs already. It blocks while it
    /// reads.
    ///
    /// # Errors
    /// [`RestoreError::Read`].
    pub fn restore(
        journal: &impl AsRef<JournalReader>,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<Self, RestoreError> {
        Ok(Self::restored_from(restore::read(journal.as_ref(), None)?, bus))
    }

    /// The service as it stood when the line at `position` was the last of the journal; as it stands at the journal's
    /// end, if that is before. It has no bus: what is done in it is told to nobody. It blocks while it reads.
    ///
    /// # Errors
    /// [`RestoreError::Removed`] if the events up to there are not in the journal any more; [`RestoreError::Read`].
    pub fn state_at(journal: &impl AsRef<JournalReader>, position: Position) -> Result<Self, RestoreError> {
        Ok(Self::restored_from(restore::read(journal.as_ref(), Some(position))?, None))
    }

    /// The service that the `decision.*` events among `entries` tell of: what [`DecisionService::restore`] does with
    /// those of a journal. They come in the order of the journal.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>, bus: Option<Arc<dyn EventBus>>) -> Self {
        let mut restoring = Restoring::default();
        entries.into_iter().for_each(|entry| restoring.take(entry));
        Self::restored_from(restoring, bus)
    }

    /// What restoring came to: of which plans the decisions are broken, what could not be read. None of a service
    /// that was not restored.
    pub fn restored(&self) -> Option<&Restored> {
        self.restored.as_deref()
    }

    fn restored_from(restoring: Restoring<Decisions>, bus: Option<Arc<dyn EventBus>>) -> Self {
        let (mut decisions, restored) = restoring.finish();
        for broken in &restored.broken {
            decisions.break_plan(&broken.plan_id, broken.fault.clone());
        }
        let restored = Some(Arc::new(restored.settled("decision")));
        Self { decisions: Arc::new(Outbox::new(decisions, Emitter::new(bus))), restored }
    }
}
