//! [`FaultyStorage`]: a journal's directory in memory, where a test says what goes wrong.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::{Open, Storage, StorageFile};

mod chance;
mod content;
mod contract;
mod disk;
mod fault;
mod file;
mod machine;
mod names;

use chance::Chance;
pub use contract::check_storage;
use disk::Disk;
use fault::Process;
pub use fault::{Fault, Operation, When};
use file::FaultyFile;
use machine::{Machine, Shared};

/// A journal's directory in memory, as one process sees it, where a test says what goes wrong. Cheap to clone; clones
/// are the same process.
///
/// It knows of every file which bytes are synced and which are only written, and of every name whether a crash of the
/// machine may undo it. A test plans what goes wrong ([`inject`](Self::inject)), sets conditions (full, read-only,
/// vanished), and takes what dead processes or a crashed machine leave.
///
/// # What it promises
/// Without faults it keeps the contract of [`Storage`] ([`check_storage`]), as `FileSystem` does. Processes on one
/// machine see each other's writes at once, synced or not, and stand in each other's way with locks. The same seed
/// gives the same crash.
///
/// # What a crash of the machine leaves
/// The model is that of POSIX, narrowed to what journaling file systems (ext4, XFS, Btrfs) keep:
/// - What a successful `sync` covered is there. What a successful `sync_folder` covered has its name. A new file needs
///   both, and a rename between two folders is safe when both are synced.
/// - The length of a file changes in the order of its appends and cuts, up to some point behind the last sync. The
///   bytes of an append that was not synced are there, or not, or in part, each append for itself; those that are not
///   read as zeros, so that a hole may stand before bytes that are there. A cut that was not synced may be undone.
/// - A create, rename or removal that was not synced is kept whole or undone whole, each for itself, but never kept
///   without those before it of the same name. What stands in a folder that is undone is lost.
/// - The directory itself, once made, is there.
///
/// A crash of a process alone loses nothing that was written.
///
/// # When it goes wrong
/// It goes wrong as planned: a call that a fault strikes fails with the error of the plan, and
/// [`trace`](Self::trace) marks it.
///
/// ```
/// use std::io::ErrorKind;
///
/// use agentbus::journal::{Open, Storage};
/// use agentbus::testing::{Fault, FaultyStorage, Operation, When};
///
/// # fn main() -> std::io::Result<()> {
/// let storage = FaultyStorage::new();
/// storage.create_folder("")?;
/// let file = storage.open("notes", Open::Create)?;
/// storage.sync_folder("")?;
/// file.append(b"kept, ")?;
/// file.sync()?;
/// file.append(b"perhaps kept")?;
/// storage.inject(When::Next(Operation::Sync, ""), Fault::Fail(ErrorKind::StorageFull));
/// assert!(file.sync().is_err());
///
/// let left = storage.crash_machine(7).open("notes", Open::Read)?;
/// let mut bytes = [0; 6];
/// left.read_at(&mut bytes, 0)?;
/// assert_eq!(&bytes, b"kept, ");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStorage {
    shared: Arc<Shared>,
    process: usize,
}

impl fmt::Debug for FaultyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStorage").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Default for FaultyStorage {
    fn default() -> Self {
        Self::new()
    }
}

/// What goes wrong.
impl FaultyStorage {
    /// A directory that does not exist yet, on a machine of its own.
    pub fn new() -> Self {
        Self::on(Disk::default())
    }

    fn on(disk: Disk) -> Self {
        let machine = Machine { disk, processes: vec![Process::default()] };
        Self { shared: Arc::new(Shared { machine: Mutex::new(machine), ..Shared::default() }), process: 0 }
    }

    /// Plans a fault for this process. Where several strike at one call, the first planned does.
    pub fn inject(&self, when: When, fault: Fault) {
        self.with(|process| process.plan.push((when, fault)));
    }

    /// Drops the faults planned for this process. Stopped it stays stopped, dead it stays dead.
    pub fn heal(&self) {
        self.with(|process| process.plan.clear());
    }

    /// How many calls this process has made. All that can fail are counted, those that only read too, and those that
    /// a fault struck; not those of a dead process.
    pub fn calls(&self) -> u64 {
        self.with(|process| process.calls())
    }

    /// The calls this process has made, in order: the operation, the name, what else there is to say of it, and the
    /// fault that struck: `append lock 5: Tear(3)`.
    pub fn trace(&self) -> Vec<String> {
        self.with(|process| process.trace.clone())
    }

    /// Kills this process now, as [`Fault::Freeze`] does.
    pub fn freeze(&self) {
        self.machine().kill(self.process);
        self.shared.change.notify_all();
    }

    /// Lets this process go on after [`Fault::Stop`].
    pub fn resume(&self) {
        self.with(|process| process.is_stopped = false);
        self.shared.change.notify_all();
    }

    /// Waits, on this thread, until [`Fault::Stop`] has struck this process.
    pub fn wait_until_stopped(&self) {
        let is_running = |machine: &mut Machine| !machine.process(self.process).is_stopped;
        let waited = self.shared.change.wait_while(self.machine(), is_running);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Bounds the disk: all files together have at most that many bytes; `None` is no bound. An append writes what
    /// there is room for, and is `StorageFull` if there is none; cuts and removals make room.
    pub fn fill_after(&self, bytes: impl Into<Option<u64>>) {
        self.machine().disk.capacity = bytes.into();
    }

    /// How many bytes all files have together that have a name or are open.
    pub fn used(&self) -> u64 {
        self.machine().disk.used()
    }

    /// Makes the disk read-only, or writable again. What is open for writing stays open and fails.
    pub fn read_only(&self, is_read_only: bool) {
        self.machine().disk.is_read_only = is_read_only;
    }

    /// Moves the directory away, durably. What is open stays open and is current no more.
    pub fn vanish(&self) {
        self.machine().disk.vanish();
    }

    /// Moves the directory back, durably, in place of what was made meanwhile.
    pub fn reappear(&self) {
        self.machine().disk.reappear();
    }

    /// Another process on the same files, with no faults planned and with locks of its own.
    #[must_use]
    pub fn fork_process(&self) -> Self {
        let mut machine = self.machine();
        machine.processes.push(Process::default());
        Self { shared: Arc::clone(&self.shared), process: machine.processes.len() - 1 }
    }

    /// What a new process would find if all processes died now: a copy of the files as they are, no locks, no faults;
    /// full, read-only and vanished as before. This machine goes on.
    #[must_use]
    pub fn restart_process(&self) -> Self {
        Self::on(self.machine().disk.after_exit())
    }

    /// What a new process would find if the machine crashed now: as [`restart_process`](Self::restart_process), with
    /// another boot, less what the seed takes of what was not synced: all of it with seed 0. This machine goes on.
    #[must_use]
    pub fn crash_machine(&self, seed: u64) -> Self {
        Self::on(self.machine().disk.after_crash(&mut Chance::new(seed)))
    }
}

impl Storage for FaultyStorage {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        let operation = if how == Open::Create { Operation::Create } else { Operation::Open };
        let (mut machine, _) = self.call(operation, name, format_args!(" {how:?}"))?;
        let handle = machine.disk.open(self.process, name, how)?;
        Ok(Box::new(FaultyFile { storage: self.clone(), handle, name: name.to_owned() }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let (machine, _) = self.call(Operation::List, folder, format_args!(""))?;
        machine.disk.list(folder)
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        let (mut machine, _) = self.call(Operation::CreateFolder, name, format_args!(""))?;
        machine.disk.create_folder(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut machine, _) = self.call(Operation::Rename, from, format_args!(" to {to}"))?;
        machine.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut machine, _) = self.call(Operation::Remove, name, format_args!(""))?;
        machine.disk.remove(name)
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        let (mut machine, fault) = self.call(Operation::SyncFolder, name, format_args!(""))?;
        if fault == Some(Fault::GiveUp) {
            machine.disk.give_up_folder(name);
            return Err(io::Error::other("given up by design"));
        }
        machine.disk.sync_folder(name)
    }

    fn boot(&self) -> Option<String> {
        Some(format!("boot-{}", self.machine().disk.restarts))
    }
}
