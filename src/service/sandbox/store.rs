//! [`Store`]: the contents of a sandbox's files by their hash, each once.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};

use super::place::open_root;
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

impl Store {
    /// Opens the store at `path`, and makes it if it is not there.
    pub(super) fn open_at(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path.join(OBJECTS))?;
        std::fs::create_dir_all(path.join(INCOMING))?;
        let (objects, incoming) = (open_root(&path.join(OBJECTS))?, open_root(&path.join(INCOMING))?);
        Ok(Self { objects, incoming, arrivals: AtomicU64::new(0) })
    }

    /// Stores what `source` holds from here on. The hash is that of the copy, so it is right even if somebody
    /// writes to `source` meanwhile.
    pub(super) fn put(&self, source: &mut File) -> io::Result<Put> {
        let name = self.arrivals.fetch_add(1, Ordering::Relaxed).to_string();
        let put = self.take_in(source, &name);
        if put.as_ref().map_or(true, |put| put.new_bytes == 0) {
            // What is left over is in nobody's way, and the store goes with its sandbox.
            drop(self.incoming.remove_file(&name));
        }
        put
    }

    fn take_in(&self, source: &mut File, name: &str) -> io::Result<Put> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let mut copy = self.incoming.open_with(name, &options)?.into_std();
        io::copy(source, &mut copy)?;
        copy.rewind()?;
        let (hash, bytes) = hash_file(&mut copy)?;
        if self.contains(&hash) {
            return Ok(Put { hash, bytes, new_bytes: 0 });
        }
        self.incoming.rename(name, &self.objects, hash.to_string())?;
        Ok(Put { hash, bytes, new_bytes: bytes })
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
