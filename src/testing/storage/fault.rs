//! [`Fault`]: what goes wrong, and [`When`].

use std::fmt;
use std::io;

/// A kind of call to a storage or to one of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Opening a file that has to exist, or the one to lock.
    Open,
    /// Opening a file that must not exist.
    Create,
    /// Reading from a file.
    Read,
    /// Writing at the end of a file.
    Append,
    /// Cutting a file.
    Cut,
    /// Syncing a file.
    Sync,
    /// Asking for the length of a file.
    Len,
    /// Asking whether a file still stands under its name.
    IsCurrent,
    /// Trying to lock a file.
    TryLock,
    /// Giving up the lock of a file.
    Unlock,
    /// Listing a folder.
    List,
    /// Making a folder.
    CreateFolder,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Syncing a folder.
    SyncFolder,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Append => "append",
            Self::Cut => "cut",
            Self::Sync => "sync",
            Self::Len => "len",
            Self::IsCurrent => "is_current",
            Self::TryLock => "try_lock",
            Self::Unlock => "unlock",
            Self::List => "list",
            Self::CreateFolder => "create_folder",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::SyncFolder => "sync_folder",
        })
    }
}

/// At which call a fault strikes. The text is what the name of the file or folder begins with: `"segments/"`; all
/// do with the empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// At the call of that number; the first call of a process has number 1. Never, if it was made already.
    Call(u64),
    /// At the next call of that kind, once.
    Next(Operation, &'static str),
    /// At every call of that kind.
    Every(Operation, &'static str),
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It fails, and nothing is done. What a sync should have written can still be synced.
    Fail(io::ErrorKind),
    /// An append writes at most so many bytes, then fails; any other call fails, and nothing is done.
    Tear(usize),
    /// An append writes at most so many bytes and says so; no other call is harmed.
    Short(usize),
    /// A sync of a file or folder fails, and marks as written what it did not write, as Linux does: it reads back,
    /// later syncs succeed without writing it, and a crash of the machine may lose it. Any other call fails, and
    /// nothing is done.
    GiveUp,
    /// The process is stopped: this call waits, and every later one, until
    /// [`resume`](super::FaultyStorage::resume). It keeps its locks.
    Stop,
    /// The process is dead: this call fails, and every later one, and nothing changes any more. Its locks are free.
    Freeze,
}

/// What a process has done, and what will go wrong for it.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) trace: Vec<String>,
    pub(super) plan: Vec<(When, Fault)>,
    pub(super) is_stopped: bool,
    pub(super) is_dead: bool,
}

impl Process {
    pub(super) fn calls(&self) -> u64 {
        self.trace.len() as u64
    }

    /// Notes a call and takes the fault that strikes at it, the first planned if there are several.
    pub(super) fn call(
        &mut self,
        operation: Operation,
        name: &str,
        detail: fmt::Arguments<'_>,
    ) -> Option<Fault> {
        let line = format!("{operation} {name}{detail}");
        let fault = self.fault_at(self.calls() + 1, operation, name);
        self.trace.push(match fault {
            Some(fault) => format!("{line}: {fault:?}"),
            None => line,
        });
        fault
    }

    fn fault_at(&mut self, number: u64, operation: Operation, name: &str) -> Option<Fault> {
        let strikes = |when: &When| match when {
            When::Call(at) => *at == number,
            When::Next(what, under) | When::Every(what, under) => {
                *what == operation && name.starts_with(under)
            }
        };
        let at = self.plan.iter().position(|(when, _)| strikes(when))?;
        let (when, fault) = *self.plan.get(at)?;
        if !matches!(when, When::Every(..)) {
            self.plan.remove(at);
        }
        Some(fault)
    }
}
