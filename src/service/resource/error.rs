//! Why nothing came of an operation: [`ResourceError`], and [`HandlerError`], which says what the handler found.

use std::io;
use std::path::{Path, PathBuf};

use crate::event::NameError;

/// Why a handler could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// There is nothing of that name.
    #[error("there is nothing of that name")]
    Absent,
    /// It leads out of the resource: by a link, for example.
    #[error("it leads out of the resource")]
    Outside,
    /// It is git's own, or what a commit of a sandbox left behind: no commit would bring the change.
    #[error("it is git's own or what a commit left behind, which is not changed here: choose another path")]
    Reserved,
    /// It is a folder, a pipe, a device, and a file was needed; or no folder, and one was.
    #[error("it is {found}")]
    Kind {
        /// What it is, in words: `not a regular file`.
        found: &'static str,
    },
    /// Something stands where something was to be moved to.
    #[error("something of the new name is there already: delete it first")]
    Occupied,
    /// It is larger than what is read at once.
    #[error("it has more than {max} bytes")]
    TooLarge {
        /// How many bytes it may have.
        max: u64,
    },
    /// The folder holds more than what is listed at once.
    #[error("it holds more than {max} things")]
    TooMany {
        /// How many it may hold.
        max: usize,
    },
    /// The system refused it, or something else failed.
    #[error("the system did not do it")]
    Io {
        /// Why.
        source: io::Error,
    },
}

impl From<io::Error> for HandlerError {
    /// Tells what is absent and what leads out from other failures.
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            // The refusal of a directory handle; unlike those of the system it has no number.
            io::ErrorKind::PermissionDenied if source.raw_os_error().is_none() => Self::Outside,
            _ => Self::Io { source },
        }
    }
}

/// Why a path cannot be one within a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// It begins at the root of the machine.
    #[error("it is absolute, and must begin at the resource")]
    Absolute,
    /// Its `..` lead out of the resource.
    #[error("it leads out of the resource")]
    Outside,
    /// It names the resource itself, and something in it was needed.
    #[error("it names nothing in the resource")]
    Nameless,
    /// It holds a zero byte.
    #[error("it holds a zero byte")]
    Zero,
    /// It is longer than any path can be.
    #[error("it is longer than 4096 bytes")]
    TooLong,
}

/// Why nothing came of an operation on a resource. Nothing has changed then, and nothing was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// There is no resource of that name.
    #[error("no resource is registered as {resource}")]
    Unknown {
        /// The name asked for.
        resource: String,
    },
    /// The path cannot be one.
    #[error("cannot {doing} {} in {resource}", path.display())]
    Path {
        /// The resource.
        resource: String,
        /// What was asked.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// The resource is of a kind that cannot do that.
    #[error("cannot {doing} in {resource}: it {way_out}")]
    Unsupported {
        /// The resource.
        resource: String,
        /// What was asked.
        doing: &'static str,
        /// What it is, and what can.
        way_out: &'static str,
    },
    /// The handler did not do it.
    #[error("cannot {doing} {} in {resource}", path.display())]
    Handler {
        /// The resource.
        resource: String,
        /// What was asked.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        source: HandlerError,
    },
    /// What was to be replaced is not what it was any more.
    #[error("cannot replace {} in {resource}: it changed meanwhile; read it again", path.display())]
    Changed {
        /// The resource.
        resource: String,
        /// The path.
        path: PathBuf,
    },
    /// It takes too long. What it still changes is told when it has.
    #[error("cannot wait any longer to {doing} {} in {resource}", path.display())]
    TimedOut {
        /// The resource.
        resource: String,
        /// What was asked.
        doing: &'static str,
        /// The path.
        path: PathBuf,
    },
}

/// Why a resource could not be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterResourceError {
    /// There is one of that name.
    #[error("cannot register a second resource as {resource}: unregister the first one")]
    Exists {
        /// The name.
        resource: String,
    },
    /// The name cannot be one.
    #[error("cannot register a resource under that name: give it another")]
    Name {
        /// What is wrong with it.
        source: NameError,
    },
    /// What the address names could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl RegisterResourceError {
    /// An error of opening `path`.
    pub(super) fn open(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Open { path, source }
    }
}

/// Why a resource was not indexed. The index before is still the last one then, and nothing was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no such resource, or it is no folder on disk.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The folder is not at its path any more.
    #[error("cannot index {}: the folder that was opened is not there any more", path.display())]
    Vanished {
        /// Where it was.
        path: PathBuf,
    },
    /// There are more files than an index may have.
    #[error("cannot index {}: it has more than {max} files; ignore some or raise the limit", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        max: usize,
    },
    /// Nobody waits for it any more.
    #[error("the index of {} was cancelled", path.display())]
    Cancelled {
        /// The folder.
        path: PathBuf,
    },
}
