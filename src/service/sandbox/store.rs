//! [`Store`]: the contents of a sandbox's files by their hash, each once.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{Mode, mkdirat};
use rustix::io::Errno;

use super::place::{open_dir, open_root};
use super::tree::hash_file;
use crate::event::Hash;

const OBJECTS: &str = "objects";
const INCOMING: &str = "incoming";

/// A folder with one file for each content, named by its hash.
#[derive(Debug)]
pub(super) struct Store {
    objects: Dir,
    /// Where a content stands until it is whole.
    incoming: Dir,
    /// How many came in: their names while they do.
    arrivals: AtomicU64,
}

/// What became of a content that was put into the store.
pub(super) struct Put {
    pub(super) hash: Hash,
    pub(super) bytes: u64,
    /// How many bytes had to be stored: none if it was there.
    pub(super) new_bytes: u64,
}

/// The folder of that name, which is made if it is not there.
fn folder_in(folder: &Dir, name: &str) -> io::Result<Dir> {
    match mkdirat(folder, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => open_dir(folder, OsStr::new(name)),
        Err(error) => Err(error.into()),
    }
}

impl Store {
    /// Opens the store at `path`, and makes it if it is not there.
    pub(super) fn open_at(path: &Path) -> io::Result<Self> {
        for folder in [OBJECTS, INCOMING] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path.join(folder))?;
        }
        let (objects, incoming) = (open_root(&path.join(OBJECTS))?, open_root(&path.join(INCOMING))?);
        Ok(Self { objects, incoming, arrivals: AtomicU64::new(0) })
    }

    /// The same in an open folder: no link is followed.
    pub(super) fn open_in(folder: &Dir, name: &str) -> io::Result<Self> {
        let store = folder_in(folder, name)?;
        let (objects, incoming) = (folder_in(&store, OBJECTS)?, folder_in(&store, INCOMING)?);
        Ok(Self { objects, incoming, arrivals: AtomicU64::new(0) })
    }

    /// Stores what `source` holds. The hash is that of the copy, so it is right even if somebody writes to `source`
    /// meanwhile. Where the file system can, the copy shares its blocks.
    pub(super) fn put(&self, source: &mut File) -> io::Result<Put> {
        self.take_in(|copy| copy_contents(source, copy))
    }

    /// Stores what is read from `source`, to its end.
    pub(super) fn put_read(&self, source: &mut dyn Read) -> io::Result<Put> {
        self.take_in(|copy| io::copy(source, copy).map(drop))
    }

    fn take_in(&self, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Put> {
        let name = self.arrivals.fetch_add(1, Ordering::Relaxed).to_string();
        let put = self.arrive(&name, fill);
        if put.as_ref().map_or(true, |put| put.new_bytes == 0) {
            // What is left over is in nobody's way, and the store goes with its sandbox.
            drop(self.incoming.remove_file(&name));
        }
        put
    }

    fn arrive(&self, name: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Put> {
        let mut options = OpenOptions::new();
        // What a dead process left there is litter.
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let mut copy = self.incoming.open_with(name, &options)?.into_std();
        fill(&mut copy)?;
        copy.rewind()?;
        let (hash, bytes) = hash_file(&mut copy)?;
        if self.contains(&hash) {
            return Ok(Put { hash, bytes, new_bytes: 0 });
        }
        self.incoming.rename(name, &self.objects, hash.to_string())?;
        Ok(Put { hash, bytes, new_bytes: bytes })
    }

    /// Makes a content outlive a crash of the machine; its name too, after [`Store::sync`].
    pub(super) fn sync_content(&self, hash: &Hash) -> io::Result<()> {
        self.open(hash)?.sync_all()
    }

    /// Makes everything outlive a crash of the machine, by one call for the whole file system.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(open_dir(&self.objects, OsStr::new("."))?)?;
        self.sync()
    }

    /// Makes the names of the contents outlive a crash of the machine.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(open_dir(&self.objects, OsStr::new("."))?)?)
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.objects.exists(hash.to_string())
    }

    /// Opens the content with that hash for reading.
    pub(super) fn open(&self, hash: &Hash) -> io::Result<File> {
        Ok(self.objects.open(hash.to_string())?.into_std())
    }

    pub(super) fn read(&self, hash: &Hash) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(hash)?.read_to_end(&mut content)?;
        Ok(content)
    }

    /// Removes every content that is not among `needed`.
    pub(super) fn retain(&self, needed: &HashSet<Hash>) -> io::Result<()> {
        for entry in self.objects.entries()? {
            let name = entry?.file_name();
            let hash = name.to_str().and_then(|name| name.parse::<Hash>().ok());
            if !hash.is_some_and(|hash| needed.contains(&hash)) {
                self.objects.remove_file(&name)?;
            }
        }
        Ok(())
    }
}

/// Copies what `from` holds, both from their beginnings: by sharing blocks where the file system can.
pub(super) fn copy_contents(from: &mut File, to: &mut File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&*to, &*from).is_ok() {
        return Ok(());
    }
    io::copy(from, to).map(drop)
}
