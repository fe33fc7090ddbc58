//! [`Examiner`]: looks where hints point, and finds out what is not what was last told of.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::{Dir, Metadata};
use tokio_util::sync::CancellationToken;

use super::WatchError;
use super::compare::Differences;
use super::known::Known;
use super::mailbox::Hints;
use super::source::Source;
use crate::event::{Hash, ResourceSource, Text};
use crate::service::resource::index::{
    Index, IndexOptions, Outcome, RULES, Reader, Rules, Run, Seen, Signature,
};
use crate::service::resource::told::Modified;
use crate::service::sandbox::place::{open_file, parent_of};
use crate::service::sandbox::rewrites::{Put, Rewrites};
use crate::service::sandbox::tree::hash_file;
use crate::sync::{Mutex, lock};

/// So often it is looked again for folders that came while it was looked for them.
const MAX_ROUNDS: usize = 32;

/// Looks at a folder, on a thread where it may block.
#[derive(Debug)]
pub(super) struct Examiner {
    pub(super) resource: Text,
    pub(super) root: Dir,
    pub(super) path: PathBuf,
    pub(super) options: IndexOptions,
    /// Guards who sees what happens in the folder; held while a folder is added, on threads that may block.
    pub(super) source: Arc<Mutex<Box<dyn Source>>>,
    /// The folders that are seen.
    pub(super) folders: BTreeSet<PathBuf>,
    /// What the last walk found: the next one reads less.
    pub(super) last: Option<Arc<Index>>,
    /// Which files are ignored, by the ignore files at the time of the last walk.
    pub(super) rules: Option<Rules>,
    /// What a sandbox puts there itself.
    pub(super) rewrites: Rewrites,
    pub(super) stop: CancellationToken,
}

impl Examiner {
    /// Sees every folder, and looks at every file.
    pub(super) fn begin(&mut self) -> Result<Known, WatchError> {
        // Of what was put there before, nothing will be told; left, it would stand for what others do later.
        self.rewrites.clear();
        let index = self.walk()?;
        Ok(Known::new(self.files_of(&index)))
    }

    /// What is to be told of where the hints point.
    pub(super) fn examine(&mut self, known: &mut Known, hints: &Hints) -> Result<Vec<Modified>, WatchError> {
        let mut differences = Differences::default();
        let looked = if self.needs_walk(hints) {
            self.look_everywhere(known, hints, &mut differences)
        } else {
            self.look_at(known, hints, &mut differences)
        };
        match looked {
            Err(WatchError::Vanished { .. }) => {
                // What is gone with the folder is told before the end; what only went elsewhere with it is not.
                self.forget_missing(known, &mut differences);
            }
            looked => looked?,
        }
        Ok(differences.into_facts(&hints.renamed, |path, now| self.source_of(path, now)))
    }

    /// Who made that of the file at `path`, or removed it.
    fn source_of(&self, path: &Path, now: Option<&Seen>) -> ResourceSource {
        let is_ours = match (self.rewrites.take(path), now) {
            (Some(Put::NoFile), None) => true,
            // The hash of a large file is not known; the few of them that a sandbox has put are read.
            (Some(Put::File(put)), Some(now)) => now.hash.or_else(|| self.hash_of(path)) == Some(put),
            _ => false,
        };
        if is_ours { ResourceSource::Service } else { ResourceSource::Watcher }
    }

    /// The hash of the file at `path`; none if it cannot be read.
    fn hash_of(&self, path: &Path) -> Option<Hash> {
        let (folder, name) = parent_of(&self.root, path).ok()?;
        hash_file(&mut open_file(&folder, &name).ok()?).map(|(hash, _bytes)| hash).ok()
    }

    /// Whether the folder is still where it was.
    pub(super) fn check_place(&self) -> Result<(), WatchError> {
        Ok(self.run().check_place()?)
    }

    /// Files are looked at one by one; where a folder or what is ignored may have changed, everything is.
    fn needs_walk(&self, hints: &Hints) -> bool {
        let is_rule = |path: &Path| RULES.iter().any(|name| path.file_name() == Some(name.as_ref()));
        let is_folder = |path: &Path| {
            self.folders.contains(path) || self.root.symlink_metadata(path).is_ok_and(|found| found.is_dir())
        };
        hints.is_lost || hints.touched.iter().any(|path| is_rule(path) || is_folder(path))
    }

    fn look_everywhere(
        &mut self,
        known: &mut Known,
        hints: &Hints,
        differences: &mut Differences,
    ) -> Result<(), WatchError> {
        if hints.is_lost {
            self.folders.clear();
        }
        for path in &hints.touched {
            // One that was moved or made anew is not seen any more, whatever its name.
            self.folders.retain(|folder| !folder.starts_with(path));
        }
        let index = self.walk()?;
        for (path, now) in self.files_of(&index) {
            differences.found(known, &path, now);
        }
        let is_there =
            |path: &Path| index.file(path).is_some() || index.unread().iter().any(|one| one.path == path);
        let gone: Vec<PathBuf> =
            known.files.keys().chain(known.own.keys()).filter(|path| !is_there(path)).cloned().collect();
        for path in gone {
            if self.is_file(&path) {
                // It is ignored by now, and still there.
                known.forget(&path);
            } else {
                differences.missing(known, &path);
            }
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        known: &mut Known,
        hints: &Hints,
        differences: &mut Differences,
    ) -> Result<(), WatchError> {
        let mut reader = Reader::new(&self.options, Run::now());
        for path in &hints.touched {
            if self.stop.is_cancelled() {
                return Err(WatchError::Cancelled { path: self.path.clone() });
            }
            let metadata = self.root.symlink_metadata(path);
            let Some(now) = metadata.ok().filter(Metadata::is_file).map(|found| Signature::of(&found)) else {
                differences.missing(known, path);
                continue;
            };
            if !known.files.contains_key(path) && self.is_ignored(path) {
                // If the service made it, that was told, and nothing more will be.
                known.own.remove(path);
                continue;
            }
            if known.files.get(path).is_some_and(|before| before.signature == now) {
                // What the sandbox put there, if anything, is over: the service has written on it since.
                let _stale = self.rewrites.take(path);
                continue;
            }
            match reader.read(&self.root, path, path) {
                Outcome::File(file) => {
                    let seen = Seen { signature: file.signature, hash: Some(file.hash) };
                    differences.found(known, path, seen);
                }
                Outcome::TooLarge(signature) => {
                    differences.found(known, path, Seen { signature, hash: None });
                }
                // It is there and cannot be read: nothing is known of its content.
                Outcome::Failed(_) => {}
                Outcome::None => differences.missing(known, path),
            }
        }
        if known.files.len() > self.options.max_files {
            return Err(WatchError::TooMany { path: self.path.clone(), max: self.options.max_files });
        }
        Ok(())
    }

    /// Whether an index leaves out a file at `path`, if there is one.
    fn is_ignored(&self, path: &Path) -> bool {
        let is_seen = path.parent().is_some_and(|folder| self.folders.contains(folder));
        !is_seen || self.rules.as_ref().is_some_and(|rules| rules.leave_out(path, false))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.root.symlink_metadata(path).is_ok_and(|found| found.is_file())
    }

    fn forget_missing(&self, known: &mut Known, differences: &mut Differences) {
        let gone: Vec<PathBuf> = known.files.keys().filter(|path| !self.is_file(path)).cloned().collect();
        for path in gone {
            differences.missing(known, &path);
        }
    }

    /// Walks over the folder until every folder that is found is seen: then nothing can happen there unseen.
    fn walk(&mut self) -> Result<Arc<Index>, WatchError> {
        if !self.folders.contains(Path::new("")) {
            self.see(Path::new(""))?;
        }
        for _ in 0..MAX_ROUNDS {
            let index = self.run().to_report()?.index;
            self.last = Some(Arc::clone(&index));
            let new: Vec<PathBuf> = index
                .folders()
                .filter(|folder| !self.folders.contains(*folder))
                .map(Path::to_owned)
                .collect();
            if new.is_empty() {
                // What has become a cache, for example, is seen still, and no news any more.
                self.folders = index.folders().map(Path::to_owned).collect();
                self.rules = Rules::new(&self.root, &self.options).ok();
                return Ok(index);
            }
            for folder in &new {
                self.see(folder)?;
            }
        }
        Err(WatchError::Restless { path: self.path.clone() })
    }

    /// Sees from now on what happens in a folder. One that is gone again was no news.
    fn see(&mut self, folder: &Path) -> Result<(), WatchError> {
        match lock(&self.source).watch(folder) {
            Ok(()) => {
                self.folders.insert(folder.to_owned());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(WatchError::Source { path: self.path.join(folder), source }),
        }
    }

    /// A run over the folder that begins now.
    fn run(&self) -> Run<'_> {
        Run {
            resource: &self.resource,
            root: &self.root,
            path: &self.path,
            options: &self.options,
            previous: self.last.as_ref(),
            stop: &self.stop,
            started: Run::now(),
        }
    }

    /// The files of an index, and those that are too large for it or cannot be read.
    fn files_of(&self, index: &Index) -> BTreeMap<PathBuf, Seen> {
        let read = index
            .files()
            .iter()
            .map(|file| (file.path().to_owned(), Seen { signature: file.signature, hash: Some(file.hash) }));
        let unread = index.unread().iter().filter_map(|one| {
            let metadata = self.root.symlink_metadata(&one.path).ok().filter(Metadata::is_file)?;
            // An ignore file is told of like other files, whether it has a say or not.
            let is_news = index.file(&one.path).is_none() && !self.is_ignored(&one.path);
            is_news.then(|| (one.path.clone(), Seen { signature: Signature::of(&metadata), hash: None }))
        });
        read.chain(unread).collect()
    }
}
