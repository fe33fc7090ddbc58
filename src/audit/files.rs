//! [`Folder`]: the files of an index.
//!
//! The database of an index is `audit/index-<number, 8 digits>.sqlite` in the journal's directory; the one with the
//! greatest number counts. One that is made anew gets its name when it is whole: then it counts, and those before are
//! removed. A name is never used twice, so that what SQLite keeps beside a database (`-wal`, `-shm`) is never taken for
//! that of another one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags};
use rustix::io::Errno;

use super::error::AuditError;

const FOLDER: &str = "audit";
const BEGINNING: &str = "index-";
const ENDING: &str = ".sqlite";
const DIGITS: usize = 8;

/// What SQLite keeps beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The folder of an index.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// The number of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(u32);

impl Generation {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// That of the database whose file has that name.
    fn of(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(BEGINNING)?.strip_suffix(ENDING)?;
        let is_number = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

impl Folder {
    /// That of the journal in that directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self(directory.join(FOLDER))
    }

    /// Makes it, if it is not there.
    pub(super) fn create(&self) -> Result<(), AuditError> {
        self.check()?;
        fs::create_dir_all(&self.0).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                AuditError::NoIndex { folder: self.0.clone() }
            }
            _ => self.failed()(error),
        })
    }

    /// Refuses what is no folder, such as a link to one: somebody else's files are not ours to write.
    fn check(&self) -> Result<(), AuditError> {
        match fs::symlink_metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(meta) if !meta.is_dir() => Err(AuditError::NoFolder { folder: self.0.clone() }),
            looked => looked.map(drop).map_err(self.failed()),
        }
    }

    /// Whether nothing can be written there.
    pub(super) fn is_read_only(&self) -> bool {
        let may = |path: &Path| rustix::fs::access(path, Access::WRITE_OK);
        let above = self.0.parent().unwrap_or(Path::new("."));
        let tried = may(&self.0).or_else(|error| if error == Errno::NOENT { may(above) } else { Err(error) });
        let newest = self.newest().ok().flatten().map(|newest| self.file(newest));
        tried.is_err() || newest.is_some_and(|file| may(&file).is_err())
    }

    /// Whether a database, and what SQLite keeps beside it, is a file, or is not there.
    pub(super) fn is_regular(file: &Path) -> bool {
        BESIDE.iter().all(|suffix| {
            let looked = fs::symlink_metadata(with_suffix(file, suffix));
            looked.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |meta| meta.is_file())
        })
    }

    /// Whether all of a database stands in its file, so that it can be read without its log.
    pub(super) fn is_closed(file: &Path) -> bool {
        fs::metadata(with_suffix(file, "-wal")).map_or(true, |meta| meta.len() == 0)
    }

    /// What a failed call becomes.
    pub(super) fn failed(&self) -> impl FnOnce(io::Error) -> AuditError {
        let folder = self.0.clone();
        move |source| AuditError::Files { folder, source }
    }

    /// The file of a database.
    pub(super) fn file(&self, of: Generation) -> PathBuf {
        self.0.join(format!("{BEGINNING}{:0DIGITS$}{ENDING}", of.0))
    }

    /// The file in which a database is made before it gets its name.
    pub(super) fn unfinished(&self, of: Generation) -> PathBuf {
        self.0.join(format!("{BEGINNING}{:0DIGITS$}{ENDING}.tmp", of.0))
    }

    /// All databases, ascending.
    pub(super) fn generations(&self) -> Result<Vec<Generation>, AuditError> {
        self.check()?;
        let listed = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(self.failed())?,
        };
        let names: io::Result<Vec<_>> = listed.map(|entry| entry.map(|entry| entry.file_name())).collect();
        let names = names.map_err(self.failed())?;
        let mut found: Vec<_> = names.iter().filter_map(|name| Generation::of(name.to_str()?)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The database that counts.
    pub(super) fn newest(&self) -> Result<Option<Generation>, AuditError> {
        Ok(self.generations()?.pop())
    }

    /// Lets a finished database count.
    pub(super) fn name(&self, made: Generation) -> Result<(), AuditError> {
        let named = File::open(self.unfinished(made))
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(self.unfinished(made), self.file(made)))
            .and_then(|()| File::open(&self.0)?.sync_all());
        named.map_err(self.failed())
    }

    /// Puts a database that cannot be used out of the way, with what SQLite keeps beside it, and says where it is.
    pub(super) fn set_aside(&self, of: Generation) -> Result<PathBuf, AuditError> {
        let file = self.file(of);
        for suffix in BESIDE {
            let from = with_suffix(&file, suffix);
            match fs::rename(&from, with_suffix(&file, &format!(".damaged{suffix}"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed.map_err(self.failed())?,
            }
        }
        Ok(with_suffix(&file, ".damaged"))
    }

    /// Removes a database, or one that was not finished.
    pub(super) fn remove(&self, file: &Path) -> Result<(), AuditError> {
        for suffix in BESIDE {
            match fs::remove_file(with_suffix(file, suffix)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(self.failed())?,
            }
        }
        Ok(())
    }

    /// Takes the lock under which an index is made anew. Dropping it gives it up.
    pub(super) fn lock(&self) -> Result<File, AuditError> {
        let path = self.0.join("lock");
        // A pipe in its place is not waited for, nor a link followed.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut options = File::options();
        options.create(true).truncate(false).write(true).custom_flags(flags);
        let file = options.open(path).map_err(self.failed())?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(AuditError::Busy { folder: self.0.clone() }),
            Err(TryLockError::Error(source)) => Err(self.failed()(source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_number() {
        let folder = Folder::of(Path::new("j"));
        assert_eq!(folder.file(Generation::FIRST), Path::new("j/audit/index-00000001.sqlite"));
        assert_eq!(Generation::of("index-00000001.sqlite"), Some(Generation::FIRST));
        for name in [
            "index-1.sqlite",
            "index-00000001.sqlite.tmp",
            "index-0000000x.sqlite",
            "index-00000001.sqlite-wal",
        ] {
            assert_eq!(Generation::of(name), None, "{name}");
        }
    }
}
