//! Removing everything of a sandbox, so that whoever dies in the middle of it leaves what the next one removes.
//!
//! What somebody else removed before is removed: no step needs what it removes to be there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path};
use std::rc::Rc;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::apply::{Own, Target, trace};
use super::disk::Disk;
use super::error::SandboxError;
use super::handle::{Claim, Shared, Status};
use super::homes::is_home;
use super::lock::{lock_root_in, try_lock};
use super::place::{is_absent, open_dir, open_root, pass_dir, set_dir_mode, stands_at};
use super::saved::{Home, LOCK, Stage};
use super::state::{SandboxOperation, SandboxState};
use super::worktree::Worktree;
use super::{SandboxService, TREE};
use crate::event::{SandboxId, SandboxStrategy};

/// Why nothing can be done with files that are not there.
const NO_TREE: &str = "somebody removed or moved the files of the sandbox: put them back or close it";

impl SandboxService {
    /// Ends the sandbox and removes everything of it, after which nothing else can be done to it if that fails; of a
    /// worktree the branch too, unless something was committed on it.
    ///
    /// It is refused while the sandbox is active or a commit of it is in the middle, unless nothing else can be done any
    /// more: somebody removed the folder of the sandbox or that of its files, or the project of the commit was moved.
    /// Then this gives up what was written. A commit that is given up stays in the middle in the project, until somebody
    /// makes a sandbox of that where it is now, by which it is finished or undone.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State`, `Busy`, `Io` or `Git` if something could not be removed: then it stays open,
    /// to be closed again.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end.
    pub async fn close(&self, sandbox: &SandboxId) -> Result<(), SandboxError> {
        let service = self.clone();
        self.run(sandbox, SandboxOperation::Close, move |claim, _stop| service.remove(claim)).await
    }

    /// Removes what is kept of a sandbox that is not open: one that [`SandboxService::open`] named as unreadable, and
    /// that is given up. What was written in it is lost. A commit of it that is in the middle stays so in the project,
    /// until somebody makes a sandbox of that, by which it is finished or undone.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown` if there is no such folder, `State` if it is open here, `Io` if it is in use by
    /// another process or something could not be removed, `Git`.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end.
    pub async fn discard(&self, sandbox: &SandboxId) -> Result<(), SandboxError> {
        let (service, sandbox) = (self.clone(), sandbox.clone());
        self.blocking(move |_stop| service.discard_folder(&sandbox)).await
    }

    fn discard_folder(&self, sandbox: &SandboxId) -> Result<(), SandboxError> {
        let name = sandbox.to_string();
        let mut parts = Path::new(&name).components();
        let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        let path = self.inner.root.join(&name);
        if let Ok(open) = self.get(sandbox) {
            return Err(open.refused(open.state(), SandboxOperation::Close, "it is open, so close it"));
        }
        if !is_name || !is_home(&path) {
            return Err(SandboxError::Unknown { sandbox_id: sandbox.clone() });
        }
        let locked = try_lock(&path.join(LOCK)).map_err(SandboxError::io("lock", &path))?;
        let in_use = || SandboxError::io("remove", &path)(io::ErrorKind::ResourceBusy.into());
        let _nobody_opens_it = locked.ok_or_else(in_use)?;
        dismantle(&path, &self.inner.disk)
    }

    pub(super) fn remove(&self, claim: Claim) -> Result<(), SandboxError> {
        let sandbox = claim.sandbox.clone();
        let shared = &*sandbox.shared;
        let home = &shared.home;
        // Whatever fails from here on, what is left of it is good for nothing else.
        claim.tell(|status, _silent| status.pending = Some(SandboxOperation::Close));
        let kept = shared.save_stage(Stage::Closing);
        let is_there = home.is_there()?;
        if is_there {
            kept?;
        }
        // Left over, somebody who sees to the project takes it away.
        drop(trace::remove(
            Target { root: &shared.project_dir, path: &shared.project, disk: &home.disk },
            Own { home: &home.path, settle: &|_ending| Ok(()) },
        ));
        let tree = home.path.join(TREE);
        remove_worktree(shared.worktree.as_ref(), is_there.then_some(&tree))?;
        if is_there {
            remove_home(&home.path, &home.disk)?;
        }
        self.sandboxes().remove(sandbox.id());
        claim.finish(|status, _silent| {
            status.state = SandboxState::Closed;
            status.project_lock = None;
        });
        Ok(())
    }
}

impl Shared {
    /// Whether nothing is left to be done but to close it: somebody took away its folder, or its files; or its commit is
    /// in the middle, and the project elsewhere.
    pub(super) fn is_lost(&self, status: &Status) -> bool {
        // While it cannot be said, all is where it was.
        let is_elsewhere = || !self.project().is_in_its_place().unwrap_or(true);
        !self.home.is_there().unwrap_or(true)
            || !self.has_tree().unwrap_or(true)
            || status.pending == Some(SandboxOperation::Commit) && is_elsewhere()
    }

    fn has_tree(&self) -> io::Result<bool> {
        match self.strategy {
            SandboxStrategy::InPlace => Ok(true),
            SandboxStrategy::Copy | SandboxStrategy::GitWorktree => stands_at(&self.tree, &self.tree_path()),
        }
    }

    /// Refuses to take files that were removed with their folder for none at all.
    pub(super) fn require_tree(&self) -> Result<(), SandboxError> {
        let found = self.has_tree().and_then(|has_tree| {
            has_tree.then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, NO_TREE))
        });
        found.map_err(SandboxError::io("read", &self.tree_path()))
    }
}

/// The folder of a sandbox in the root, whatever stands at its path by now.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) root: &'a Dir,
    pub(super) dir: &'a Dir,
    pub(super) path: &'a Path,
}

/// Removes everything of a sandbox that is not used any more; what git knows of it first, as that is outside. Whoever
/// calls it has locked the sandbox, and not the root.
pub(super) fn dismantle(path: &Path, disk: &Disk) -> Result<(), SandboxError> {
    in_spot(path, |spot| dismantle_in(spot, disk))
}

/// The same of an open folder.
pub(super) fn dismantle_in(spot: Spot<'_>, disk: &Disk) -> Result<(), SandboxError> {
    let path = spot.path;
    // What cannot be read is given up with the rest.
    let saved = Home::within(spot.dir, path, disk.clone())?.load().ok().flatten();
    if let Some(worktree) = saved.and_then(|saved| saved.worktree) {
        // Git takes a path.
        if !stands_at(spot.dir, path).map_err(SandboxError::io("find", path))? {
            let moved = io::Error::new(io::ErrorKind::NotFound, "another folder stands there");
            return Err(SandboxError::io("remove", path)(moved));
        }
        remove_worktree(Some(&worktree), Some(&path.join(TREE)))?;
    }
    remove_home_in(spot, disk)
}

fn in_spot(path: &Path, act: impl FnOnce(Spot<'_>) -> Result<(), SandboxError>) -> Result<(), SandboxError> {
    let opened = path.parent().zip(path.file_name()).map(|(root, name)| {
        let root = open_root(root)?;
        let dir = pass_dir(&root, name)?;
        Ok((root, dir))
    });
    let opened = opened.unwrap_or_else(|| Err(io::ErrorKind::InvalidInput.into()));
    let (root, dir) = opened.map_err(SandboxError::io("open", path))?;
    act(Spot { root: &root, dir: &dir, path })
}

fn remove_worktree(worktree: Option<&Worktree>, tree: Option<&Path>) -> Result<(), SandboxError> {
    let Some(worktree) = worktree else {
        return Ok(());
    };
    let tree = tree.filter(|tree| fs::symlink_metadata(tree).is_ok_and(|found| found.is_dir()));
    // Git removes nothing from a folder that its owner may not write.
    tree.into_iter().for_each(make_writable);
    // Whoever waits for it, it goes on to its end.
    Ok(worktree.remove(tree, &CancellationToken::new())?)
}

/// Removes the folder of a sandbox. The root is locked for the end alone.
fn remove_home(path: &Path, disk: &Disk) -> Result<(), SandboxError> {
    in_spot(path, |spot| remove_home_in(spot, disk))
}

fn remove_home_in(Spot { root, dir, path }: Spot<'_>, disk: &Disk) -> Result<(), SandboxError> {
    let failed = |error| SandboxError::io("remove", path)(error);
    empty_dir(dir, disk).map_err(failed)?;
    let is_there = path.file_name().is_some_and(|name| root.symlink_metadata(name).is_ok());
    let above = path.parent().filter(|_| is_there);
    // Else somebody could take what is empty for one that is not whole yet.
    let _nobody_looks =
        above.map(|above| lock_root_in(root, above, &CancellationToken::new())).transpose()?;
    remove_empty_dir(Spot { root, dir, path }, disk).map_err(failed)
}

/// Removes what is in the folder of a sandbox, but not its lock.
pub(super) fn empty(path: &Path, disk: &Disk) -> io::Result<()> {
    match open_root(path) {
        Err(error) if is_absent(&error) => Ok(()),
        dir => empty_dir(&dir?, disk),
    }
}

fn empty_dir(dir: &Dir, disk: &Disk) -> io::Result<()> {
    for entry in open_dir(dir, OsStr::new("."))?.entries()? {
        let name = entry?.file_name();
        if name != LOCK {
            disk.step("remove", &name)?;
            gone(remove_all(dir, &name))?;
        }
    }
    Ok(())
}

/// Removes the folder of a sandbox that has nothing but its lock, which goes first. The root is locked.
pub(super) fn remove_empty(path: &Path, disk: &Disk) -> io::Result<()> {
    disk.step("remove", LOCK)?;
    gone(fs::remove_file(path.join(LOCK)))?;
    disk.step("remove", path)?;
    gone(fs::remove_dir(path))
}

fn remove_empty_dir(Spot { root, dir, path }: Spot<'_>, disk: &Disk) -> io::Result<()> {
    disk.step("remove", LOCK)?;
    gone(dir.remove_file(LOCK))?;
    disk.step("remove", path)?;
    path.file_name().map_or(Ok(()), |name| gone(root.remove_dir(name)))
}

fn remove_all(dir: &Dir, name: &OsStr) -> io::Result<()> {
    if !dir.symlink_metadata(name)?.is_dir() {
        return dir.remove_file(name);
    }
    match dir.remove_dir_all(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // A folder that its owner may not write keeps what is in it.
            make_writable_in(dir.try_clone()?, name);
            dir.remove_dir_all(name)
        }
        removed => removed,
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if is_absent(&error) { Ok(()) } else { Err(error) })
}

fn make_writable(path: &Path) {
    if let Some((Ok(dir), name)) = path.parent().map(open_root).zip(path.file_name()) {
        make_writable_in(dir, name);
    }
}

/// Lets the owner do everything with each folder there, a folder before what it holds: else nobody sees that. No link
/// is followed, whoever puts one there meanwhile. What is left as it is the removal tells.
fn make_writable_in(dir: Dir, name: &OsStr) {
    let mut left: Vec<(Rc<Dir>, OsString)> = vec![(Rc::new(dir), name.to_owned())];
    while let Some((dir, name)) = left.pop() {
        drop(set_dir_mode(&dir, &name, 0o700));
        if let Ok(folder) = open_dir(&dir, &name) {
            let (inner, folder) = (folders_in(&folder), Rc::new(folder));
            left.extend(inner.into_iter().map(|name| (Rc::clone(&folder), name)));
        }
    }
}

fn folders_in(dir: &Dir) -> Vec<OsString> {
    let is_folder = |name: &OsStr| dir.symlink_metadata(name).is_ok_and(|found| found.is_dir());
    let entries = dir.entries().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).filter(|name| is_folder(name)).collect()
}
