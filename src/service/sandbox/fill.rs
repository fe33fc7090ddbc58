//! Putting files into a new tree, which nobody knows yet: not durable, and not undone.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use tokio_util::sync::CancellationToken;

use super::place::{parent_of, set_dir_mode};
use super::store::{Store, copy_contents};
use super::tree::{Entry, Manifest, WalkError};

/// Makes everything that the manifest lists, whose contents the store has.
pub(super) fn fill(
    root: &Dir,
    store: &Store,
    manifest: &Manifest,
    stop: &CancellationToken,
) -> Result<(), WalkError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| WalkError::Io { path, source }
    };
    for (path, entry) in manifest {
        if stop.is_cancelled() {
            return Err(WalkError::Stopped);
        }
        put(root, store, path, entry).map_err(failed(path))?;
    }
    // Last, and what is inside first: a folder may be one that nobody may write.
    for (path, entry) in manifest.iter().rev() {
        if let Entry::Directory { mode } = entry {
            let set = parent_of(root, path).and_then(|(dir, name)| set_dir_mode(&dir, &name, *mode));
            set.map_err(failed(path))?;
        }
    }
    Ok(())
}

fn put(root: &Dir, store: &Store, path: &Path, entry: &Entry) -> io::Result<()> {
    let (dir, name) = parent_of(root, path)?;
    match entry {
        Entry::Directory { .. } => dir.create_dir(&name),
        Entry::Link { target } => dir.symlink_contents(target, &name),
        Entry::File { hash, mode, .. } => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file: File = dir.open_with(&name, &options)?.into_std();
            copy_contents(&mut store.open(hash)?, &mut file)?;
            file.set_permissions(Permissions::from_mode(*mode))
        }
    }
}
