//! Undoing what was done, from the end or from where that was left.

use std::io;

use super::forward::is_same;
use super::staging::{NotBack, Staging, moved_name, new_name};
use crate::service::sandbox::diff::Change;
use crate::service::sandbox::place::{is_absent, parent_of};
use crate::service::sandbox::tree::Entry;

/// Whether a path is as before.
enum Back {
    Done,
    /// Somebody else changed it.
    Theirs,
}

impl Staging<'_> {
    /// Puts everything back that is not yet, and says what was not.
    pub(super) fn backward(&self) -> io::Result<Vec<NotBack>> {
        self.begin_undoing()?;
        let mut not_back = Vec::new();
        let mut note = |change: &Change<'_>, back: io::Result<Back>| match back {
            Ok(Back::Done) => {}
            Ok(Back::Theirs) => not_back.push(NotBack::Theirs(change.path.to_owned())),
            // What holds it is not there: somebody else took that away.
            Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::AlreadyExists => {
                not_back.push(NotBack::Theirs(change.path.to_owned()));
            }
            Err(error) => not_back.push(NotBack::Failed(error)),
        };
        for (_nth, change) in self.changes() {
            note(&change, self.open_up(&change).map(|()| Back::Done));
        }
        for (nth, change) in self.changes().rev() {
            note(&change, self.take_back(nth, &change));
        }
        for (nth, change) in self.changes() {
            note(&change, self.bring_back(nth, &change));
        }
        for (_nth, change) in self.changes().rev() {
            note(&change, self.set_mode_back(&change));
        }
        if not_back.is_empty() {
            self.sync_parents().map_err(|(_path, error)| error)?;
        }
        Ok(not_back)
    }

    /// Takes away what is new; what it replaced comes back.
    fn take_back(&self, nth: usize, change: &Change<'_>) -> io::Result<Back> {
        if change.is_directory_after() && !change.is_directory_before() {
            return self.take_folder_back(change);
        }
        let Some(after) = change.leaf_after() else {
            return Ok(Back::Done);
        };
        let is_put = !self.has(&new_name(nth))?;
        let now = self.now(change.path)?;
        if let Some(before) = change.leaf_before() {
            let Some(old) = self.kept(nth)? else {
                return Ok(Back::Done);
            };
            let (dir, name) = parent_of(self.target.root, change.path)?;
            if is_same(&dir, name.as_ref(), &self.dir, old.as_ref())? {
                // It still stands in its place, whoever wrote to it.
                return Ok(Back::Done);
            }
            let is_ours = now.as_ref().is_none_or(|now| (is_put && now == after) || now == before);
            if !is_ours {
                return Ok(Back::Theirs);
            }
            self.target.disk.rename((&self.dir, &old), (&dir, &name))?;
            return Ok(Back::Done);
        }
        match now {
            Some(now) if is_put && now == *after => {
                let (dir, name) = parent_of(self.target.root, change.path)?;
                self.target.disk.remove_file((&dir, &name))?;
                Ok(Back::Done)
            }
            Some(now) if is_put && !(change.is_directory_before() && now.is_directory()) => Ok(Back::Theirs),
            _ => Ok(Back::Done),
        }
    }

    fn take_folder_back(&self, change: &Change<'_>) -> io::Result<Back> {
        if !self.now(change.path)?.is_some_and(|now| now.is_directory()) {
            return Ok(Back::Done);
        }
        let (dir, name) = parent_of(self.target.root, change.path)?;
        match self.target.disk.remove_dir((&dir, &name)) {
            // Somebody put something there: it is theirs, and so is the folder now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(Back::Done),
            done => done.map(|()| Back::Done),
        }
    }

    /// Brings back what was taken away.
    fn bring_back(&self, nth: usize, change: &Change<'_>) -> io::Result<Back> {
        let is_leaf = change.leaf_before().is_some() && change.leaf_after().is_none();
        let is_folder = change.is_directory_before() && !change.is_directory_after();
        let old = moved_name(nth);
        if !(is_folder || is_leaf && self.has(&old)?) {
            return Ok(Back::Done);
        }
        match self.now(change.path)? {
            None => {}
            Some(now) => return Ok(if is_folder && now.is_directory() { Back::Done } else { Back::Theirs }),
        }
        let (dir, name) = parent_of(self.target.root, change.path)?;
        if is_folder {
            self.target.disk.create_dir((&dir, &name))?;
        } else {
            self.target.disk.rename_new((&self.dir, &old), (&dir, &name))?;
        }
        Ok(Back::Done)
    }

    fn set_mode_back(&self, change: &Change<'_>) -> io::Result<Back> {
        let Some(Entry::Directory { mode }) = change.from else {
            return Ok(Back::Done);
        };
        let (dir, name) = parent_of(self.target.root, change.path)?;
        self.target.disk.set_dir_mode((&dir, &name), *mode)?;
        Ok(Back::Done)
    }
}
