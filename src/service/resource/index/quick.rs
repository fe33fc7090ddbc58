//! The look at what is known, which does without a walk if no folder and no ignore file has changed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::Dir;

use super::gather::{Outcome, Reader};
use super::run::Run;
use super::signature::Signature;
use super::{Folder, Index, IndexedFile, UnreadReason};

/// The files that were read again, by their places in `index`; none if a walk is needed.
pub(super) fn look(run: &Run<'_>, index: &Index) -> Option<Vec<(usize, IndexedFile)>> {
    let is_whole = |reason: &UnreadReason| !matches!(reason, UnreadReason::Io { .. });
    let may_look = index.options == *run.options
        && index.folders.iter().all(|folder| folder.is_settled)
        && index.unread.iter().all(|unread| is_whole(&unread.reason));
    if !may_look {
        return None;
    }
    let needs_walk = AtomicBool::new(false);
    let share = index.folders.len().div_ceil(run.options.threads.max(1)).max(1);
    let mut read: Vec<(usize, IndexedFile)> = std::thread::scope(|threads| {
        let looks: Vec<_> = index
            .folders
            .chunks(share)
            .map(|folders| threads.spawn(|| Look::new(run, index, &needs_walk).over(folders)))
            .collect();
        looks.into_iter().flat_map(|look| look.join().unwrap_or_default()).collect()
    });
    read.sort_unstable_by_key(|(nth, _)| *nth);
    (!needs_walk.load(Ordering::Relaxed)).then_some(read)
}

/// One thread that looks.
struct Look<'a> {
    run: &'a Run<'a>,
    index: &'a Index,
    needs_walk: &'a AtomicBool,
    reader: Reader,
    read: Vec<(usize, IndexedFile)>,
}

impl<'a> Look<'a> {
    fn new(run: &'a Run<'a>, index: &'a Index, needs_walk: &'a AtomicBool) -> Self {
        Self { run, index, needs_walk, reader: Reader::new(run.options, run.started), read: Vec::new() }
    }

    fn over(mut self, folders: &[Folder]) -> Vec<(usize, IndexedFile)> {
        // Whoever panics leaves it to the walk.
        let mut is_over = WalkUnlessOver { needs_walk: self.needs_walk, is_over: false };
        for folder in folders {
            if self.needs_walk.load(Ordering::Relaxed)
                || self.run.stop.is_cancelled()
                || !self.is_same(folder)
            {
                return Vec::new();
            }
        }
        is_over.is_over = true;
        self.read
    }

    /// Whether the folder has the names that it had; its files are looked at.
    fn is_same(&mut self, folder: &Folder) -> bool {
        let root = self.run.root;
        let is_root = folder.path.as_os_str().is_empty();
        let Ok(dir) = (if is_root { root.try_clone() } else { root.open_dir(&folder.path) }) else {
            return false;
        };
        let is_unchanged = dir.dir_metadata().is_ok_and(|now| Signature::of(&now) == folder.signature);
        is_unchanged
            && folder.others.iter().all(|(name, before)| signature_in(&dir, name) == Some(*before))
            && folder.files.iter().all(|nth| self.file(&dir, *nth))
    }

    /// Whether the file is still one that the index can have; it is read if it may have changed.
    fn file(&mut self, dir: &Dir, nth: usize) -> bool {
        let Some(file) = self.index.files.get(nth) else {
            return false;
        };
        let Some(name) = file.path.file_name().map(Path::new) else {
            return false;
        };
        if file.is_settled && signature_in(dir, name) == Some(file.signature) {
            return true;
        }
        match self.reader.read(dir, name, &file.path) {
            Outcome::File(file) => {
                self.read.push((nth, file));
                true
            }
            Outcome::TooLarge(_) | Outcome::Failed(_) | Outcome::None => false,
        }
    }
}

fn signature_in(dir: &Dir, name: &Path) -> Option<Signature> {
    dir.symlink_metadata(name).ok().map(|metadata| Signature::of(&metadata))
}

/// Asks for a walk when it is dropped before its end.
struct WalkUnlessOver<'a> {
    needs_walk: &'a AtomicBool,
    is_over: bool,
}

impl Drop for WalkUnlessOver<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.needs_walk.store(true, Ordering::Relaxed);
        }
    }
}
