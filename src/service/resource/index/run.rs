//! [`Run`]: one index run, from the index before to the next one.

use std::cmp::Ordering;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cap_std::fs::{Dir, MetadataExt as _};
use tokio_util::sync::CancellationToken;

use super::{Index, IndexOptions, IndexReport, IndexedFile, quick, walk};
use crate::event::{Text, Timestamp};
use crate::service::resource::error::IndexError;

/// One index run.
#[derive(Debug)]
pub(in crate::service::resource) struct Run<'a> {
    pub(in crate::service::resource) resource: &'a Text,
    /// The handle of the folder.
    pub(in crate::service::resource) root: &'a Dir,
    /// Where it is.
    pub(in crate::service::resource) path: &'a Path,
    pub(in crate::service::resource) options: &'a IndexOptions,
    pub(in crate::service::resource) previous: Option<&'a Arc<Index>>,
    pub(in crate::service::resource) stop: &'a CancellationToken,
    /// When it began, in nanoseconds since 1970: what was changed about then may change again unseen.
    pub(in crate::service::resource) started: i64,
}

impl Run<'_> {
    /// When a run that begins now began.
    pub(in crate::service::resource) fn now() -> i64 {
        Timestamp::now().unix_nanos()
    }

    /// Runs to its end.
    pub(in crate::service::resource) fn to_report(&self) -> Result<IndexReport, IndexError> {
        let began = Instant::now();
        self.check_place()?;
        let mut report = match self.previous.and_then(|index| Some((index, quick::look(self, index)?))) {
            Some((index, read)) => patched(index, read),
            None => self.walked()?,
        };
        if self.stop.is_cancelled() {
            return Err(IndexError::Cancelled { path: self.path.to_owned() });
        }
        // A walk goes by the path: it must have been the one of the handle all the time.
        self.check_place()?;
        report.duration = began.elapsed();
        Ok(report)
    }

    /// Whether the handle is still that of the folder at the path.
    pub(in crate::service::resource) fn check_place(&self) -> Result<(), IndexError> {
        let there = std::fs::symlink_metadata(self.path).map(|found| (found.dev(), found.ino()));
        let opened = self.root.dir_metadata().map(|found| (found.dev(), found.ino()));
        match (there, opened) {
            (Ok(there), Ok(opened)) if there == opened => Ok(()),
            _ => Err(IndexError::Vanished { path: self.path.to_owned() }),
        }
    }

    fn walked(&self) -> Result<IndexReport, IndexError> {
        let index = walk::walk(self)?.into_index(self.resource.clone(), *self.options);
        let before = self.previous.map_or(&[] as &[_], |index| index.files());
        let differences = Differences::between(before, index.files());
        let index = Arc::new(index);
        Ok(differences.into_report(index, self.previous.is_some()))
    }
}

/// The index with some files read anew, whose names are all the same.
fn patched(index: &Arc<Index>, read: Vec<(usize, IndexedFile)>) -> IndexReport {
    if read.is_empty() {
        return Differences::default().into_report(Arc::clone(index), true);
    }
    let mut next = Index::clone(index);
    let mut differences = Differences::default();
    for (nth, file) in read {
        if let Some(place) = next.files.get_mut(nth) {
            if place.hash != file.hash {
                differences.changed.push(file.path.clone());
            }
            *place = file;
        }
    }
    differences.into_report(Arc::new(next), true)
}

/// What came, changed and went between two indexes.
#[derive(Debug, Default)]
struct Differences {
    added: Vec<PathBuf>,
    changed: Vec<PathBuf>,
    removed: Vec<PathBuf>,
}

impl Differences {
    /// Both are by path.
    fn between(before: &[IndexedFile], after: &[IndexedFile]) -> Self {
        let mut all = Self::default();
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return all,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.path.cmp(&new.path),
            };
            let old = if order.is_le() { before.next() } else { None };
            let new = if order.is_ge() { after.next() } else { None };
            match (old, new) {
                (Some(old), Some(new)) if old.hash != new.hash => all.changed.push(new.path.clone()),
                (Some(old), None) => all.removed.push(old.path.clone()),
                (None, Some(new)) => all.added.push(new.path.clone()),
                _ => {}
            }
        }
    }

    fn into_report(self, index: Arc<Index>, incremental: bool) -> IndexReport {
        let Self { added, changed, removed } = self;
        IndexReport { index, added, changed, removed, duration: std::time::Duration::ZERO, incremental }
    }
}
