//! [`CheckpointStore`]: the checkpoints in a folder, and the verbs on them. One file for each verb.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::error::{CheckpointError, Subject};
use super::folder::{Folder, FolderError, Found, UnsafeReason, UnsafeTarget};
use super::model::{MAX_CHECKPOINT_BYTES, SessionCheckpoint};
use super::parse::{Refused, Rules};
use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::{Scope, Text};
use crate::journal::JournalReader;
use crate::redact::Redactor;

mod abandon;
mod cleanup;
mod create;
mod list;
mod quarantine;
mod resolve;
mod resume;

pub use cleanup::{CleanupReport, Skipped, SkippedCheckpoint};
pub use list::{CheckpointListing, MalformedCheckpoint};
pub use quarantine::QuarantinedCheckpoint;
pub use resume::{EventsSince, NoPosition, Resumed, Since};

/// What the file of a checkpoint is called before and behind what names it.
const BEGINNING: &str = "checkpoint-";
const ENDING: &str = ".json";

/// The longest name of a checkpoint's file, in bytes.
const MAX_FILE_NAME_BYTES: usize = 240;

/// The folder of those that were archived.
const ARCHIVE: &str = "archive";

/// The folder of those that were malformed.
const QUARANTINE: &str = "quarantine";

/// The checkpoints in a folder. Cheap to clone; clones share the folder.
///
/// Any number of stores, in any number of processes, may work on one folder. Every call may block: on the disk, and
/// those that write for at most ten seconds on others that write.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    folder: Arc<Folder>,
    rules: Rules,
    emitter: Emitter,
    journal: Option<JournalReader>,
}

/// A checkpoint and its file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredCheckpoint {
    /// The name of its file.
    pub file: String,
    /// What stands in it.
    pub checkpoint: SessionCheckpoint,
}

/// Whether a verb had to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It did.
    Written,
    /// It was done before: nothing was written.
    Repeated,
}

/// What a verb that changes a checkpoint came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangedCheckpoint {
    /// The checkpoint as it is now.
    pub stored: StoredCheckpoint,
    /// Whether this call made it so.
    pub change: Change,
}

/// A checkpoint's file, open, and what stands in it.
struct Loaded {
    found: Found,
    checkpoint: SessionCheckpoint,
}

impl CheckpointStore {
    /// The store in that folder, which is made if there is none. A link in place of the folder is refused.
    ///
    /// # Errors
    /// [`CheckpointError::UnsafeTarget`], [`CheckpointError::NotApplied`] if it cannot be made,
    /// [`CheckpointError::Io`] if it cannot be opened.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Ok(Self::on(Folder::create_and_open(directory.as_ref())?))
    }

    /// The store in that folder, which has to be there.
    ///
    /// # Errors
    /// [`CheckpointError::NotFound`] if there is none, else as [`CheckpointStore::open`].
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        match Folder::open(directory.as_ref()) {
            Err(FolderError::Missing { path }) => Err(CheckpointError::NotFound {
                what: format!("folder {:?}: `create` makes one", path.display()),
            }),
            opened => Ok(Self::on(opened?)),
        }
    }

    pub(super) fn on(folder: Folder) -> Self {
        Self { folder: Arc::new(folder), rules: Rules::default(), emitter: Emitter::none(), journal: None }
    }

    /// The same that tells on a bus what it did.
    #[must_use]
    pub fn with_bus(self, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { emitter: Emitter::new(bus), ..self }
    }

    /// The same that takes checkpoints of these agents alone.
    #[must_use]
    pub fn with_agents<A: Into<Text>>(mut self, agents: impl IntoIterator<Item = A>) -> Self {
        self.rules.agents = Some(agents.into_iter().map(Into::into).collect::<BTreeSet<_>>());
        self
    }

    /// The same that asks this redactor what is a secret. Without it one with the built-in rules is asked.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.rules.redactor = redactor;
        self
    }

    /// The same that notes in each checkpoint which journal this is and how far it had come, and resumes with what it
    /// tells since.
    #[must_use]
    pub fn with_journal(self, journal: JournalReader) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::NotFound`]; [`CheckpointError::UnsafeTarget`] if the name is none, or what has it is no
    /// regular file; what is wrong with the file.
    pub fn get(&self, file: &str) -> Result<StoredCheckpoint, CheckpointError> {
        let Loaded { checkpoint, .. } = self.load(file)?;
        Ok(StoredCheckpoint { file: file.to_owned(), checkpoint })
    }

    /// Opens the file of a checkpoint.
    fn find(&self, file: &str) -> Result<Found, CheckpointError> {
        if !is_checkpoint_name(file) {
            let reason = UnsafeReason::NotACheckpoint;
            return Err(UnsafeTarget { path: file.into(), reason }.into());
        }
        Ok(self.folder.find(file)?)
    }

    fn load(&self, file: &str) -> Result<Loaded, CheckpointError> {
        let found = self.find(file)?;
        let bytes = self.folder.read(&found, MAX_CHECKPOINT_BYTES)?;
        let checkpoint = self.rules.checkpoint(&bytes).map_err(|refused| of_file(refused, file))?;
        Ok(Loaded { found, checkpoint })
    }

    /// The scope of what is told of a checkpoint.
    fn scope(checkpoint: &SessionCheckpoint) -> Scope {
        let saved = &checkpoint.saved;
        Scope::current().with_session_id(&saved.session_id).with_actor_name(saved.agent.clone())
    }
}

fn of_file(refused: Refused, file: &str) -> CheckpointError {
    refused.of(Subject::File(file.to_owned()))
}

/// Whether the file of a checkpoint may have that name.
fn is_checkpoint_name(name: &str) -> bool {
    has_checkpoint_ends(name.as_bytes())
        && (BEGINNING.len() + ENDING.len() + 1..=MAX_FILE_NAME_BYTES).contains(&name.len())
        && !name.contains(|c: char| c == '/' || c.is_control())
}

/// Whether a name begins and ends as that of a checkpoint's file does, with nothing between perhaps.
fn has_checkpoint_ends(name: &[u8]) -> bool {
    name.len() >= BEGINNING.len() + ENDING.len()
        && name.starts_with(BEGINNING.as_bytes())
        && name.ends_with(ENDING.as_bytes())
}

#[cfg(test)]
mod tests;
