//! Why something in a folder was not read or not written.

use std::io;
use std::path::PathBuf;

/// Why nothing is read from a place, or written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeReason {
    /// The name is empty, `.` or `..`, or holds `/` or a zero byte.
    #[error("it is no name of something in the folder")]
    NotAName,
    /// A checkpoint is called otherwise.
    #[error(
        "the file of a checkpoint is called checkpoint-*.json: one name, of at most 240 bytes, without control characters"
    )]
    NotACheckpoint,
    /// It is a symbolic link, which is never followed.
    #[error("it is a link, which is never followed: give what it leads to, or remove it")]
    Link,
    /// It is a folder, a pipe, a socket or a device.
    #[error("it is not a regular file: move it elsewhere")]
    NotAFile,
    /// It is no folder.
    #[error("it is not a folder: move it elsewhere")]
    NotAFolder,
    /// Something has that name already, which is never written over.
    #[error("something is there already, and is never written over: move it elsewhere")]
    Occupied,
    /// Somebody who does not keep to the lock put something else there meanwhile.
    #[error("something else was put there meanwhile: look at it, and try again")]
    Changed,
}

/// Why something in a folder was not read or not written. Never with its content.
#[derive(Debug, thiserror::Error)]
pub(in crate::checkpoint) enum FolderError {
    /// Nothing is there.
    #[error("there is no {path:?}")]
    Missing {
        /// Where nothing is.
        path: PathBuf,
    },
    /// It is not safe to touch.
    #[error("cannot use {path:?}: {reason}")]
    Unsafe {
        /// What is not.
        path: PathBuf,
        /// Why.
        reason: UnsafeReason,
    },
    /// It is longer than is read.
    #[error("{path:?} has more than {at_most} bytes")]
    TooLarge {
        /// What is.
        path: PathBuf,
        /// How many bytes are read.
        at_most: usize,
    },
    /// It could not be changed, and is as it was.
    #[error("cannot {doing} {path:?}, which is as it was")]
    NotApplied {
        /// What was to be done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was changed, and a crash of the machine may undo that.
    #[error("{path:?} was changed, and it cannot be told whether that outlives a crash: do it again")]
    Indeterminate {
        /// What was.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It could not be looked at.
    #[error("cannot {doing} {path:?}")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
