//! What the threads of a run bring together: files read, folders seen, what could not be read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::rules::TAG;
use super::signature::Signature;
use super::{Folder, Index, IndexOptions, IndexedFile, Unread, UnreadReason};
use crate::event::{Hash, Text};

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// What one thread of a run, or all together, found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) files: Vec<IndexedFile>,
    pub(super) folders: Vec<Folder>,
    pub(super) unread: Vec<Unread>,
    /// Files that are too large, with their folders.
    pub(super) large: Vec<(PathBuf, Signature)>,
    /// Folders left out as caches, the signatures of their marks, and whether these alone tell of a change.
    pub(super) caches: Vec<(PathBuf, Signature, bool)>,
}

impl Gathered {
    pub(super) fn append(&mut self, other: &mut Self) {
        self.files.append(&mut other.files);
        self.folders.append(&mut other.folders);
        self.unread.append(&mut other.unread);
        self.large.append(&mut other.large);
        self.caches.append(&mut other.caches);
    }

    /// The index of what was found, whatever the order in which it was.
    pub(super) fn into_index(mut self, resource: Text, options: IndexOptions) -> Index {
        self.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        self.folders.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        self.unread.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let places: HashMap<PathBuf, usize> =
            self.folders.iter().enumerate().map(|(nth, folder)| (folder.path.clone(), nth)).collect();
        let mut folder_of = |path: &Path, add: &mut dyn FnMut(&mut Folder)| {
            let place = path.parent().and_then(|parent| places.get(parent));
            if let Some(folder) = place.and_then(|place| self.folders.get_mut(*place)) {
                add(folder);
            }
        };
        for (nth, file) in self.files.iter().enumerate() {
            folder_of(&file.path, &mut |folder| folder.files.push(nth));
        }
        for (path, signature) in &self.large {
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            folder_of(path, &mut |folder| folder.others.push((name.clone(), *signature)));
        }
        for (path, mark, is_settled) in &self.caches {
            let mark_in = PathBuf::from(path.file_name().unwrap_or_default()).join(TAG);
            folder_of(path, &mut |folder| {
                folder.others.push((mark_in.clone(), *mark));
                folder.is_settled &= is_settled;
            });
        }
        Index { resource, options, files: self.files, folders: self.folders, unread: self.unread }
    }
}

/// What became of the attempt to read a file.
pub(in crate::service::resource) enum Outcome {
    File(IndexedFile),
    TooLarge(Signature),
    Failed(io::ErrorKind),
    /// It is no regular file, or gone.
    None,
}

/// Reads files and hashes them.
pub(in crate::service::resource) struct Reader {
    buffer: Vec<u8>,
    max_bytes: u64,
    /// When the run began, in nanoseconds since 1970.
    started: i64,
}

impl Reader {
    pub(in crate::service::resource) fn new(options: &IndexOptions, started: i64) -> Self {
        Self { buffer: vec![0; BUFFER], max_bytes: options.max_file_bytes, started }
    }

    /// Reads the file `name` in `dir`, which is at `path`. No link is followed, and no pipe is waited for.
    pub(in crate::service::resource) fn read(&mut self, dir: &Dir, name: &Path, path: &Path) -> Outcome {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed());
        let read = dir.open_with(name, &options).and_then(|file| self.take_in(file.into_std()));
        match read {
            Ok(Some((signature, Some(hash), is_whole))) => {
                let is_settled = is_whole && signature.is_settled(self.started);
                Outcome::File(IndexedFile { path: path.to_owned(), signature, hash, is_settled })
            }
            Ok(Some((signature, None, _))) => Outcome::TooLarge(signature),
            Ok(None) => Outcome::None,
            Err(error) => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                // A link, by now.
                Some(rustix::io::Errno::LOOP) => Outcome::None,
                _ if error.kind() == io::ErrorKind::NotFound => Outcome::None,
                _ => Outcome::Failed(error.kind()),
            },
        }
    }

    /// The signature and the hash, and whether it did not change meanwhile; no hash if it is too large.
    fn take_in(&mut self, mut file: File) -> io::Result<Option<(Signature, Option<Hash>, bool)>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let before = Signature::of_std(&metadata);
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0_u64);
        while before.bytes() <= self.max_bytes {
            let read = match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes += read as u64;
            // It grows while it is read.
            if bytes > self.max_bytes {
                return Ok(Some((Signature::of_file(&file)?, None, false)));
            }
            hasher.update(self.buffer.get(..read).unwrap_or_default());
        }
        if before.bytes() > self.max_bytes {
            return Ok(Some((before, None, true)));
        }
        let hash = Hash::from_bytes(*hasher.finalize().as_bytes());
        let after = Signature::of_file(&file)?;
        Ok(Some((after.with_bytes(bytes), Some(hash), before == after && after.bytes() == bytes)))
    }
}

/// What is told of a file that is too large.
pub(super) fn too_large(path: &Path, signature: &Signature) -> Unread {
    Unread { path: path.to_owned(), reason: UnreadReason::TooLarge { bytes: signature.bytes() } }
}
