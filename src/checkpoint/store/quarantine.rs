//! `quarantine`: puts a malformed file out of the way.

use serde::{Deserialize, Serialize};

use super::{CheckpointStore, QUARANTINE, of_file};
use crate::checkpoint::error::{CheckpointError, Nonconformity, Subject};
use crate::checkpoint::events::SessionCheckpointQuarantined;
use crate::checkpoint::folder::{
    Folder, FolderError, Found, Indeterminate, Lock, NotApplied, UnsafeReason, UnsafeTarget,
};
use crate::checkpoint::model::{MAX_CHECKPOINT_BYTES, SCHEMA_VERSION};
use crate::event::{Hash, Scope, Text, Timestamp};

/// What stands behind the name of a file in the name of its record.
const RECORD: &str = ".record";

/// A file in quarantine: it is `quarantine/<file>`, and what is told here stands beside it in
/// `quarantine/<file>.record`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QuarantinedCheckpoint {
    schema_version: u32,
    /// The name that it had, and has there.
    pub file: String,
    disposition: &'static str,
    /// What was wrong with it: the [kind](CheckpointError::kind) of the error.
    pub fault: &'static str,
    /// Why it was put there.
    pub reason: String,
    /// Who said so.
    pub operator: Text,
    /// When.
    pub quarantined_at: Timestamp,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The BLAKE3 hash of its bytes; none of one that is longer than any checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
}

impl CheckpointStore {
    /// Moves a malformed file to `quarantine/`, byte for byte, and puts a record beside it that says why.
    ///
    /// # Errors
    /// [`CheckpointError::NotFound`]; [`CheckpointError::NotConforming`] if it is a sound checkpoint;
    /// [`CheckpointError::UnsafeTarget`] if it is no regular file, or its place in quarantine is taken;
    /// [`CheckpointError::Invalid`] or [`CheckpointError::Secret`] if the reason or the operator cannot be kept;
    /// [`CheckpointError::NotApplied`] if it stays where it is; [`CheckpointError::Indeterminate`] if it was moved, and
    /// a crash of the machine may undo it: then the same call again makes it durable, and says that it is there no
    /// more, [`CheckpointError::NotFound`].
    pub fn quarantine(
        &self,
        file: &str,
        reason: &str,
        operator: &str,
    ) -> Result<QuarantinedCheckpoint, CheckpointError> {
        let (reason, operator) = self.motive(reason, operator)?;
        let lock = self.folder.lock()?;
        let found = match self.find(file) {
            Err(missing @ CheckpointError::NotFound { .. }) => {
                return Err(self.gone(file)?.unwrap_or(missing));
            }
            found => found?,
        };
        let (fault, hash) = self.judge(&found)?;
        let record = QuarantinedCheckpoint {
            schema_version: SCHEMA_VERSION,
            file: file.to_owned(),
            disposition: "quarantined",
            fault,
            reason,
            operator,
            quarantined_at: Timestamp::now(),
            bytes: found.len,
            hash,
        };
        self.put_away(&lock, &found, &record)?;
        drop(lock);
        self.emitter.emit_in(&Scope::current(), || SessionCheckpointQuarantined {
            file: file.into(),
            fault: fault.into(),
            reason: record.reason.as_str().into(),
            operator: record.operator.clone(),
        });
        Ok(record)
    }

    /// What is said of a file that is there no more since it is in quarantine, which is made durable: the call that put
    /// it there may have been told that a crash of the machine may undo it.
    fn gone(&self, file: &str) -> Result<Option<CheckpointError>, CheckpointError> {
        let there = self.folder.folder(QUARANTINE)?;
        let Some(there) = there.filter(|there| there.find(file).is_ok()) else { return Ok(None) };
        there.sync()?;
        self.folder.sync()?;
        Ok(Some(CheckpointError::NotFound { what: format!("{file:?} any more: it is in {QUARANTINE}/") }))
    }

    /// What is wrong with a file, and its hash. A sound one is refused, and one of which that is not known.
    fn judge(&self, found: &Found) -> Result<(&'static str, Option<Hash>), CheckpointError> {
        let bytes = match self.folder.read(found, MAX_CHECKPOINT_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => {
                let error = CheckpointError::from(error);
                return if error.is_malformed() { Ok((error.kind(), None)) } else { Err(error) };
            }
        };
        match self.rules.checkpoint(&bytes) {
            Err(refused) => Ok((of_file(refused, found.name()).kind(), Some(Hash::of(&bytes)))),
            Ok(_) => Err(CheckpointError::NotConforming {
                subject: Subject::File(found.name().to_owned()),
                reason: Nonconformity::Sound,
            }),
        }
    }

    /// The record first: a file without one would be a riddle. One of the same bytes without its file is of a call that
    /// died, and gives way to this one; any other stays, and this is refused.
    fn put_away(
        &self,
        lock: &Lock,
        found: &Found,
        record: &QuarantinedCheckpoint,
    ) -> Result<(), CheckpointError> {
        let name = found.name();
        let there = self.folder.create_folder(lock, QUARANTINE)?;
        if there.is_taken(name, found)? {
            let reason = UnsafeReason::Occupied;
            return Err(UnsafeTarget { path: there.path_of(name), reason }.into());
        }
        let beside = format!("{name}{RECORD}");
        let mut line = serde_json::to_vec(record).expect("its operator is checked and its values are JSON");
        line.push(b'\n');
        let before = earlier_record(&there, &beside, record)?;
        let is_first = before.is_none();
        let moved = write_record(&there, lock, (before, &beside), &line)
            .and_then(|()| self.folder.move_new(lock, found, &there, name));
        if let Err(error) = moved {
            if is_first && !matches!(error, FolderError::Indeterminate(_)) {
                // What stays of it gives way to the next one.
                drop(there.remove(lock, &beside));
            }
            return Err(error.into());
        }
        there.sync()?;
        Ok(self.folder.sync()?)
    }
}

/// The record of an earlier call for the same bytes under the same name, if there is one.
fn earlier_record(
    there: &Folder,
    name: &str,
    record: &QuarantinedCheckpoint,
) -> Result<Option<Found>, CheckpointError> {
    let found = match there.find(name) {
        Err(FolderError::Missing { .. }) => return Ok(None),
        found => found?,
    };
    let bytes = there.read(&found, MAX_CHECKPOINT_BYTES)?;
    let told = serde_json::from_slice::<Told>(&bytes);
    if told.is_ok_and(|told| told.file == record.file && told.hash == record.hash) {
        return Ok(Some(found));
    }
    Err(UnsafeTarget { path: there.path_of(name), reason: UnsafeReason::Occupied }.into())
}

/// What of a record says which bytes it is of.
#[derive(Deserialize)]
struct Told {
    file: String,
    #[serde(default)]
    hash: Option<Hash>,
}

fn write_record(
    there: &Folder,
    lock: &Lock,
    (before, name): (Option<Found>, &str),
    line: &[u8],
) -> Result<(), FolderError> {
    let written = match before {
        None => there.create(lock, name, line),
        Some(before) => there.replace(lock, &before, line),
    };
    written.map_err(|error| match error {
        // The file that it tells of is where it was.
        FolderError::Indeterminate(Indeterminate { path, source, .. }) => {
            NotApplied { doing: "write", path, source }.into()
        }
        error => error,
    })
}
