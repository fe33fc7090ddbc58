//! `create`: saves a checkpoint.

use super::{BEGINNING, CheckpointStore, ENDING, StoredCheckpoint};
use crate::checkpoint::error::{CheckpointError, Subject};
use crate::checkpoint::events::SessionCheckpointCreated;
use crate::checkpoint::folder::{FolderError, Indeterminate, Remedy, UnsafeReason, UnsafeTarget};
use crate::checkpoint::key_fault::{Key, KeyFault};
use crate::checkpoint::model::{CheckpointDraft, SessionCheckpoint};
use crate::checkpoint::parse::Refused;
use crate::event::text::check_name;
use crate::event::{EventId, source};
use crate::journal::Position;

/// How many names are tried. Each is unique, unless a clock that was fixed counts them anew.
const NAMES: usize = 10_000;

impl CheckpointStore {
    /// Saves a checkpoint: active, as of now, under a name of its own.
    ///
    /// # Errors
    /// [`CheckpointError::Invalid`], [`CheckpointError::NotConforming`], [`CheckpointError::Secret`],
    /// [`CheckpointError::TooLarge`] for what cannot be saved; [`CheckpointError::NotApplied`] if nothing was;
    /// [`CheckpointError::Indeterminate`] if it was, and a crash of the machine may undo it: the same call again would
    /// save another one, but whatever is changed next in the folder makes it durable.
    #[expect(clippy::missing_panics_doc, reason = "what is checked has a JSON form")]
    pub fn create(&self, draft: &CheckpointDraft) -> Result<StoredCheckpoint, CheckpointError> {
        let names = [
            ("agent", check_name(&draft.agent)),
            ("session_id", check_name(&draft.session_id.to_string())),
            ("phase", check_name(&draft.phase)),
        ];
        let faults: Vec<_> = names
            .into_iter()
            .filter_map(|(key, checked)| Some(KeyFault::Name { key: Key::new(key), fault: checked.err()? }))
            .collect();
        if !faults.is_empty() {
            return Err(Refused::Invalid(faults).of(Subject::Given));
        }
        let json = serde_json::to_vec(draft).expect("its names are checked and its values are JSON");
        self.create_json(&json)
    }

    /// As [`CheckpointStore::create`], of JSON that anybody may have written.
    ///
    /// # Errors
    /// As [`CheckpointStore::create`]; [`CheckpointError::Corrupt`] if it is no JSON.
    pub fn create_json(&self, json: &[u8]) -> Result<StoredCheckpoint, CheckpointError> {
        let draft = self.rules.draft(json).map_err(|refused| refused.of(Subject::Given))?;
        let stored = self.write_new(draft, self.place())?;
        let saved = &stored.checkpoint.saved;
        self.emitter.emit_in(&Self::scope(&stored.checkpoint), || SessionCheckpointCreated {
            file: stored.file.as_str().into(),
            agent: saved.agent.clone(),
            phase: saved.phase.clone(),
        });
        Ok(stored)
    }

    /// Which journal it is, and how far it has come. Where that cannot be told the checkpoint is saved all the same: it may
    /// be the last thing that the agent gets to do.
    fn place(&self) -> Option<(EventId, Position)> {
        let journal = self.journal.as_ref()?;
        match journal.id().and_then(|id| Ok((id, journal.last()?))) {
            Ok((id, last)) => id.zip(last),
            Err(error) => {
                tracing::warn!(target: "agentbus::checkpoint", %error, "journal_position_unknown");
                None
            }
        }
    }

    fn write_new(
        &self,
        draft: CheckpointDraft,
        place: Option<(EventId, Position)>,
    ) -> Result<StoredCheckpoint, CheckpointError> {
        let lock = self.folder.lock()?;
        // Under the lock: what is saved later has a later name, as far as the clock does not go back.
        let (now, mut id) = source::stamp();
        let checkpoint = SessionCheckpoint::new(draft, now, place);
        let line = checkpoint.to_line();
        // What a redactor of the program's own finds in what was added must not make it malformed.
        self.rules.checkpoint(&line).map_err(|refused| refused.of(Subject::Given))?;
        let mut tries = 0;
        loop {
            let file = format!("{BEGINNING}{id}{ENDING}");
            tries += 1;
            match self.folder.create(&lock, &file, &line) {
                Ok(()) => return Ok(StoredCheckpoint { file, checkpoint }),
                Err(FolderError::Unsafe(UnsafeTarget { reason: UnsafeReason::Occupied, .. }))
                    if tries < NAMES =>
                {
                    id = source::stamp().1;
                }
                Err(FolderError::Indeterminate(unsure)) => {
                    return Err(Indeterminate { remedy: Remedy::Next, ..unsure }.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
