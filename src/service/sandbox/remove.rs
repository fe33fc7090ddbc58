//! Removing everything of a sandbox, so that whoever dies in the middle of it leaves what the next one removes.

use std::fs;
use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::apply::{Own, Target, trace};
use super::disk::Disk;
use super::error::SandboxError;
use super::handle::Claim;
use super::saved::{Home, LOCK, SAVED, Stage};
use super::state::{SandboxOperation, SandboxState};
use super::{SandboxService, TREE};

impl SandboxService {
    pub(super) fn remove(&self, claim: Claim) -> Result<(), SandboxError> {
        let sandbox = claim.sandbox.clone();
        let shared = &sandbox.shared;
        // Whatever fails from here on, what is left of it is good for nothing else.
        claim.tell(|status, _silent| status.pending = Some(SandboxOperation::Close));
        shared.save_stage(Stage::Closing)?;
        // Left over, somebody who sees to the project takes it away.
        drop(trace::remove(
            Target { root: &shared.project_dir, path: &shared.project, disk: &shared.home.disk },
            Own { home: &shared.home.path, settle: &|_ending| Ok(()) },
        ));
        // Whoever waits for it, it goes on to its end.
        dismantle(&shared.home.path, &shared.home.disk, &CancellationToken::new())?;
        self.sandboxes().remove(sandbox.id());
        claim.finish(|status, _silent| {
            status.state = SandboxState::Closed;
            status.project_lock = None;
        });
        Ok(())
    }
}

/// Whether a folder of the root is a sandbox, or what is left of one. One that died before its lock was made, or after
/// that was removed, is empty, and has the name of one.
pub(super) fn is_home(path: &Path) -> bool {
    path.is_dir() && (path.join(LOCK).exists() || path.join(SAVED).exists() || is_husk(path))
}

fn is_husk(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse::<ulid::Ulid>().is_ok() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Removes everything of a sandbox that is not used any more; what git knows of it first, as that is outside.
pub(super) fn dismantle(path: &Path, disk: &Disk, stop: &CancellationToken) -> Result<(), SandboxError> {
    let saved = Home::open(path, disk.clone())?.load()?;
    if let Some(worktree) = saved.and_then(|saved| saved.worktree) {
        let tree = path.join(TREE);
        // Git removes nothing from a folder that its owner may not write.
        make_writable(&tree);
        worktree.remove(&tree, stop)?;
    }
    remove_home(path, disk).map_err(SandboxError::io("remove", path))
}

/// Removes the folder of a sandbox. Its lock goes last.
pub(super) fn remove_home(path: &Path, disk: &Disk) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            disk.step("remove", entry.file_name())?;
            remove_all(&entry.path())?;
        }
    }
    disk.step("remove", LOCK)?;
    gone(fs::remove_file(path.join(LOCK)))?;
    disk.step("remove", path)?;
    fs::remove_dir(path)
}

fn remove_all(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // A folder that its owner may not write keeps what is in it.
            make_writable(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Lets the owner do everything with each folder there, a folder before what it holds: else nobody sees that.
fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut left = vec![path.to_owned()];
    while let Some(folder) = left.pop() {
        // What it leaves as it is the removal tells.
        drop(fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)));
        let inner = fs::read_dir(&folder).into_iter().flatten().flatten();
        left.extend(
            inner.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
}
