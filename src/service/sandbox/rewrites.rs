//! [`Rewrites`]: what a sandbox itself put into its tree, so that who watches the tree does not take it for the work of
//! others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::hash_of;
use super::diff::Change;
use super::handle::Sandbox;
use crate::event::Hash;
use crate::sync::{Mutex, lock};

/// So many paths are kept. What is forgotten may be taken for the work of others, which is better than memory without a
/// bound.
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
    /// Guards what was put where, by path; held for single moves.
    kept: Arc<Mutex<BTreeMap<PathBuf, Put>>>,
}

impl Rewrites {
    /// Keeps what these changes put where. Called before they are made.
    pub(super) fn keep(&self, changes: &[Change<'_>]) {
        let mut kept = lock(&self.kept);
        for change in changes {
            let put = change.leaf_after().and_then(hash_of).map_or(Put::NoFile, Put::File);
            kept.insert(change.path.to_owned(), put);
        }
        while kept.len() > MAX_KEPT {
            kept.pop_first();
        }
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
