//! [`FaultyFile`]: an open file of a [`FaultyStorage`].

use std::io;

use super::FaultyStorage;
use super::disk::Handle;
use super::fault::{Fault, Operation};
use crate::journal::StorageFile;

#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) storage: FaultyStorage,
    pub(super) handle: Handle,
    pub(super) name: String,
}

impl StorageFile for FaultyFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let detail = format_args!(" {} at {at}", into.len());
        let (machine, _) = self.storage.call(Operation::Read, &self.name, detail)?;
        let bytes = machine.disk.content(self.handle)?.live();
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let len = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let detail = format_args!(" {}", bytes.len());
        let (mut machine, fault) = self.storage.call(Operation::Append, &self.name, detail)?;
        match fault {
            Some(Fault::Tear(at_most)) => {
                machine.disk.append(self.handle, bytes, at_most)?;
                Err(io::Error::other("torn by design"))
            }
            Some(Fault::Short(at_most)) => machine.disk.append(self.handle, bytes, at_most),
            _ => machine.disk.append(self.handle, bytes, usize::MAX),
        }
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        let (mut machine, _) = self.storage.call(Operation::Cut, &self.name, format_args!(" to {len}"))?;
        machine.disk.cut(self.handle, len)
    }

    fn sync(&self) -> io::Result<()> {
        let (mut machine, fault) = self.storage.call(Operation::Sync, &self.name, format_args!(""))?;
        if fault == Some(Fault::GiveUp) {
            machine.disk.give_up(self.handle);
            return Err(io::Error::other("given up by design"));
        }
        machine.disk.sync(self.handle)
    }

    fn len(&self) -> io::Result<u64> {
        let (machine, _) = self.storage.call(Operation::Len, &self.name, format_args!(""))?;
        Ok(machine.disk.content(self.handle)?.live().len() as u64)
    }

    fn is_current(&self) -> io::Result<bool> {
        let (machine, _) = self.storage.call(Operation::IsCurrent, &self.name, format_args!(""))?;
        machine.disk.is_current(self.handle)
    }

    fn try_lock(&self) -> io::Result<bool> {
        let (mut machine, _) = self.storage.call(Operation::TryLock, &self.name, format_args!(""))?;
        machine.disk.try_lock(self.handle)
    }

    fn unlock(&self) -> io::Result<()> {
        let (mut machine, _) = self.storage.call(Operation::Unlock, &self.name, format_args!(""))?;
        machine.disk.unlock(self.handle)
    }
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        self.storage.machine().disk.close(self.handle);
    }
}
