//! [`Known`]: what has been told of the files of a folder that is watched, so that nothing is told twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::event::ResourceChange;
use crate::service::resource::handler::Written;
use crate::service::resource::index::Seen;
use crate::service::resource::told::Modified;

/// So many files that were made by the service are remembered until the watcher comes upon them.
const MAX_OWN: usize = 4_096;

/// The files of a folder as they were last told of, by the watcher or by who changed them through the service.
///
/// What is found on disk is compared with this: a write of our own is here already, and no news.
#[derive(Debug, Default)]
pub(in crate::service::resource) struct Known {
    pub(super) files: BTreeMap<PathBuf, Seen>,
    /// What the service made and the watcher has not looked at: it may be something that is ignored.
    pub(super) own: BTreeMap<PathBuf, Seen>,
}

impl Known {
    pub(super) fn new(files: BTreeMap<PathBuf, Seen>) -> Self {
        Self { files, own: BTreeMap::new() }
    }

    /// Keeps in mind what the service did itself.
    pub(in crate::service::resource) fn keep(&mut self, done: &Modified, written: Option<Written>) {
        let mut seen = written.and_then(|written| written.seen);
        let before = match done.change {
            ResourceChange::Moved => done.from.as_deref().and_then(|from| self.forget(from)),
            ResourceChange::Deleted => self.forget(&done.path),
            _ => None,
        };
        if let (Some(seen), Some(before)) = (&mut seen, before) {
            seen.hash = seen.hash.or(before.hash);
        }
        let Some(seen) = seen else {
            return;
        };
        if let Some(file) = self.files.get_mut(&done.path) {
            *file = seen;
            return;
        }
        self.own.insert(done.path.clone(), seen);
        if self.own.len() > MAX_OWN {
            // It may be told twice, which is better than memory without a bound.
            self.own.pop_first();
        }
    }

    /// Takes the file at `path` as told of; what it was before.
    pub(super) fn learn(&mut self, path: &Path, seen: Seen) -> Option<Seen> {
        let own = self.own.remove(path);
        own.or(self.files.insert(path.to_owned(), seen))
    }

    /// Takes the file at `path` as gone; what it was before.
    pub(super) fn forget(&mut self, path: &Path) -> Option<Seen> {
        let own = self.own.remove(path);
        let file = self.files.remove(path);
        own.or(file)
    }
}
