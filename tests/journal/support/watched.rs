//! [`Watched`]: a storage whose journal is read after every call, as any reader might.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use agentbus::journal::{Open, Storage, StorageFile};
use agentbus::testing::FaultyStorage;

use super::files::files;

/// A storage, and what readers could ever see on its machine. Clones, and other processes, share that.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) storage: FaultyStorage,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Every whole line that ever stood anywhere, by its position.
    lines: BTreeMap<u64, Vec<u8>>,
    /// What no reader should ever see, in words.
    faults: Vec<String>,
    /// The machine after each call that changed something, if they are kept.
    moments: Option<Vec<Watched>>,
}

impl Watched {
    pub(crate) fn new(storage: FaultyStorage) -> Self {
        Self { storage, seen: Arc::default() }
    }

    /// Keeps the machine as it is after each call.
    pub(crate) fn keeping_moments(self) -> Self {
        self.seen.lock().unwrap().moments = Some(Vec::new());
        self
    }

    /// The machine as it was after each call, with what had been seen by then.
    pub(crate) fn moments(&self) -> Vec<Watched> {
        self.seen.lock().unwrap().moments.clone().unwrap_or_default()
    }

    /// How many moments there were.
    pub(crate) fn now(&self) -> usize {
        self.seen.lock().unwrap().moments.as_ref().map_or(0, Vec::len)
    }

    /// Another process on the same machine.
    pub(crate) fn fork_process(&self) -> Self {
        Self { storage: self.storage.fork_process(), seen: Arc::clone(&self.seen) }
    }

    /// The same journal on another machine: what was seen of it stays seen.
    pub(crate) fn moved_to(&self, storage: FaultyStorage) -> Self {
        let lines = self.seen.lock().unwrap().lines.clone();
        Self { storage, seen: Arc::new(Mutex::new(Seen { lines, ..Seen::default() })) }
    }

    /// What a reader should never have seen: nothing, if all is well.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.seen.lock().unwrap().faults.clone()
    }

    /// The last position that a reader saw.
    pub(crate) fn last_seen(&self) -> u64 {
        self.seen.lock().unwrap().lines.last_key_value().map_or(0, |(position, _)| *position)
    }

    fn look(&self) {
        let mut seen = self.seen.lock().unwrap();
        let now = self.storage.restart_process();
        let files = files(&now);
        for line in files.everywhere() {
            let before = seen.lines.entry(line.position).or_insert_with(|| line.bytes.clone());
            if *before != line.bytes {
                let fault = format!("position {} was seen with other content", line.position);
                seen.faults.push(fault);
            }
        }
        seen.faults.extend(files.faults);
    }

    /// Looks after a call that may have changed what a reader finds under that name.
    fn looking<R>(&self, name: &str, done: R) -> R {
        if name == "journal.json" || name.ends_with(".jsonl") {
            self.look();
        }
        self.keeping(done)
    }

    fn keeping<R>(&self, done: R) -> R {
        let mut seen = self.seen.lock().unwrap();
        let lines = seen.lines.clone();
        if let Some(moments) = &mut seen.moments {
            let seen = Arc::new(Mutex::new(Seen { lines, ..Seen::default() }));
            moments.push(Self { storage: self.storage.restart_process(), seen });
        }
        done
    }
}

impl Storage for Watched {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        let file = self.storage.open(name, how);
        let file = if how == Open::Read { file } else { self.keeping(file) };
        Ok(Box::new(WatchedFile { file: file?, name: name.to_owned(), storage: self.clone() }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.storage.list(folder)
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        self.keeping(self.storage.create_folder(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.looking(to, self.storage.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.looking(name, self.storage.remove(name))
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        self.keeping(self.storage.sync_folder(name))
    }

    fn boot(&self) -> Option<String> {
        self.storage.boot()
    }
}

#[derive(Debug)]
struct WatchedFile {
    file: Box<dyn StorageFile>,
    name: String,
    storage: Watched,
}

impl StorageFile for WatchedFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.storage.looking(&self.name, self.file.append(bytes))
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.storage.looking(&self.name, self.file.cut(len))
    }

    fn sync(&self) -> io::Result<()> {
        self.storage.keeping(self.file.sync())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn is_current(&self) -> io::Result<bool> {
        self.file.is_current()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
