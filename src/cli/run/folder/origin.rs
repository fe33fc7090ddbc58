//! [`Origin`]: where the folder of a run was made, as it says itself: one that came here from elsewhere is told by it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ORIGIN, RunFolder, folder_at};
use crate::cli::destination::Place;

/// The folder of a run and that of its checkpoints, by device and inode: moved to other checkpoints, the second differs;
/// copied, the first.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    checkpoints: Place,
    run: Place,
}

impl Origin {
    pub(super) fn of(checkpoints: &Path, run: &impl AsFd) -> io::Result<Self> {
        let place = |folder: BorrowedFd<'_>| Place::of(&File::from(folder.try_clone_to_owned()?));
        Ok(Self { checkpoints: place(folder_at(checkpoints)?.as_fd())?, run: place(run.as_fd())? })
    }

    pub(super) fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

impl RunFolder {
    /// Refuses one with sandboxes that was not made among these checkpoints, or does not say so: their commits are none of
    /// these runs'.
    pub(super) fn check_origin(&self, checkpoints: &Path) -> io::Result<()> {
        if self.open_sandboxes()?.is_none() {
            return Ok(());
        }
        let told = self.read_file(ORIGIN).ok();
        let told = told.and_then(|json| serde_json::from_slice::<Origin>(&json).ok());
        if told == Some(Origin::of(checkpoints, &self.handle)?) {
            return Ok(());
        }
        let why = "it came here from elsewhere, or does not say that it did not: move it back or remove it";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}
