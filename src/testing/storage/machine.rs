//! [`Machine`]: a disk and the processes on it, and how a call of one of them begins.

use std::fmt;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::FaultyStorage;
use super::disk::Disk;
use super::fault::{Fault, Operation, Process};

#[derive(Default)]
pub(super) struct Shared {
    /// Guards everything. Held for single calls, never while one waits.
    pub(super) machine: Mutex<Machine>,
    /// Told when a process is stopped, resumed, or dies.
    pub(super) change: Condvar,
}

#[derive(Default)]
pub(super) struct Machine {
    pub(super) disk: Disk,
    pub(super) processes: Vec<Process>,
}

impl Machine {
    pub(super) fn process(&mut self, process: usize) -> &mut Process {
        self.processes.get_mut(process).expect("processes are only ever added")
    }

    pub(super) fn kill(&mut self, process: usize) {
        self.process(process).is_dead = true;
        self.disk.close_all(process);
    }
}

impl FaultyStorage {
    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.shared.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with<R>(&self, run: impl FnOnce(&mut Process) -> R) -> R {
        run(self.machine().process(self.process))
    }

    /// Begins a call: notes it, waits while the process is stopped, and fails if a fault says so. Gives the fault
    /// that is left to the call itself.
    pub(super) fn call(
        &self,
        operation: Operation,
        name: &str,
        detail: fmt::Arguments<'_>,
    ) -> io::Result<(MutexGuard<'_, Machine>, Option<Fault>)> {
        let mut machine = self.running(self.machine())?;
        let fault = machine.process(self.process).call(operation, name, detail);
        match fault {
            Some(Fault::Fail(kind)) => return Err(io::Error::new(kind, "failed by design")),
            Some(Fault::Tear(_)) if operation != Operation::Append => {
                return Err(io::Error::other("failed by design"));
            }
            Some(Fault::GiveUp) if !matches!(operation, Operation::Sync | Operation::SyncFolder) => {
                return Err(io::Error::other("failed by design"));
            }
            Some(Fault::Freeze) => {
                machine.kill(self.process);
                self.shared.change.notify_all();
            }
            Some(Fault::Stop) => {
                machine.process(self.process).is_stopped = true;
                self.shared.change.notify_all();
            }
            _ => {}
        }
        Ok((self.running(machine)?, fault))
    }

    /// Waits while the process is stopped; fails if it is dead.
    fn running<'a>(&'a self, machine: MutexGuard<'a, Machine>) -> io::Result<MutexGuard<'a, Machine>> {
        let is_held = |machine: &mut Machine| {
            let process = machine.process(self.process);
            process.is_stopped && !process.is_dead
        };
        let waited = self.shared.change.wait_while(machine, is_held);
        let mut machine = waited.unwrap_or_else(PoisonError::into_inner);
        if machine.process(self.process).is_dead {
            Err(io::Error::other("the process is dead"))
        } else {
            Ok(machine)
        }
    }
}
