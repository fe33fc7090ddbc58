//! Why something in a folder was not read or not written. What is said of checkpoints and of memories alike is said by
//! the same types, which are part of the errors of both. Never with what a file holds.

use std::fmt;
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

/// Something that is not safe to touch.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path:?}: {reason}")]
#[non_exhaustive]
pub struct UnsafeTarget {
    /// What is not.
    pub path: PathBuf,
    /// Why.
    pub reason: UnsafeReason,
}

/// Something could not be changed, and is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path:?}; nothing has changed")]
#[non_exhaustive]
pub struct NotApplied {
    /// What was to be done.
    pub doing: &'static str,
    /// To what.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// Something was changed, and it is not known whether that outlives a crash of the machine.
#[derive(Debug, thiserror::Error)]
#[error("{path:?} was changed, and it cannot be told whether that outlives a crash of the machine: {remedy}")]
#[non_exhaustive]
pub struct Indeterminate {
    /// What was.
    pub path: PathBuf,
    /// How it is made sure of.
    pub remedy: Remedy,
    /// What the system says.
    pub source: io::Error,
}

/// How a change is made sure of that a crash of the machine may undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// The same call again makes it durable, or tells why not. Where there is nothing left to do, it says so then.
    Again,
    /// The same call again would do it once more. What is done next in its folder makes it durable too.
    Next,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Again => "do it again",
            Self::Next => "it is there, do not do it again; the next change in its folder makes sure of it",
        })
    }
}

/// Something could not be read, or looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path:?}")]
#[non_exhaustive]
pub struct NotRead {
    /// What was to be done.
    pub doing: &'static str,
    /// With what.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// What a call on a folder comes to, if not to what was asked.
#[derive(Debug, thiserror::Error)]
pub(in crate::checkpoint) enum FolderError {
    /// Nothing is there.
    #[error("there is no {path:?}")]
    Missing {
        /// Where nothing is.
        path: PathBuf,
    },
    /// It is longer than is read.
    #[error("{path:?} has more than {at_most} bytes")]
    TooLarge {
        /// What is.
        path: PathBuf,
        /// How many bytes are read.
        at_most: usize,
    },
    /// It is not safe to touch.
    #[error(transparent)]
    Unsafe(#[from] UnsafeTarget),
    /// It could not be changed, and is as it was.
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    /// It was changed, and a crash of the machine may undo that.
    #[error(transparent)]
    Indeterminate(#[from] Indeterminate),
    /// It could not be looked at.
    #[error(transparent)]
    NotRead(#[from] NotRead),
}
