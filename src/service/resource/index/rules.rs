//! [`Rules`]: which files are left out, as the ignore files in the folder, the marks of caches and the options say.
//!
//! Anybody may put an ignore file there, so it is read by the handle of its folder: a link, a pipe or a device is not
//! opened, and one with more than [`MAX_RULES_BYTES`] is not read. Such a file has no say, and is told of. One that is read
//! and whose patterns cannot be used, since they take too much or all files of a run together have too many, is told of
//! too; what it would have left out is not known, so its whole folder is left out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::io::Errno;

use super::signature::Signature;
use super::{HiddenFiles, IndexOptions, Unread, UnreadReason};
use crate::service::resource::path::is_left_out;
use crate::service::sandbox::place::open_file;
use crate::service::sandbox::tree::CACHE_TAG;
use crate::sync::{Mutex, lock};

/// A longer ignore file is not read, in bytes.
pub(super) const MAX_RULES_BYTES: u64 = 256 << 10;

/// So many bytes of ignore files are used in one run, of all together.
pub(super) const MAX_RULES_BYTES_OF_ALL: u64 = 1 << 20;

/// The name of the file that marks a folder as a cache.
pub(super) const TAG: &str = "CACHEDIR.TAG";

/// The names of ignore files; what the first one says of a file counts more than what the second one says, also if it
/// stands further up.
const IGNORE_FILES: [&str; 2] = [".ignore", ".gitignore"];

/// What says which files are left out, beside the options.
pub(in crate::service::resource) const RULES: [&str; 3] = [IGNORE_FILES[0], IGNORE_FILES[1], TAG];

/// Which files of a folder are left out. What an ignore file says is read once, when it is first needed.
#[derive(Debug)]
pub(in crate::service::resource) struct Rules {
    root: Dir,
    hidden: HiddenFiles,
    /// Guards what was read; held for single moves.
    read: Mutex<AlreadyRead>,
}

#[derive(Debug, Default)]
struct AlreadyRead {
    /// By the path of the folder.
    levels: HashMap<PathBuf, Arc<Level>>,
    /// Ignore files that have no say, or not all of it.
    unread: Vec<Unread>,
    /// How many bytes of ignore files are used.
    bytes: u64,
    /// Folders that are marked as caches, with the signatures of their marks.
    caches: Vec<(PathBuf, Signature)>,
}

/// What holds for what is directly in a folder, unless something further down says otherwise.
#[derive(Debug, Default)]
struct Level {
    above: Option<Arc<Level>>,
    /// In the order of [`IGNORE_FILES`].
    patterns: [Option<Gitignore>; 2],
}

/// What the ignore files of a folder come to.
struct ReadLevel {
    level: Arc<Level>,
    unread: Vec<Unread>,
    bytes: u64,
}

/// What one ignore file says.
struct Patterns {
    said: Gitignore,
    /// Why that is not all of it.
    unread: Option<UnreadReason>,
    /// How many of the bytes that a run may use it took.
    bytes: u64,
}

impl Rules {
    /// The rules of the folder with that handle, of which nothing is read yet.
    pub(in crate::service::resource) fn new(root: &Dir, options: &IndexOptions) -> io::Result<Self> {
        Ok(Self { root: root.try_clone()?, hidden: options.hidden, read: Mutex::default() })
    }

    /// Whether something at `path` is left out, in a folder that is not.
    pub(in crate::service::resource) fn leave_out(&self, path: &Path, is_folder: bool) -> bool {
        let Some(name) = path.file_name() else { return false };
        if is_left_out(name) {
            return true;
        }
        let level = self.level_of(path.parent().unwrap_or(Path::new("")));
        match level.said_of(path, is_folder) {
            Match::Ignore(()) => return true,
            Match::None if self.hidden == HiddenFiles::LeftOut && name.as_bytes().starts_with(b".") => {
                return true;
            }
            Match::None | Match::Whitelist(()) => {}
        }
        let mark = if is_folder { cache_mark(&self.root, path) } else { None };
        if let Some(mark) = mark {
            lock(&self.read).caches.push((path.to_owned(), mark));
        }
        mark.is_some()
    }

    /// The folders so far that were left out since they are marked as caches, with the signatures of their marks.
    pub(super) fn take_caches(&self) -> Vec<(PathBuf, Signature)> {
        std::mem::take(&mut lock(&self.read).caches)
    }

    /// The ignore files read so far that have no say, or not all of it; each once.
    pub(super) fn take_unread(&self) -> Vec<Unread> {
        std::mem::take(&mut lock(&self.read).unread)
    }

    fn level_of(&self, folder: &Path) -> Arc<Level> {
        if let Some(level) = lock(&self.read).levels.get(folder) {
            return Arc::clone(level);
        }
        let above = folder.parent().map(|above| self.level_of(above));
        let ReadLevel { level, mut unread, bytes } = self.read_level(folder, above);
        let mut read = lock(&self.read);
        if let Some(level) = read.levels.get(folder).map(Arc::clone) {
            // Another thread was faster.
            read.bytes = read.bytes.saturating_sub(bytes);
            return level;
        }
        read.unread.append(&mut unread);
        read.levels.insert(folder.to_owned(), Arc::clone(&level));
        level
    }

    fn read_level(&self, folder: &Path, above: Option<Arc<Level>>) -> ReadLevel {
        let (mut unread, mut patterns, mut bytes) = (Vec::new(), [None, None], 0);
        for (name, patterns) in IGNORE_FILES.into_iter().zip(&mut patterns) {
            let reason = match self.read_patterns(folder, name) {
                Ok(read) => {
                    *patterns = Some(read.said).filter(|said| !said.is_empty());
                    bytes += read.bytes;
                    read.unread
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(reason_of(&error)),
            };
            unread.extend(reason.map(|reason| Unread { path: folder.join(name), reason }));
        }
        let level = match above {
            Some(above) if patterns.iter().all(Option::is_none) => above,
            above => Arc::new(Level { above, patterns }),
        };
        ReadLevel { level, unread, bytes }
    }

    /// The patterns of an ignore file.
    fn read_patterns(&self, folder: &Path, name: &str) -> io::Result<Patterns> {
        let mut text = Vec::new();
        open_in(&self.root, folder, name)?.take(MAX_RULES_BYTES + 1).read_to_end(&mut text)?;
        let bytes = text.len() as u64;
        if bytes > MAX_RULES_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if !self.take_bytes(bytes) {
            return Ok(Patterns { said: all_of(folder), unread: Some(UnreadReason::Rules), bytes: 0 });
        }
        let (mut builder, mut is_whole) = (GitignoreBuilder::new(folder), true);
        for line in text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text).split(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line));
            is_whole &= line.is_ok_and(|line| builder.add_line(None, line).is_ok());
        }
        let unread = (!is_whole).then_some(UnreadReason::Patterns);
        Ok(match builder.build() {
            Ok(said) => Patterns { said, unread, bytes },
            // They take too much memory.
            Err(_too_much) => Patterns { said: all_of(folder), unread: Some(UnreadReason::Rules), bytes },
        })
    }

    /// Takes so many of the bytes that a run may use; whether there were as many left.
    fn take_bytes(&self, bytes: u64) -> bool {
        let mut read = lock(&self.read);
        let sum = read.bytes + bytes;
        if sum <= MAX_RULES_BYTES_OF_ALL {
            read.bytes = sum;
        }
        sum <= MAX_RULES_BYTES_OF_ALL
    }
}

impl Level {
    /// What the ignore files say of `path`: of each kind the one that is nearest and says anything.
    fn said_of(&self, path: &Path, is_folder: bool) -> Match<()> {
        for nth in 0..IGNORE_FILES.len() {
            let levels = std::iter::successors(Some(self), |level| level.above.as_deref());
            let patterns = levels.filter_map(|level| level.patterns.get(nth)?.as_ref());
            let mut said = patterns.map(|patterns| patterns.matched(path, is_folder).map(|_pattern| ()));
            if let Some(said) = said.find(|said| !said.is_none()) {
                return said;
            }
        }
        Match::None
    }
}

/// Why an ignore file has no say.
fn reason_of(error: &io::Error) -> UnreadReason {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => UnreadReason::Rules,
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => UnreadReason::Rules,
        kind => UnreadReason::Io { kind },
    }
}

/// A pattern that leaves out all that is in a folder.
fn all_of(folder: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    let built = builder.add_line(None, "*").and_then(|builder| builder.build());
    built.expect("one star is a pattern, and a small one")
}

/// The signature of the file that marks the folder at `path` as a cache, if one does.
fn cache_mark(root: &Dir, path: &Path) -> Option<Signature> {
    let mut start = [0; CACHE_TAG.len()];
    let mut mark = open_in(root, path, TAG).ok()?;
    mark.read_exact(&mut start).ok()?;
    if start == *CACHE_TAG.as_bytes() { Signature::of_file(&mark).ok() } else { None }
}

/// Opens the file `name` in the folder at `path`; no link of that name is followed, and no pipe is waited for.
fn open_in(root: &Dir, path: &Path, name: &str) -> io::Result<File> {
    let folder = if path.as_os_str().is_empty() { root.try_clone() } else { root.open_dir(path) };
    open_file(&folder?, OsStr::new(name))
}
