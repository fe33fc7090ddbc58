//! [`Disk`]: the files of a machine, and who has them open.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::chance::Chance;
use super::content::Content;
use super::names::{Entry, Inode, Names, folder_of};
use crate::journal::Open;

/// What a process holds an open file by.
pub(super) type Handle = u64;

#[derive(Debug, Default)]
pub(super) struct Disk {
    /// How often the machine has started again.
    pub(super) restarts: u64,
    /// How many bytes all files may have together.
    pub(super) capacity: Option<u64>,
    pub(super) is_read_only: bool,
    names: Names,
    /// The directory, while it is moved away.
    away: Option<Names>,
    files: BTreeMap<Inode, Content>,
    open: BTreeMap<Handle, OpenFile>,
    locks: BTreeMap<Inode, Handle>,
    /// The last inode or handle that was given out.
    last: u64,
}

#[derive(Debug)]
struct OpenFile {
    process: usize,
    inode: Inode,
    name: String,
    may_write: bool,
}

/// The file was open in a process that is dead.
fn closed() -> io::Error {
    io::Error::other("the process is dead")
}

impl Disk {
    pub(super) fn open(&mut self, process: usize, name: &str, how: Open) -> io::Result<Handle> {
        let inode = match (self.names.entry(name), how) {
            (Some(_), Open::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(Entry::Folder), Open::Read) => return Err(io::ErrorKind::InvalidInput.into()),
            (Some(Entry::Folder), Open::Append | Open::Lock) => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            (None, Open::Read | Open::Append) => return Err(io::ErrorKind::NotFound.into()),
            (Some(Entry::File(inode)), Open::Read) => inode,
            (Some(Entry::File(inode)), Open::Append | Open::Lock) => self.writable().map(|()| inode)?,
            (None, Open::Create | Open::Lock) => self.create(name)?,
        };
        let handle = self.next();
        let may_write = how != Open::Read;
        self.open.insert(handle, OpenFile { process, inode, name: name.to_owned(), may_write });
        Ok(handle)
    }

    fn create(&mut self, name: &str) -> io::Result<Inode> {
        self.folder(folder_of(name))?;
        self.writable()?;
        let inode = self.next();
        self.files.insert(inode, Content::default());
        self.names.place(name, Entry::File(inode));
        Ok(inode)
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn writable(&self) -> io::Result<()> {
        if self.is_read_only { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }

    fn folder(&self, name: &str) -> io::Result<()> {
        match self.names.entry(name) {
            Some(Entry::Folder) => Ok(()),
            Some(Entry::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn file(&self, name: &str) -> io::Result<Entry> {
        match self.names.entry(name) {
            Some(Entry::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            Some(file) => Ok(file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.folder(folder)?;
        Ok(self.names.in_folder(folder))
    }

    pub(super) fn create_folder(&mut self, name: &str) -> io::Result<()> {
        match self.names.entry(name) {
            Some(Entry::Folder) => return Ok(()),
            Some(Entry::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => self.writable()?,
        }
        if name.is_empty() {
            self.names.place_root();
            return Ok(());
        }
        self.folder(folder_of(name))?;
        self.names.place(name, Entry::Folder);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let file = self.file(from)?;
        self.folder(folder_of(to))?;
        if self.names.entry(to) == Some(Entry::Folder) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.writable()?;
        if from != to {
            self.names.rename(from, to, file);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?;
        self.writable()?;
        self.names.remove(name);
        Ok(())
    }

    pub(super) fn sync_folder(&mut self, name: &str) -> io::Result<()> {
        self.folder(name)?;
        if self.names.is_dirty(name) {
            self.writable()?;
            self.names.sync(name);
        }
        Ok(())
    }

    /// A sync of a folder that fails and marks as written what it did not write.
    pub(super) fn give_up_folder(&mut self, name: &str) {
        self.names.give_up(name);
    }

    pub(super) fn vanish(&mut self) {
        if self.away.is_none() {
            self.away = Some(std::mem::take(&mut self.names));
        }
    }

    pub(super) fn reappear(&mut self) {
        if let Some(names) = self.away.take() {
            self.names = names;
        }
    }

    /// How many bytes all files have together that have a name or are open.
    pub(super) fn used(&self) -> u64 {
        let away = self.away.iter().flat_map(Names::files);
        let in_use: BTreeSet<_> =
            self.names.files().chain(away).chain(self.open.values().map(|open| open.inode)).collect();
        let lens =
            in_use.iter().filter_map(|inode| self.files.get(inode)).map(|file| file.live().len() as u64);
        lens.sum()
    }
}

/// What is done with an open file.
impl Disk {
    fn opened(&self, handle: Handle) -> io::Result<&OpenFile> {
        self.open.get(&handle).ok_or_else(closed)
    }

    pub(super) fn content(&self, handle: Handle) -> io::Result<&Content> {
        let inode = self.opened(handle)?.inode;
        self.files.get(&inode).ok_or_else(closed)
    }

    fn content_to_write(&mut self, handle: Handle) -> io::Result<&mut Content> {
        self.writable()?;
        let open = self.opened(handle)?;
        if !open.may_write {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file is open for reading only"));
        }
        let inode = open.inode;
        self.files.get_mut(&inode).ok_or_else(closed)
    }

    /// Appends what there is room for, `at_most` bytes of it, and gives how many that were.
    pub(super) fn append(&mut self, handle: Handle, bytes: &[u8], at_most: usize) -> io::Result<usize> {
        let room = self.capacity.map(|capacity| capacity.saturating_sub(self.used()));
        let room = room.and_then(|room| usize::try_from(room).ok()).unwrap_or(usize::MAX);
        let content = self.content_to_write(handle)?;
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = bytes.get(..at_most.min(room)).unwrap_or(bytes);
        content.append(written);
        Ok(written.len())
    }

    pub(super) fn cut(&mut self, handle: Handle, len: u64) -> io::Result<()> {
        let len =
            usize::try_from(len).map_err(|too_long| io::Error::new(io::ErrorKind::InvalidInput, too_long))?;
        self.content_to_write(handle)?.cut(len);
        Ok(())
    }

    pub(super) fn sync(&mut self, handle: Handle) -> io::Result<()> {
        if self.content(handle)?.is_dirty() {
            let inode = self.opened(handle)?.inode;
            self.writable()?;
            self.files.entry(inode).and_modify(Content::sync);
        }
        Ok(())
    }

    /// A sync that fails and marks as written what it did not write.
    pub(super) fn give_up(&mut self, handle: Handle) {
        if let Some(open) = self.open.get(&handle) {
            self.files.entry(open.inode).and_modify(Content::give_up);
        }
    }

    pub(super) fn is_current(&self, handle: Handle) -> io::Result<bool> {
        let open = self.opened(handle)?;
        Ok(self.names.entry(&open.name) == Some(Entry::File(open.inode)))
    }

    pub(super) fn try_lock(&mut self, handle: Handle) -> io::Result<bool> {
        let inode = self.opened(handle)?.inode;
        Ok(*self.locks.entry(inode).or_insert(handle) == handle)
    }

    pub(super) fn unlock(&mut self, handle: Handle) -> io::Result<()> {
        self.opened(handle)?;
        self.locks.retain(|_, holder| *holder != handle);
        Ok(())
    }

    pub(super) fn close(&mut self, handle: Handle) {
        self.open.remove(&handle);
        self.locks.retain(|_, holder| *holder != handle);
    }

    /// Closes whatever a process has open.
    pub(super) fn close_all(&mut self, process: usize) {
        self.open.retain(|_, open| open.process != process);
        self.locks.retain(|_, holder| self.open.contains_key(holder));
    }
}

/// What is left of it.
impl Disk {
    /// The same files, open to nobody.
    pub(super) fn after_exit(&self) -> Self {
        Self {
            restarts: self.restarts,
            capacity: self.capacity,
            is_read_only: self.is_read_only,
            names: self.names.clone(),
            away: self.away.clone(),
            files: self.files.clone(),
            last: self.last,
            ..Self::default()
        }
    }

    /// What a crash of the machine leaves, open to nobody.
    pub(super) fn after_crash(&self, chance: &mut Chance) -> Self {
        let mut left = self.after_exit();
        left.restarts += 1;
        left.names = self.names.after_crash(chance);
        left.away = self.away.as_ref().map(|names| names.after_crash(chance));
        for content in left.files.values_mut() {
            *content = content.after_crash(chance);
        }
        left
    }
}
