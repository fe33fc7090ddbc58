//! [`Still`]: the files of a journal as somebody left them, to be read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use agentbus::journal::{FileSystem, Open, Storage, StorageFile};

/// The files of a journal, by their names. Reading changes nothing; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Still {
    pub(crate) files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl Still {
    /// What stands in that directory.
    pub(crate) fn of(directory: &Path) -> Self {
        let mut files = BTreeMap::new();
        let storage = FileSystem::new(directory);
        for folder in ["", "segments", "heads"] {
            for name in storage.list(folder).unwrap() {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if directory.join(&name).is_file() {
                    files.insert(name.clone(), Arc::new(fs::read(directory.join(&name)).unwrap()));
                }
            }
        }
        Self { files }
    }

    /// The same with other bytes in a file.
    pub(crate) fn with(&self, name: &str, bytes: Vec<u8>) -> Self {
        let mut changed = self.clone();
        changed.files.insert(name.to_owned(), Arc::new(bytes));
        changed
    }

    /// The same without a file.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.files.remove(name).unwrap();
        changed
    }

    /// The names of the files in a folder, in order.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let is_in = |name: &&String| name.starts_with(&format!("{folder}/")) && !name.ends_with("/lock");
        self.files.keys().filter(is_in).cloned().collect()
    }

    /// The lines of a file, newlines included.
    pub(crate) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.files[name].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Writes all files to that directory.
    pub(crate) fn write_to(&self, directory: &Path) {
        for (name, bytes) in &self.files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &**bytes).unwrap();
        }
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Storage for Still {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        match self.files.get(name) {
            Some(bytes) if how == Open::Read => Ok(Box::new(StillFile(Arc::clone(bytes)))),
            None if how == Open::Read => Err(io::ErrorKind::NotFound.into()),
            _ => read_only(),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = self.files.keys().filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
        Ok(names.map(str::to_owned).collect())
    }

    fn create_folder(&self, _name: &str) -> io::Result<()> {
        read_only()
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        read_only()
    }

    fn sync_folder(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn boot(&self) -> Option<String> {
        None
    }
}

#[derive(Debug)]
struct StillFile(Arc<Vec<u8>>);

impl StorageFile for StillFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn append(&self, _bytes: &[u8]) -> io::Result<usize> {
        read_only()
    }

    fn cut(&self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn is_current(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(())
    }
}
