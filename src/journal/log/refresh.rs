//! Catching up with other writers, under the lock.

use std::io;

use super::scan::{From, scan};
use super::segment::{self, Active};
use super::{Log, Mark, open_manifest};
use crate::journal::durability::Durability;
use crate::journal::health::Problem;
use crate::journal::layout::{self, FOLDERS};
use crate::journal::manifest::Manifest;
use crate::journal::storage::Open;

/// How the manifest stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reloaded {
    /// It is known as it is.
    Current,
    /// It was gone, with everything else; the journal goes on in the empty directory.
    FoundedAgain,
}

impl Log {
    /// Goes to where the log ends now, whoever wrote it.
    pub(super) fn refresh(&mut self) -> Result<(), Problem> {
        self.reload_manifest()?;
        self.switch_segment()?;
        let is_there = self.reopen_if_replaced()?;
        let len = self.active.file.len().map_err(Problem::io("look at", self.active.name()))?;
        if !is_there || len < self.end.at {
            // Removed or cut by hand. What was there is gone but for what is in memory. How far others went is not
            // known; what is reserved is enough.
            let name = self.active.name();
            self.end.last = self.end.last.max(self.manifest.reserved);
            self.begin_segment()?;
            crate::journal::report::lost(&name);
            return Ok(());
        }
        if len > self.end.at { self.read_foreign() } else { Ok(()) }
    }

    /// Opens the active segment again if another file has its name; whether there is one. A writer that settled put it
    /// there: it holds the same lines at the same places, and those that followed.
    fn reopen_if_replaced(&mut self) -> Result<bool, Problem> {
        let name = self.active.name();
        if self.active.file.is_current().map_err(Problem::io("look at", name.clone()))? {
            return Ok(true);
        }
        match self.storage.open(&name, Open::Append) {
            Ok(file) => {
                self.active.file = file;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Problem::io("open", name)(error)),
        }
    }

    /// Reads the manifest again if another one stands in its place.
    pub(super) fn reload_manifest(&mut self) -> Result<Reloaded, Problem> {
        let is_current = self.manifest_file.is_current().map_err(Problem::io("look at", layout::MANIFEST))?;
        if is_current && !self.manifest_in_doubt {
            return Ok(Reloaded::Current);
        }
        let Some(manifest) = Manifest::read(&*self.storage)? else {
            return self.found_again();
        };
        if manifest.id != self.manifest.id {
            return Err(Problem::Replaced { found: manifest.id });
        }
        if self.manifest_in_doubt {
            self.write_manifest(manifest)?;
            return Ok(Reloaded::Current);
        }
        // Whoever wrote it may have died before it was durable.
        self.manifest_in_doubt = true;
        self.storage.sync_folder("").map_err(Problem::io("sync", "the directory"))?;
        self.manifest_file = open_manifest(&*self.storage)?;
        self.manifest = manifest;
        self.manifest_in_doubt = false;
        Ok(Reloaded::Current)
    }

    /// Makes the directory a journal again, this one, in which positions go on.
    fn found_again(&mut self) -> Result<Reloaded, Problem> {
        if self.active.file.is_current().map_err(Problem::io("look at", self.active.name()))? {
            // Nothing but the manifest is gone.
            self.write_manifest(self.manifest.clone())?;
            return Ok(Reloaded::Current);
        }
        for folder in FOLDERS {
            self.storage.create_folder(folder).map_err(Problem::io("create", folder))?;
        }
        // Positions and chain go on from what is believed; the segments before it are gone.
        self.manifest.segments.clear();
        self.begin_segment()?;
        Ok(Reloaded::FoundedAgain)
    }

    /// Goes to the segment that is listed last, if another writer began it.
    pub(super) fn switch_segment(&mut self) -> Result<(), Problem> {
        let Some(newest) = self.manifest.segments.last().copied() else { return Ok(()) };
        if newest.first <= self.active.first {
            return Ok(());
        }
        let name = layout::segment(newest.first);
        // Whoever began it has synced what is before it.
        let chain = newest.chain.unwrap_or(self.end.chain);
        let Some(file) = segment::open_listed(&*self.storage, newest.first)? else {
            // Removed by hand. How far it went is not known; what is reserved is enough.
            self.end = Mark { last: self.manifest.reserved.max(newest.first.get()), chain, at: 0 };
            self.believe();
            self.begin_segment()?;
            crate::journal::report::lost(&name);
            return Ok(());
        };
        self.active = Active { first: newest.first, file };
        self.end = Mark { last: newest.first.get() - 1, chain, at: 0 };
        self.believe();
        Ok(())
    }

    /// Reads what others wrote behind the last line known, and cuts what one of them left torn.
    fn read_foreign(&mut self) -> Result<(), Problem> {
        let name = self.active.name();
        let from = From { at: self.end.at, last: self.end.last, chain: Some(self.end.chain) };
        let found = scan(&*self.active.file, from).map_err(Problem::io("read", name.clone()))?;
        if found.is_torn() {
            self.quarantine(&found)?;
        }
        if let Some((at, _)) = found.first_fault {
            crate::journal::report::damaged(&name, at, found.faults);
        }
        if let Some(chain) = found.chain.filter(|_| !found.ends_unreadable) {
            let end = Mark { last: found.last, chain, at: found.end };
            self.keep(end)?;
            return Ok(());
        }
        // Its last line cannot be read: how far it went is not known, what is reserved is enough.
        let last = self.manifest.reserved.max(found.last + found.faults);
        self.end = Mark { last, chain: found.chain.unwrap_or(self.end.chain), at: found.end };
        self.believe();
        self.begin_segment()
    }

    /// Goes on to `end`, keeping the lines up to there in memory as long as they are not believed.
    fn keep(&mut self, end: Mark) -> Result<(), Problem> {
        if self.settings.durability == Durability::Os {
            self.end = end;
            self.believe();
            return Ok(());
        }
        let name = self.active.name();
        let lines = super::read_range(&*self.active.file, self.end.at, end.at);
        self.retained.extend_from_slice(&lines.map_err(Problem::io("read", name))?);
        self.end = end;
        Ok(())
    }
}
