//! [`Mailbox`]: what somebody saw happen in a folder and nobody has looked into yet.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::sync::{Mutex, lock};

/// So many paths are kept; with more, the whole folder is looked over instead.
const MAX_PATHS: usize = 65_536;

/// Where a source leaves what it saw, and the watcher takes it from.
///
/// A hint says where to look, not what happened: what happened is what is found there. So hints may be doubled,
/// reordered and joined, and what is kept of them is bounded.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    /// Guards the hints; held for single moves, also by the thread of the source.
    waiting: Mutex<Hints>,
    arrived: tokio::sync::Notify,
}

/// Where to look. Paths are relative to the folder; the empty one is the folder itself.
#[derive(Debug, Default)]
pub(super) struct Hints {
    pub(super) touched: BTreeSet<PathBuf>,
    /// What was renamed to what, in the order in which it was.
    pub(super) renamed: Vec<(PathBuf, PathBuf)>,
    /// Some hints were lost: look everywhere.
    pub(super) is_lost: bool,
    /// Everything that happened before the mark of that number was asked for has been seen.
    pub(super) mark: u64,
}

impl Mailbox {
    pub(super) fn touched(&self, path: PathBuf) {
        self.change(|hints| {
            hints.touched.insert(path);
        });
    }

    pub(super) fn renamed(&self, from: PathBuf, to: PathBuf) {
        self.change(|hints| {
            hints.touched.extend([from.clone(), to.clone()]);
            hints.renamed.push((from, to));
        });
    }

    pub(super) fn lost(&self) {
        self.change(|hints| hints.is_lost = true);
    }

    pub(super) fn mark(&self, mark: u64) {
        self.change(|hints| hints.mark = hints.mark.max(mark));
    }

    fn change(&self, change: impl FnOnce(&mut Hints)) {
        {
            let mut hints = lock(&self.waiting);
            change(&mut hints);
            if hints.touched.len() > MAX_PATHS || hints.renamed.len() > MAX_PATHS {
                hints.is_lost = true;
            }
            if hints.is_lost {
                hints.touched.clear();
                hints.renamed.clear();
            }
        }
        self.arrived.notify_one();
    }

    /// Waits until something was put in since the last time.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Whether somebody waits for the mark that has come.
    pub(super) fn has_mark(&self) -> bool {
        lock(&self.waiting).mark > 0
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Hints {
        std::mem::take(&mut lock(&self.waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_hints_become_one_that_some_were_lost() {
        let mailbox = Mailbox::default();
        mailbox.renamed("from".into(), "to".into());
        for nth in 0..=MAX_PATHS {
            mailbox.touched(nth.to_string().into());
        }
        mailbox.mark(7);
        mailbox.mark(3);
        let hints = mailbox.take();
        assert!(hints.is_lost && hints.touched.is_empty() && hints.renamed.is_empty());
        assert_eq!((hints.mark, mailbox.take().mark), (7, 0));
    }
}
