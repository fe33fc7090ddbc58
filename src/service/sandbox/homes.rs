//! Finding the sandboxes in the place of all.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::disk::Disk;
use super::error::SandboxError;
use super::lock::{Lock, lock_root_in, try_lock_in};
use super::place::{open_dir, open_root, pass_dir};
use super::recover::Recovered;
use super::saved::{Home, LOCK, SAVED};
use crate::event::{SandboxId, SandboxStrategy};

/// A sandbox that is locked, and of which nothing else is known.
pub(super) struct Found {
    pub(super) id: SandboxId,
    pub(super) path: PathBuf,
    /// Its folder, which need not be readable.
    pub(super) dir: Dir,
    pub(super) lock: Lock,
}

impl Found {
    pub(super) fn is_in_place(&self) -> bool {
        let saved = Home::within(&self.dir, &self.path, Disk::default()).and_then(|home| home.load());
        saved.is_ok_and(|saved| saved.is_some_and(|saved| saved.strategy == SandboxStrategy::InPlace))
    }
}

/// Locks each sandbox in `root` that nobody uses, by name. Only for that the root is locked: what is locked is nobody
/// else's, and what is being made is locked before the root is free. What stands at their paths by now is not looked at.
pub(super) fn lock_homes(
    (root, root_path): (&Dir, &Path),
    recovered: &mut Recovered,
    stop: &CancellationToken,
) -> Result<Vec<Found>, SandboxError> {
    let _nobody_makes_one = lock_root_in(root, root_path, stop)?;
    let mut homes = homes_in(root).map_err(SandboxError::io("read", root_path))?;
    homes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut all = Vec::new();
    for (name, dir) in homes {
        let (id, path) = (SandboxId::from(name.to_string_lossy().as_ref()), root_path.join(&name));
        match try_lock_in(&dir) {
            Ok(Some(lock)) => all.push(Found { id, path, dir, lock }),
            Ok(None) => recovered.in_use.push(id),
            Err(error) => {
                let error = SandboxError::io("lock", &path)(error);
                recovered.unreadable.push((path, error));
            }
        }
    }
    Ok(all)
}

fn homes_in(root: &Dir) -> io::Result<Vec<(OsString, Dir)>> {
    let mut homes = Vec::new();
    for entry in root.entries()? {
        let name = entry?.file_name();
        homes.extend(home_in(root, &name).map(|dir| (name, dir)));
    }
    Ok(homes)
}

/// The folder of that name, if it is a sandbox, or what is left of one. One that died before its lock was made, or after
/// that was removed, is empty, and has the name of one. What a link leads to is somebody else's.
fn home_in(root: &Dir, name: &OsStr) -> Option<Dir> {
    let dir = pass_dir(root, name).ok()?;
    let is_home = dir.exists(LOCK) || dir.exists(SAVED) || is_husk(&dir, name);
    is_home.then_some(dir)
}

/// Whether there is a sandbox at that path, or what is left of one.
pub(super) fn is_home(path: &Path) -> bool {
    let root = path.parent().and_then(|root| open_root(root).ok());
    root.zip(path.file_name()).is_some_and(|(root, name)| home_in(&root, name).is_some())
}

fn is_husk(dir: &Dir, name: &OsStr) -> bool {
    let is_id = name.to_str().is_some_and(|name| name.parse::<ulid::Ulid>().is_ok());
    let is_empty = || open_dir(dir, OsStr::new(".")).and_then(|dir| Ok(dir.entries()?.next().is_none()));
    is_id && is_empty().unwrap_or(false)
}
