//! [`Signing`]: reads what was recorded and signs it. It works on files, on a thread that may block.

use tokio::time::Instant;

use super::error::SignError;
use super::options::HeadOptions;
use super::pending::Pending;
use crate::audit::proof::head::{FORMAT, Head, Said};
use crate::audit::proof::heads::{self, HeadError};
use crate::audit::proof::key::SecretKey;
use crate::event::{EventId, Hash};
use crate::journal::layout::HEADS;
use crate::journal::manifest::Manifest;
use crate::journal::storage::{Open, StorageFile};
use crate::journal::{JournalReader, Position, chain};

/// The file whose lock is held by who signs.
const LOCK: &str = "heads/lock";

/// Why it looks whether there is something to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// It may be time.
    Look,
    /// It is the end.
    Close,
}

#[derive(Debug)]
pub(super) struct Signing {
    journal: JournalReader,
    id: EventId,
    key: SecretKey,
    options: HeadOptions,
    newest: Option<Head>,
    /// Since when that is known, or was signed if that is longer ago.
    newest_at: Instant,
    pending: Option<Pending>,
    /// Whether a head could not be written: it may be there all the same, and not outlive a crash of the machine.
    is_unsure: bool,
}

impl Signing {
    /// Reads the newest head, which has to be signed with the same key.
    pub(super) fn open(
        journal: JournalReader,
        key: SecretKey,
        options: HeadOptions,
    ) -> Result<Self, SignError> {
        check_folder(&journal)?;
        let id = id_of(&journal)?;
        let now = Instant::now();
        let (newest, pending, is_unsure) = (None, None, false);
        let mut signing = Self { journal, id, key, options, newest, newest_at: now, pending, is_unsure };
        signing.adopt()?;
        if let Some(head) = &signing.newest {
            let age = signing.options.now().since(head.time()).min(signing.options.interval);
            signing.newest_at = now.checked_sub(age).unwrap_or(now);
        }
        Ok(signing)
    }

    pub(super) fn newest(&self) -> Option<&Head> {
        self.newest.as_ref()
    }

    /// Reads what came, and signs what is due.
    pub(super) fn look(&mut self, occasion: Occasion) -> Result<(), SignError> {
        let is_closing = occasion == Occasion::Close;
        let mut is_due = is_closing || self.is_due();
        loop {
            let is_full = self.read()? == self.options.every;
            if !is_full && !is_due {
                return Ok(());
            }
            let lock = self.lock()?;
            if self.adopt()? {
                is_due = is_closing || self.is_due();
                continue;
            }
            self.sign()?;
            drop(lock);
            is_due = false;
            if !is_full {
                return Ok(());
            }
            if is_closing {
                is_due = self.read()? > 0;
            }
        }
    }

    fn is_due(&self) -> bool {
        self.newest.is_none() || self.newest_at.elapsed() >= self.options.interval
    }

    /// Reads lines that the next head is to cover; how many there are.
    fn read(&mut self) -> Result<u64, SignError> {
        let pending = match &mut self.pending {
            Some(pending) => pending,
            None => self.pending.insert(Pending::behind(&self.journal, self.newest.as_ref())?),
        };
        let read = pending.read(&self.journal, self.options.every);
        let count = pending.tree.count();
        if read.is_err() {
            // It may be mended by then, or was read while it was written anew: begun again behind the newest head.
            self.pending = None;
        }
        read.map(|()| count)
    }

    /// Takes the lock of those who sign this journal.
    fn lock(&self) -> Result<Box<dyn StorageFile>, SignError> {
        check_folder(&self.journal)?;
        let storage = &**self.journal.storage();
        let failed = |source| SignError::Write { file: LOCK.to_owned(), source };
        let file = match storage.open(LOCK, Open::Lock) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                storage.create_folder(HEADS).and_then(|()| storage.sync_folder("")).map_err(failed)?;
                storage.open(LOCK, Open::Lock)
            }
            opened => opened,
        };
        let file = file.map_err(failed)?;
        // Locked, but is it still the file that everybody locks?
        let is_held = file.try_lock().and_then(|held| Ok(held && file.is_current()?)).map_err(failed)?;
        if is_held { Ok(file) } else { Err(SignError::Busy) }
    }

    /// Goes on from the newest head there is; whether that is another than the one known.
    fn adopt(&mut self) -> Result<bool, SignError> {
        let storage = &**self.journal.storage();
        let known = self.newest.as_ref().map_or(0, Head::number);
        let found = heads::list(storage)?.last().copied();
        if found.unwrap_or(0) < known {
            return Err(SignError::HeadsMissing { known, found });
        }
        let Some(number) = found.filter(|number| *number > known) else { return Ok(false) };
        let head =
            heads::read(storage, number)?.ok_or(SignError::HeadsMissing { known: number, found: None })?;
        let fault = |source| HeadError::Fault { file: heads::file(number), source };
        head.check(&self.key.public()).map_err(fault)?;
        if head.journal() != self.id {
            return Err(SignError::OtherJournal { signed: head.journal(), found: self.id });
        }
        if std::mem::take(&mut self.is_unsure) {
            // Its name may not be safe yet.
            self.write(&head)?;
        }
        (self.newest, self.newest_at, self.pending) = (Some(head), Instant::now(), None);
        Ok(true)
    }

    /// Signs what was read. The lock is held.
    fn sign(&mut self) -> Result<(), SignError> {
        let found = id_of(&self.journal)?;
        if found != self.id {
            return Err(SignError::OtherJournal { signed: self.id, found });
        }
        let Some(pending) = &mut self.pending else { return Ok(()) };
        if let Err(error) = pending.settle(&self.journal) {
            self.pending = None;
            return Err(error);
        }
        let number = self.newest.as_ref().map_or(0, Head::number) + 1;
        let said = Said {
            format: FORMAT,
            number,
            journal: self.id,
            from: pending.from,
            position: pending.position,
            count: pending.tree.count(),
            before: pending.before,
            chain: pending.chain,
            root: pending.tree.root(),
            time: self.options.now(),
            previous: self.newest.as_ref().map_or_else(|| chain::genesis(self.id), Head::hash),
            key: Hash::from_bytes(*self.key.public().as_bytes()),
        };
        let failed = |source| SignError::Write { file: heads::file(number), source };
        let head = Head::sign(said, &self.key).map_err(|error| failed(error.into()))?;
        self.write(&head)?;
        if let Some(pending) = &mut self.pending {
            pending.signed();
        }
        (self.newest, self.newest_at) = (Some(head), Instant::now());
        Ok(())
    }

    fn write(&mut self, head: &Head) -> Result<(), SignError> {
        let failed = |source| SignError::Write { file: heads::file(head.number()), source };
        let written = heads::write(&**self.journal.storage(), head).map_err(failed);
        self.is_unsure = written.is_err();
        written
    }
}

/// Refuses to write through a link.
fn check_folder(journal: &JournalReader) -> Result<(), SignError> {
    let folder = journal.storage().directory().map(|directory| directory.join(HEADS));
    if folder.is_some_and(|folder| folder.is_symlink()) { Err(SignError::Link) } else { Ok(()) }
}

fn id_of(journal: &JournalReader) -> Result<EventId, SignError> {
    let manifest = Manifest::read(&**journal.storage())?;
    manifest.map(|manifest| manifest.id).ok_or(SignError::Unanchored { first: Position::FIRST })
}
