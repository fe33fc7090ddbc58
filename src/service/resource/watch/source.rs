//! [`Source`]: who sees that something happens in a folder. [`NotifySource`] asks the system, by the crate notify.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, Event, EventKind, Flag, ModifyKind, RenameMode};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
use tempfile::TempDir;

use super::mailbox::Mailbox;
use crate::service::resource::path::STAGING_PREFIX;

/// Sees what happens in folders and leaves hints in a [`Mailbox`]. Its methods may block.
pub(super) trait Source: fmt::Debug + Send {
    /// Sees from now on what happens directly in the folder at `path`, relative to the root. Doing it again is fine.
    fn watch(&mut self, path: &Path) -> io::Result<()>;

    /// Leaves the mark in the mailbox, behind the hints of all that has happened by now.
    fn mark(&mut self, mark: u64) -> io::Result<()>;
}

/// The folder of marks is seen like the others: what is made there is told behind what happened before.
pub(super) struct NotifySource {
    watcher: RecommendedWatcher,
    root: PathBuf,
    marks: TempDir,
}

impl NotifySource {
    /// A source for the folder at `root`, of which nothing is watched yet but whether it is there. It makes its marks in
    /// `temporary`.
    pub(super) fn new(root: &Path, temporary: &Path, mailbox: Arc<Mailbox>) -> io::Result<Self> {
        let marks = tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(temporary)?;
        let sorter = Sorter { root: root.to_owned(), marks: marks.path().canonicalize()?, mailbox };
        let seen = move |event: notify::Result<Event>| sorter.sort(event);
        let mut watcher = RecommendedWatcher::new(seen, Config::default()).map_err(to_io)?;
        watcher.watch(&marks.path().canonicalize()?, RecursiveMode::NonRecursive).map_err(to_io)?;
        if let Some(parent) = root.parent() {
            // That the folder itself is removed is told by its parent at once, by itself when its handle is closed.
            watcher.watch(parent, RecursiveMode::NonRecursive).map_err(to_io)?;
        }
        Ok(Self { watcher, root: root.to_owned(), marks })
    }
}

impl Source for NotifySource {
    fn watch(&mut self, path: &Path) -> io::Result<()> {
        // Joining nothing would leave a slash at the end, and that is another path.
        let path = if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) };
        self.watcher.watch(&path, RecursiveMode::NonRecursive).map_err(to_io)
    }

    fn mark(&mut self, mark: u64) -> io::Result<()> {
        let path = self.marks.path().join(mark.to_string());
        std::fs::write(&path, "")?;
        std::fs::remove_file(&path)
    }
}

impl fmt::Debug for NotifySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifySource").field("root", &self.root).finish_non_exhaustive()
    }
}

fn to_io(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        notify::ErrorKind::PathNotFound => io::ErrorKind::NotFound.into(),
        notify::ErrorKind::MaxFilesWatch => io::Error::new(
            io::ErrorKind::QuotaExceeded,
            "the system watches no more folders: raise fs.inotify.max_user_watches, or ignore some",
        ),
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Makes hints of events, on the thread of the source.
struct Sorter {
    root: PathBuf,
    marks: PathBuf,
    mailbox: Arc<Mailbox>,
}

impl Sorter {
    fn sort(&self, event: notify::Result<Event>) {
        let Ok(event) = event else {
            return self.mailbox.lost();
        };
        if event.attrs.flag() == Some(Flag::Rescan) {
            return self.mailbox.lost();
        }
        match (event.kind, event.paths.as_slice()) {
            // Looking at a file opens it.
            (EventKind::Access(kind), _) if kind != AccessKind::Close(AccessMode::Write) => {}
            (EventKind::Modify(ModifyKind::Name(RenameMode::Both)), [from, to]) => {
                match (self.within(from), self.within(to)) {
                    (Some(from), Some(to)) => self.mailbox.renamed(from, to),
                    (from, to) => from.into_iter().chain(to).for_each(|path| self.mailbox.touched(path)),
                }
            }
            (_, paths) => paths.iter().for_each(|path| self.touched(path)),
        }
    }

    fn touched(&self, path: &Path) {
        // The folder of marks may lie in the one that is watched.
        if path.parent() == Some(&self.marks) {
            let mark = path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
            self.mailbox.mark(mark.unwrap_or_default());
        } else if let Some(path) = self.within(path) {
            self.mailbox.touched(path);
        }
    }

    fn within(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }
}
