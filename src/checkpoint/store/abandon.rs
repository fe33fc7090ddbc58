//! `abandon`: says that nobody will go on from a checkpoint.

use super::{Change, ChangedCheckpoint, CheckpointStore};
use crate::checkpoint::error::{CheckpointError, Nonconformity, Subject};
use crate::checkpoint::events::SessionCheckpointAbandoned;
use crate::checkpoint::model::{Abandonment, CheckpointStatus};
use crate::checkpoint::parse;
use crate::event::{Text, Timestamp};

impl CheckpointStore {
    /// Abandons a checkpoint that is active. One that is abandoned keeps the reason, operator and time it has.
    ///
    /// # Errors
    /// As [`CheckpointStore::resolve`]; [`CheckpointError::Invalid`] or [`CheckpointError::Secret`] if the reason or
    /// the operator cannot be kept.
    pub fn abandon(
        &self,
        file: &str,
        reason: &str,
        operator: &str,
    ) -> Result<ChangedCheckpoint, CheckpointError> {
        let (reason, operator) = self.motive(reason, operator)?;
        let abandoned = self.change(file, |checkpoint| match checkpoint.status {
            CheckpointStatus::Active => {
                let abandoned_at = Timestamp::now().max(checkpoint.created_at);
                checkpoint.status = CheckpointStatus::Abandoned;
                checkpoint.abandonment = Some(Abandonment { reason, operator, abandoned_at });
                Ok(Change::Written)
            }
            CheckpointStatus::Abandoned => Ok(Change::Repeated),
            status @ CheckpointStatus::Resolved => Err(Nonconformity::NotActive { status }),
        })?;
        let checkpoint = &abandoned.stored.checkpoint;
        if let (Change::Written, Some(why)) = (abandoned.change, &checkpoint.abandonment) {
            self.emitter.emit_in(&Self::scope(checkpoint), || SessionCheckpointAbandoned {
                file: file.into(),
                agent: checkpoint.saved.agent.clone(),
                reason: why.reason.as_str().into(),
                operator: why.operator.clone(),
            });
        }
        Ok(abandoned)
    }

    /// Why something is to be done, and by whom, if both can be kept.
    pub(super) fn motive(&self, reason: &str, operator: &str) -> Result<(String, Text), CheckpointError> {
        if !self.rules.is_clean(reason) || !self.rules.is_clean(operator) {
            return Err(CheckpointError::Secret { subject: Subject::Given });
        }
        parse::motive(reason, operator).map_err(|refused| refused.of(Subject::Given))
    }
}
