//! [`FileSystem`]: a directory on disk.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{Open, Storage, StorageFile};

/// A directory of the file system.
#[derive(Clone, Debug)]
pub struct FileSystem {
    root: PathBuf,
}

impl FileSystem {
    /// The directory of that path; it need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Creates a directory and what is missing above it, of that mode as far as the process allows it, so that they are still
/// there after a crash of the machine. One that is there already may have been made by somebody who died before it was
/// durable, so its name is made so as well.
pub(crate) fn create_durably(path: &Path, mode: u32) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let create = || DirBuilder::new().mode(mode).create(path);
    let created = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && above != path => {
            create_durably(above, mode)?;
            create()
        }
        created => created,
    };
    match created {
        Ok(()) => open_folder(above)?.sync_all(),
        Err(_) if path.is_dir() => sync_where_allowed(above),
        Err(error) => Err(error),
    }
}

/// Makes what was created in a folder durable. Who may not read the folder cannot, and goes on without.
pub(crate) fn sync_where_allowed(folder: &Path) -> io::Result<()> {
    match open_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

/// Opens a folder; a pipe in its place is not waited for.
fn open_folder(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::DIRECTORY.bits().cast_signed()).open(path)
}

impl Storage for FileSystem {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        let path = self.root.join(name);
        let mut options = OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::Append => options.read(true).append(true),
            Open::Create => options.read(true).append(true).create_new(true),
            Open::Lock => options.read(true).append(true).create(true),
        };
        // Else a pipe in place of a file would be waited for, and a lock made or taken wherever a link leads.
        let no_link = if matches!(how, Open::Lock) { OFlags::NOFOLLOW } else { OFlags::empty() };
        options.custom_flags((OFlags::NONBLOCK | no_link).bits().cast_signed());
        let file = options.open(&path).map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => {
                io::Error::new(io::ErrorKind::InvalidInput, "it is a link, which is not followed: remove it")
            }
            _ => error,
        })?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Box::new(OnDisk { file, path, id: (meta.dev(), meta.ino()) }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        // A name that is no UTF-8 is none of ours.
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        fs::read_dir(self.root.join(folder))?.filter_map(|entry| name(entry).transpose()).collect()
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        let path = self.root.join(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            done => done,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        open_folder(&self.root.join(name))?.sync_all()
    }

    fn boot(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.root)
    }
}

#[derive(Debug)]
struct OnDisk {
    file: File,
    path: PathBuf,
    /// Device and inode: while it is open, no other file has them.
    id: (u64, u64),
}

impl StorageFile for OnDisk {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut &self.file, bytes)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|meta| meta.len())
    }

    fn is_current(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(meta) => Ok((meta.dev(), meta.ino()) == self.id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_lock_is_made_and_taken_through_no_link() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (lock, made) = (folder.path().join("lock"), elsewhere.path().join("made"));
        symlink(&made, &lock).unwrap();
        let storage = FileSystem::new(folder.path());
        let refused = || storage.open("lock", Open::Lock).unwrap_err().to_string();
        assert!(refused().contains("it is a link"), "{}", refused());
        assert!(!made.exists());
        fs::write(&made, "").unwrap();
        assert!(refused().contains("it is a link"), "{}", refused());
        fs::remove_file(&lock).unwrap();
        assert!(storage.open("lock", Open::Lock).unwrap().try_lock().unwrap());
    }
}
