//! [`Metered`]: a journal's directory that counts what is read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbus::journal::{FileSystem, Open, Storage, StorageFile};

/// A directory that counts what is read of its files, in bytes.
#[derive(Debug)]
pub(super) struct Metered {
    pub(super) files: FileSystem,
    /// What was read so far.
    pub(super) read: Arc<AtomicU64>,
}

impl Storage for Metered {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        let file = self.files.open(name, how)?;
        Ok(Box::new(MeteredFile { file, read: Arc::clone(&self.read) }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.files.list(folder)
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        self.files.create_folder(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        self.files.sync_folder(name)
    }

    fn boot(&self) -> Option<String> {
        self.files.boot()
    }
}

#[derive(Debug)]
struct MeteredFile {
    file: Box<dyn StorageFile>,
    read: Arc<AtomicU64>,
}

impl StorageFile for MeteredFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let read = self.file.read_at(into, at)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.file.cut(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn is_current(&self) -> io::Result<bool> {
        self.file.is_current()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
