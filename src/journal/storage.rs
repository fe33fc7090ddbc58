//! [`Storage`]: where a journal keeps its files; a seam, so that tests can fail, tear, freeze and fill it.
//!
//! Names are relative to the journal's directory, with `/` between folder and file, made by the journal alone and
//! never taken from outside.

use std::fmt;
use std::io;
use std::path::Path;

mod file_system;
mod replace;

pub use file_system::FileSystem;
pub(crate) use file_system::create_durably;
#[cfg(feature = "checkpoint")]
pub(crate) use file_system::sync_where_allowed;
pub(crate) use replace::durably_replace;

/// The directory of a journal.
///
/// Implementors hold to this: what a call reports done, later calls see; after a crash of the process everything
/// written is there; after a crash of the machine what was synced is there, and of the rest any part may be. Calls
/// come from many threads.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` if it has to exist, `AlreadyExists` if it must not, and whatever the system says.
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>>;

    /// The names of the files and folders in a folder, in no order, without it.
    ///
    /// # Errors
    /// `NotFound` if there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Makes a folder; one that is there is fine. The empty name is the directory itself.
    ///
    /// # Errors
    /// Whatever the system says.
    fn create_folder(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, in place of what had it.
    ///
    /// # Errors
    /// Whatever the system says; then nothing has changed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` if it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes what was created, renamed and removed in a folder outlive a crash of the machine.
    ///
    /// # Errors
    /// Whatever the system says; then nothing of it can be believed.
    fn sync_folder(&self, name: &str) -> io::Result<()>;

    /// A text that changes when the machine restarts; `None` if it cannot be told.
    fn boot(&self) -> Option<String>;

    /// Where it is in the file system, if what is written to it is to be seen there: followers have the system tell
    /// them of it. Elsewhere they look every 5 ms.
    fn directory(&self) -> Option<&Path> {
        None
    }
}

/// An open file of a [`Storage`]. Dropping it closes it and gives up its lock.
#[expect(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")]
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Reads at that place, in bytes from the start; fewer bytes than asked for where the file ends, 0 behind it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes at the end and gives how many bytes it wrote, which may be fewer than asked for.
    ///
    /// # Errors
    /// Whatever the system says; some bytes may stand there nevertheless.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file to that length.
    ///
    /// # Errors
    /// Whatever the system says.
    fn cut(&self, len: u64) -> io::Result<()>;

    /// Makes what was written outlive a crash of the machine.
    ///
    /// # Errors
    /// Whatever the system says; then nothing written since the last sync can be believed.
    fn sync(&self) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it still stands under the name it was opened by: neither removed nor replaced.
    ///
    /// # Errors
    /// Whatever the system says.
    fn is_current(&self) -> io::Result<bool>;

    /// Takes the lock of the file for this open file alone, without waiting; false if somebody else has it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn try_lock(&self) -> io::Result<bool>;

    /// Gives the lock up.
    ///
    /// # Errors
    /// Whatever the system says.
    fn unlock(&self) -> io::Result<()>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To read one that exists.
    Read,
    /// To append to one that exists, and to read it.
    Append,
    /// To append to a new one, which must not exist.
    Create,
    /// To lock, and made if it is missing.
    Lock,
}

/// Writes all of `bytes` at the end.
pub(crate) fn append_all(file: &dyn StorageFile, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file.append(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How much of a small file is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Reads a small file whole; one of more than `at_most` bytes is `InvalidData`.
pub(crate) fn read_whole(storage: &dyn Storage, name: &str, at_most: usize) -> io::Result<Vec<u8>> {
    let file = storage.open(name, Open::Read)?;
    let mut bytes = Vec::new();
    let mut len = 0;
    while len <= at_most {
        // Room for one byte too many, and no more memory than the file asks for.
        bytes.resize((len + CHUNK).min(at_most + 1), 0);
        match file.read_at(bytes.get_mut(len..).unwrap_or_default(), len as u64) {
            Ok(0) => {
                bytes.truncate(len);
                return Ok(bytes);
            }
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {at_most} bytes")))
}
