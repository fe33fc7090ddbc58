//! `resolve`: says that what a checkpoint was saved for is done.

use super::{Change, ChangedCheckpoint, CheckpointStore, Loaded, StoredCheckpoint, of_file};
use crate::checkpoint::error::{CheckpointError, Nonconformity, Subject};
use crate::checkpoint::events::SessionCheckpointResolved;
use crate::checkpoint::model::{CheckpointStatus, SessionCheckpoint};
use crate::event::Timestamp;

impl CheckpointStore {
    /// Resolves a checkpoint that is active. One that is resolved stays as it is, byte for byte.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`]; [`CheckpointError::NotConforming`] if it was abandoned;
    /// [`CheckpointError::NotApplied`] if it could not be written; [`CheckpointError::Indeterminate`] if it was, and a
    /// crash of the machine may undo it: then the same call again makes it durable, or tells why not.
    pub fn resolve(&self, file: &str) -> Result<ChangedCheckpoint, CheckpointError> {
        let resolved = self.change(file, |checkpoint| match checkpoint.status {
            CheckpointStatus::Active => {
                checkpoint.status = CheckpointStatus::Resolved;
                Ok(Change::Written)
            }
            CheckpointStatus::Resolved => Ok(Change::Repeated),
            status @ CheckpointStatus::Abandoned => Err(Nonconformity::NotActive { status }),
        })?;
        if resolved.change == Change::Written {
            let checkpoint = &resolved.stored.checkpoint;
            self.emitter.emit_in(&Self::scope(checkpoint), || SessionCheckpointResolved {
                file: file.into(),
                agent: checkpoint.saved.agent.clone(),
            });
        }
        Ok(resolved)
    }

    /// Changes a sound checkpoint, and writes it if that is said. What was done before is made durable once more: the
    /// call that did it may have been told that it is not.
    pub(super) fn change(
        &self,
        file: &str,
        change: impl FnOnce(&mut SessionCheckpoint) -> Result<Change, Nonconformity>,
    ) -> Result<ChangedCheckpoint, CheckpointError> {
        let lock = self.folder.lock()?;
        let Loaded { found, mut checkpoint } = self.load(file)?;
        let change = change(&mut checkpoint).map_err(|reason| CheckpointError::NotConforming {
            subject: Subject::File(file.to_owned()),
            reason,
        })?;
        match change {
            Change::Repeated => self.folder.sync()?,
            Change::Written => {
                // A clock that was set back must not make it malformed.
                checkpoint.updated_at = Timestamp::now().max(checkpoint.created_at);
                let line = checkpoint.to_line();
                self.rules.checkpoint(&line).map_err(|refused| of_file(refused, file))?;
                self.folder.replace(&lock, &found, &line)?;
            }
        }
        Ok(ChangedCheckpoint { stored: StoredCheckpoint { file: file.to_owned(), checkpoint }, change })
    }
}
