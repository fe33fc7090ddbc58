//! `list`: what there is. It writes nothing.

use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::{CheckpointStore, StoredCheckpoint, has_checkpoint_ends};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::filter::CheckpointFilter;
use crate::checkpoint::folder::{UnsafeReason, UnsafeTarget};
use crate::event::Timestamp;

/// A file that is called as a checkpoint is, and none that can be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct MalformedCheckpoint {
    /// The name of the file; what is no UTF-8 in it is U+FFFD.
    pub file: String,
    /// Why; [`CheckpointError::advice`] says what to do.
    pub error: CheckpointError,
}

/// What there is in a store.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckpointListing {
    /// The checkpoints that were asked for, by when they were saved, newest first; of one moment, by name, last first.
    pub checkpoints: Vec<StoredCheckpoint>,
    /// Every file that cannot be read, or is none of a checkpoint, by name, whatever was asked for.
    pub malformed: Vec<MalformedCheckpoint>,
}

impl CheckpointStore {
    /// Lists checkpoints, newest first, and what looks like one and is none. Nothing is written, not even a lock.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if the folder cannot be listed.
    pub fn list(&self, filter: &CheckpointFilter) -> Result<CheckpointListing, CheckpointError> {
        let now = Timestamp::now();
        let mut listing = CheckpointListing::default();
        for name in self.checkpoint_names()? {
            match self.get_named(&name) {
                Ok(stored) => {
                    let is_wanted = filter.holds(&stored.checkpoint, now);
                    listing.checkpoints.extend(is_wanted.then_some(stored));
                }
                // Somebody archived it meanwhile.
                Err(CheckpointError::NotFound { .. }) => {}
                Err(error) => {
                    let file = name.to_string_lossy().into_owned();
                    listing.malformed.push(MalformedCheckpoint { file, error });
                }
            }
        }
        listing
            .checkpoints
            .sort_by_cached_key(|stored| Reverse((stored.checkpoint.created_at, stored.file.clone())));
        Ok(listing)
    }

    /// The names in the folder that begin and end as that of a checkpoint does, sorted.
    pub(super) fn checkpoint_names(&self) -> Result<Vec<OsString>, CheckpointError> {
        let mut names = self.folder.names()?;
        names.retain(|name| has_checkpoint_ends(name.as_bytes()));
        names.sort();
        Ok(names)
    }

    fn get_named(&self, name: &OsStr) -> Result<StoredCheckpoint, CheckpointError> {
        let Some(file) = name.to_str() else {
            let (path, reason) = (self.folder.path().join(name), UnsafeReason::NotACheckpoint);
            return Err(UnsafeTarget { path, reason }.into());
        };
        self.get(file)
    }
}
