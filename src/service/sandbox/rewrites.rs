//! [`Rewrites`]: what a sandbox itself put into its tree, so that who watches the tree does not take it for the work of
//! others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::hash_of;
use super::diff::Change;
use super::handle::Sandbox;
use super::tree::Entry;
use crate::event::Hash;
use crate::sync::{Mutex, lock};

/// So many paths are kept, those that were put last. What is forgotten may be taken for the work of others, which is
/// better than memory without a bound.
const MAX_KEPT: usize = 65_536;

/// What was put at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Put {
    /// A file with a content of that hash.
    File(Hash),
    /// No file: nothing, a link or a folder.
    NoFile,
}

/// What going back put where, until somebody has come upon it. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(in crate::service) struct Rewrites {
    /// Guards what was put where; held for single moves.
    kept: Arc<Mutex<Kept>>,
}

/// What was put where, with the number of its turn.
#[derive(Debug, Default)]
struct Kept {
    by_path: BTreeMap<PathBuf, (u64, Put)>,
    by_turn: BTreeMap<u64, PathBuf>,
    turns: u64,
}

impl Kept {
    fn insert(&mut self, path: &Path, put: Put) {
        self.remove(path);
        self.by_path.insert(path.to_owned(), (self.turns, put));
        self.by_turn.insert(self.turns, path.to_owned());
        self.turns += 1;
        if self.by_turn.len() > MAX_KEPT
            && let Some((_turn, oldest)) = self.by_turn.pop_first()
        {
            self.by_path.remove(&oldest);
        }
    }

    fn remove(&mut self, path: &Path) -> Option<Put> {
        let (turn, put) = self.by_path.remove(path)?;
        self.by_turn.remove(&turn);
        Some(put)
    }
}

impl Rewrites {
    /// Keeps what these changes put where. Called before they are made.
    pub(super) fn keep(&self, changes: &[Change<'_>]) {
        self.put_all(changes, Change::leaf_after);
    }

    /// Keeps that these changes were undone, so that what they put does not stand for what others do later.
    pub(super) fn keep_undone(&self, changes: &[Change<'_>]) {
        self.put_all(changes, Change::leaf_before);
    }

    fn put_all<'c>(&self, changes: &[Change<'c>], leaf: impl Fn(&Change<'c>) -> Option<&'c Entry>) {
        for change in changes {
            self.put(change.path, leaf(change).and_then(hash_of).map_or(Put::NoFile, Put::File));
        }
    }

    /// Keeps what is put at `path`.
    pub(in crate::service) fn put(&self, path: &Path, put: Put) {
        lock(&self.kept).insert(path, put);
    }

    /// Forgets everything: what is there when a watch begins is nobody's news.
    pub(in crate::service) fn clear(&self) {
        *lock(&self.kept) = Kept::default();
    }

    /// What was put at `path`, if anything was; forgotten by that.
    pub(in crate::service) fn take(&self, path: &Path) -> Option<Put> {
        lock(&self.kept).remove(path)
    }
}

impl Sandbox {
    /// What it puts into its tree itself.
    pub(in crate::service) fn rewrites(&self) -> &Rewrites {
        &self.shared.rewrites
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_what_is_kept_the_oldest_is_forgotten() {
        let rewrites = Rewrites::default();
        let put = |path: &str| rewrites.put(Path::new(path), Put::NoFile);
        put("z");
        put("a");
        for nth in 0..MAX_KEPT - 2 {
            put(&format!("m{nth}"));
        }
        put("z");
        put("one more");
        assert_eq!(rewrites.take(Path::new("a")), None);
        for path in ["z", "m0", "one more"] {
            assert_eq!(rewrites.take(Path::new(path)), Some(Put::NoFile), "{path}");
            assert_eq!(rewrites.take(Path::new(path)), None, "{path}");
        }
        put("b");
        rewrites.clear();
        assert_eq!(rewrites.take(Path::new("b")), None);
    }
}
