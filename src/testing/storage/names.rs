//! [`Names`]: what stands under which name, and which of it a crash of the machine spares.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;

/// What a file is known by, whatever it is called.
pub(super) type Inode = u64;

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    File(Inode),
}

/// The folder that a name is in; the directory itself has the empty name.
pub(super) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A directory and its folders.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// As everybody sees them.
    live: BTreeMap<String, Entry>,
    /// As they are on the disk; `changes` come on top.
    durable: BTreeMap<String, Entry>,
    /// In the order in which they were made. Those at the front are never settled: they would be in `durable`.
    changes: Vec<Change>,
}

/// A change of names, which a crash keeps or undoes as one.
#[derive(Clone, Debug)]
struct Change {
    removed: Option<String>,
    placed: Option<(String, Entry)>,
    /// The folders to sync before it is on the disk.
    unsynced: BTreeSet<String>,
    /// A sync failed to write it, and no later one will try.
    is_given_up: bool,
}

impl Change {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.removed.iter().chain(self.placed.iter().map(|(name, _)| name))
    }

    fn apply(&self, names: &mut BTreeMap<String, Entry>) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, entry)) = &self.placed {
            names.insert(name.clone(), *entry);
        }
    }
}

impl Names {
    pub(super) fn entry(&self, name: &str) -> Option<Entry> {
        self.live.get(name).copied()
    }

    /// The files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = Inode> {
        self.live.values().filter_map(|entry| match entry {
            Entry::File(inode) => Some(*inode),
            Entry::Folder => None,
        })
    }

    /// The names in a folder, without it.
    pub(super) fn in_folder(&self, folder: &str) -> Vec<String> {
        let named = self.live.keys().filter(|name| !name.is_empty() && folder_of(name) == folder);
        named.map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }

    /// Makes the directory itself, durably: what it stands in is not this storage's.
    pub(super) fn place_root(&mut self) {
        self.live.insert(String::new(), Entry::Folder);
        self.durable.insert(String::new(), Entry::Folder);
    }

    pub(super) fn place(&mut self, name: &str, entry: Entry) {
        self.change(None, Some((name, entry)));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.change(Some(name), None);
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, entry: Entry) {
        self.change(Some(from), Some((to, entry)));
    }

    fn change(&mut self, removed: Option<&str>, placed: Option<(&str, Entry)>) {
        let change = Change {
            removed: removed.map(str::to_owned),
            placed: placed.map(|(name, entry)| (name.to_owned(), entry)),
            unsynced: removed
                .iter()
                .copied()
                .chain(placed.map(|(name, _)| name))
                .map(folder_of)
                .map(str::to_owned)
                .collect(),
            is_given_up: false,
        };
        change.apply(&mut self.live);
        self.changes.push(change);
    }

    /// Whether there is something for a sync of that folder to do.
    pub(super) fn is_dirty(&self, folder: &str) -> bool {
        self.changes.iter().any(|change| !change.is_given_up && change.unsynced.contains(folder))
    }

    pub(super) fn sync(&mut self, folder: &str) {
        for change in self.changes.iter_mut().filter(|change| !change.is_given_up) {
            change.unsynced.remove(folder);
        }
        let unsettled = self.changes.iter().position(|change| !change.unsynced.is_empty());
        let rest = self.changes.split_off(unsettled.unwrap_or(self.changes.len()));
        for change in std::mem::replace(&mut self.changes, rest) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that fails and marks as written what it did not write.
    pub(super) fn give_up(&mut self, folder: &str) {
        for change in self.changes.iter_mut().filter(|change| change.unsynced.contains(folder)) {
            change.is_given_up = true;
        }
    }

    /// What a crash of the machine leaves: each change or not, but none without those before it of the same names.
    pub(super) fn after_crash(&self, chance: &mut Chance) -> Self {
        let mut needed = BTreeSet::new();
        let mut kept = Vec::new();
        for change in self.changes.iter().rev() {
            let is_needed = change.unsynced.is_empty() || change.names().any(|name| needed.contains(name));
            if is_needed || chance.tosses() {
                needed.extend(change.names());
                kept.push(change);
            }
        }
        let mut names = self.durable.clone();
        for change in kept.iter().rev() {
            change.apply(&mut names);
        }
        let left = names.iter().filter(|(name, _)| names.get(folder_of(name)) == Some(&Entry::Folder));
        let left: BTreeMap<_, _> = left.map(|(name, entry)| (name.clone(), *entry)).collect();
        Self { live: left.clone(), durable: left, changes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that any of many crashes leaves, the directory itself left out.
    fn outcomes(names: &Names) -> BTreeSet<Vec<(String, u64)>> {
        let left = |seed| names.after_crash(&mut Chance::new(seed)).live;
        let file = |(name, entry)| match entry {
            Entry::File(inode) => Some((name, inode)),
            Entry::Folder => None,
        };
        (0..200).map(|seed| left(seed).into_iter().filter_map(file).collect()).collect()
    }

    fn rooted() -> Names {
        let mut names = Names::default();
        names.place_root();
        names
    }

    #[test]
    fn a_rename_that_is_not_synced_happens_whole_or_not_at_all() {
        let mut names = rooted();
        names.place("kept", Entry::File(1));
        names.sync("");
        names.place("new", Entry::File(2));
        names.rename("new", "kept", Entry::File(2));
        let [old, new] = [1, 2].map(|inode| vec![("kept".to_owned(), inode)]);
        let temporary = vec![("kept".to_owned(), 1), ("new".to_owned(), 2)];
        assert_eq!(outcomes(&names), [old, new.clone(), temporary].into());
        names.sync("");
        assert_eq!(outcomes(&names), [new].into());
    }

    #[test]
    fn a_change_of_two_folders_is_durable_when_both_are_synced() {
        let mut names = rooted();
        names.place("a", Entry::Folder);
        names.place("a/f", Entry::File(1));
        names.place("b", Entry::Folder);
        names.sync("");
        names.sync("a");
        names.rename("a/f", "b/f", Entry::File(1));
        names.sync("b");
        assert_eq!(outcomes(&names).len(), 2);
        names.sync("a");
        assert_eq!(outcomes(&names), [vec![("b/f".to_owned(), 1)]].into());
    }

    #[test]
    fn what_stands_in_a_folder_that_is_lost_is_lost_with_it() {
        let mut names = rooted();
        names.place("a", Entry::Folder);
        names.place("a/f", Entry::File(1));
        names.sync("a");
        assert_eq!(outcomes(&names), [vec![], vec![("a/f".to_owned(), 1)]].into());
    }

    #[test]
    fn what_a_failed_sync_gave_up_is_not_saved_by_a_later_one() {
        let mut names = rooted();
        names.place("f", Entry::File(1));
        names.give_up("");
        assert!(!names.is_dirty(""), "the next sync has nothing to do and succeeds");
        names.sync("");
        assert_eq!(outcomes(&names).len(), 2);
    }
}
