//! The walk over a folder, with several threads.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::gather::{Gathered, Outcome, Reader, too_large};
use super::rules::{RULES, Rules};
use super::run::Run;
use super::signature::Signature;
use super::{Folder, IndexOptions, IndexedFile, Unread, UnreadReason};
use crate::service::resource::error::IndexError;
use crate::sync::{Mutex, lock};

/// The walker over the folder at `path`, with those rules. It reads nothing but what is in which folder.
fn walker(path: &Path, options: &IndexOptions, rules: &Arc<Rules>) -> WalkBuilder {
    let (rules, at) = (Arc::clone(rules), path.to_owned());
    let is_left_out = move |entry: &DirEntry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        entry.path().strip_prefix(&at).is_ok_and(|path| rules.leave_out(path, is_folder))
    };
    let mut walker = WalkBuilder::new(path);
    walker
        .standard_filters(false)
        .follow_links(false)
        .threads(options.threads)
        .filter_entry(move |entry| entry.depth() == 0 || !is_left_out(entry));
    walker
}

/// What the threads of a walk share.
struct Shared<'a> {
    run: &'a Run<'a>,
    /// What is known from the run before.
    known: HashMap<&'a Path, &'a IndexedFile>,
    /// Guards what all threads found; taken once by each, at its end.
    all: Mutex<Gathered>,
    files: AtomicUsize,
    is_stopped: AtomicBool,
}

/// Walks over the folder. What is unchanged since the run before is not read again.
pub(super) fn walk(run: &Run<'_>) -> Result<Gathered, IndexError> {
    let vanished = |_not_opened| IndexError::Vanished { path: run.path.to_owned() };
    let rules = Arc::new(Rules::new(run.root, run.options).map_err(vanished)?);
    let known = run.previous.map(|index| index.files().iter().map(|file| (file.path(), file)).collect());
    let shared = Shared {
        run,
        known: known.unwrap_or_default(),
        all: Mutex::default(),
        files: AtomicUsize::new(0),
        is_stopped: AtomicBool::new(false),
    };
    walker(run.path, run.options, &rules).build_parallel().visit(&mut Visitors(&shared));
    if shared.is_stopped.load(Ordering::Relaxed) {
        return Err(IndexError::Cancelled { path: run.path.to_owned() });
    }
    if shared.files.load(Ordering::Relaxed) > run.options.max_files {
        return Err(IndexError::TooMany { path: run.path.to_owned(), max: run.options.max_files });
    }
    let mut all = std::mem::take(&mut *lock(&shared.all));
    all.unread.append(&mut rules.take_unread());
    let caches = rules.take_caches().into_iter();
    all.caches.extend(caches.map(|(path, mark)| (path, mark, mark.is_settled(run.started))));
    Ok(all)
}

struct Visitors<'a>(&'a Shared<'a>);

impl<'s, 'a: 's> ParallelVisitorBuilder<'s> for Visitors<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 's> {
        let reader = Reader::new(self.0.run.options, self.0.run.started);
        Box::new(Visitor { shared: self.0, reader, found: Gathered::default() })
    }
}

/// One thread of the walk.
struct Visitor<'a> {
    shared: &'a Shared<'a>,
    reader: Reader,
    found: Gathered,
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        lock(&self.shared.all).append(&mut self.found);
    }
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        let run = self.shared.run;
        if run.stop.is_cancelled() {
            self.shared.is_stopped.store(true, Ordering::Relaxed);
            return WalkState::Quit;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.failed(&error, Path::new(""));
                return WalkState::Continue;
            }
        };
        let Ok(path) = entry.path().strip_prefix(run.path) else {
            return WalkState::Continue;
        };
        match entry.file_type() {
            Some(kind) if kind.is_dir() => self.folder(path),
            Some(kind) if kind.is_file() => {
                let before = self.shared.files.fetch_add(1, Ordering::Relaxed);
                if before >= run.options.max_files {
                    return WalkState::Quit;
                }
                self.file(&entry, path);
            }
            _ => {}
        }
        WalkState::Continue
    }
}

impl Visitor<'_> {
    fn folder(&mut self, path: &Path) {
        let run = self.shared.run;
        let opened = if path.as_os_str().is_empty() { run.root.try_clone() } else { run.root.open_dir(path) };
        // What cannot be opened is told of when it is read.
        let Ok((dir, metadata)) = opened.and_then(|dir| dir.dir_metadata().map(|found| (dir, found))) else {
            return;
        };
        let signature = Signature::of(&metadata);
        let mut is_settled = signature.is_settled(run.started) && !signature.is_coarse();
        let mut others = Vec::new();
        for name in RULES {
            match dir.symlink_metadata(name) {
                Ok(rules) => {
                    let signature = Signature::of(&rules);
                    is_settled &= signature.is_settled(run.started);
                    others.push((PathBuf::from(name), signature));
                }
                Err(error) => is_settled &= error.kind() == io::ErrorKind::NotFound,
            }
        }
        let path = path.to_owned();
        self.found.folders.push(Folder { path, signature, is_settled, files: Vec::new(), others });
    }

    fn file(&mut self, entry: &DirEntry, path: &Path) {
        let now = entry.metadata().ok().map(|metadata| Signature::of_std(&metadata));
        let known = self.shared.known.get(path).filter(|known| known.is_settled);
        if let (Some(now), Some(known)) = (now, known)
            && now == known.signature
            && now.bytes() <= self.shared.run.options.max_file_bytes
        {
            self.found.files.push((*known).clone());
            return;
        }
        match self.reader.read(self.shared.run.root, path, path) {
            Outcome::File(file) => self.found.files.push(file),
            Outcome::TooLarge(signature) => {
                self.found.unread.push(too_large(path, &signature));
                self.found.large.push((path.to_owned(), signature));
            }
            Outcome::Failed(kind) => {
                let reason = UnreadReason::Io { kind };
                self.found.unread.push(Unread { path: path.to_owned(), reason });
            }
            Outcome::None => {}
        }
    }

    /// Keeps what an error of the walk says, at `path` unless it says where.
    fn failed(&mut self, error: &ignore::Error, path: &Path) {
        match error {
            ignore::Error::WithPath { path: at, err } => {
                self.failed(err, at.strip_prefix(self.shared.run.path).unwrap_or(path));
            }
            ignore::Error::WithDepth { err, .. } => self.failed(err, path),
            // It went away meanwhile.
            ignore::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => {
                let kind = other.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
                self.found.unread.push(Unread { path: path.to_owned(), reason: UnreadReason::Io { kind } });
            }
        }
    }
}
