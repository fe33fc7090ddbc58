//! Finding the sandboxes in the place of all.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::disk::Disk;
use super::error::SandboxError;
use super::lock::{Lock, lock_root, try_lock};
use super::recover::Recovered;
use super::saved::{Home, LOCK, SAVED};
use crate::event::{SandboxId, SandboxStrategy};

/// A sandbox that is locked, and of which nothing else is known.
pub(super) struct Found {
    pub(super) id: SandboxId,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
}

impl Found {
    pub(super) fn is_in_place(&self) -> bool {
        let saved = Home::open(&self.path, Disk::default()).and_then(|home| home.load());
        saved.is_ok_and(|saved| saved.is_some_and(|saved| saved.strategy == SandboxStrategy::InPlace))
    }
}

/// Locks each sandbox in `root` that nobody uses, by name. Only for that the root is locked: what is locked is nobody
/// else's, and what is being made is locked before the root is free.
pub(super) fn lock_homes(
    root: &Path,
    recovered: &mut Recovered,
    stop: &CancellationToken,
) -> Result<Vec<Found>, SandboxError> {
    let _nobody_makes_one = lock_root(root, stop)?;
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).map_err(SandboxError::io("read", root))? {
        let path = entry.map_err(SandboxError::io("read", root))?.path();
        if is_home(&path) {
            folders.push(path);
        }
    }
    folders.sort_unstable();
    let mut all = Vec::new();
    for path in folders {
        let id = SandboxId::from(path.file_name().unwrap_or_default().to_string_lossy().as_ref());
        match try_lock(&path.join(LOCK)) {
            Ok(Some(lock)) => all.push(Found { id, path, lock }),
            Ok(None) => recovered.in_use.push(id),
            Err(error) => {
                let error = SandboxError::io("lock", &path)(error);
                recovered.unreadable.push((path, error));
            }
        }
    }
    Ok(all)
}

/// Whether a folder of the root is a sandbox, or what is left of one. One that died before its lock was made, or after
/// that was removed, is empty, and has the name of one. What a link leads to is somebody else's.
pub(super) fn is_home(path: &Path) -> bool {
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    is_folder && (path.join(LOCK).exists() || path.join(SAVED).exists() || is_husk(path))
}

fn is_husk(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse::<ulid::Ulid>().is_ok() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}
