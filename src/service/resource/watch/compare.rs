//! [`Differences`]: what is told of files that are not what was last told of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::known::Known;
use crate::event::{ResourceChange, ResourceSource};
use crate::service::resource::index::Seen;
use crate::service::resource::told::Modified;

/// What came, changed and went since something was last told of it.
#[derive(Debug, Default)]
pub(super) struct Differences {
    created: Vec<(PathBuf, Seen)>,
    modified: Vec<(PathBuf, Seen)>,
    deleted: Vec<(PathBuf, Seen)>,
}

impl Differences {
    /// Takes in that the file at `path` is that now.
    pub(super) fn found(&mut self, known: &mut Known, path: &Path, now: Seen) {
        match known.learn(path, now.clone()) {
            None => self.created.push((path.to_owned(), now)),
            Some(before) if is_same(&before, &now) => {}
            Some(_) => self.modified.push((path.to_owned(), now)),
        }
    }

    /// Takes in that there is no file at `path` now.
    pub(super) fn missing(&mut self, known: &mut Known, path: &Path) {
        if let Some(before) = known.forget(path) {
            self.deleted.push((path.to_owned(), before));
        }
    }

    /// What is to be told: what moved, with a second word if its content changed too; then what went, changed, came;
    /// each by path. `renamed` is what the system said was renamed to what, in its order; `source_of` says who made that
    /// of a file, or removed it.
    pub(super) fn into_facts(
        mut self,
        renamed: &[(PathBuf, PathBuf)],
        source_of: impl Fn(&Path, Option<&Seen>) -> ResourceSource,
    ) -> Vec<Modified> {
        let (moved, modified) = self.pair(renamed);
        let mut facts = moved;
        for list in [&mut self.deleted, &mut self.modified, &mut self.created] {
            list.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        let gone = self.deleted.into_iter().map(|(path, _before)| (path, ResourceChange::Deleted, None));
        let there = |change| move |(path, now): (PathBuf, Seen)| (path, change, Some(now));
        let modified = self.modified.into_iter().chain(modified).map(there(ResourceChange::Modified));
        let created = self.created.into_iter().map(there(ResourceChange::Created));
        facts.extend(gone.chain(modified).chain(created).map(|(path, change, now)| {
            let source = source_of(&path, now.as_ref());
            let bytes = now.map(|now| now.signature.bytes());
            Modified { path, change, source, from: None, bytes }
        }));
        facts
    }

    /// Takes out what went in one place and came in another: the same file, with the same content, or renamed as the
    /// system says. And what of that has another content.
    fn pair(&mut self, renamed: &[(PathBuf, PathBuf)]) -> (Vec<Modified>, Vec<(PathBuf, Seen)>) {
        let (mut moved, mut modified) = (Vec::new(), Vec::new());
        let mut gone: HashMap<_, Vec<(PathBuf, Seen)>> = HashMap::new();
        for (path, seen) in self.deleted.drain(..) {
            gone.entry(seen.signature.file()).or_default().push((path, seen));
        }
        self.created.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (path, now) in std::mem::take(&mut self.created) {
            let candidates = gone.entry(now.signature.file()).or_default();
            let is_it = |(from, before): &(PathBuf, Seen)| {
                is_same_content(before, &now) || leads(renamed, from, &path)
            };
            match candidates.iter().position(is_it).map(|place| candidates.swap_remove(place)) {
                None => self.created.push((path, now)),
                Some((from, before)) => {
                    moved.push(Modified {
                        path: path.clone(),
                        change: ResourceChange::Moved,
                        source: ResourceSource::Watcher,
                        from: Some(from),
                        bytes: Some(now.signature.bytes()),
                    });
                    if !is_same_content(&before, &now) {
                        modified.push((path, now));
                    }
                }
            }
        }
        self.deleted.extend(gone.into_values().flatten());
        (moved, modified)
    }
}

/// Whether nothing is to be told of a file that was that and is this.
fn is_same(before: &Seen, now: &Seen) -> bool {
    before.signature == now.signature || is_same_content(before, now)
}

fn is_same_content(before: &Seen, now: &Seen) -> bool {
    match (before.hash, now.hash) {
        (Some(before), Some(now)) => before == now,
        // A rename changes neither size nor time of modification.
        _ => before.signature.has_content_of(&now.signature),
    }
}

/// Whether what was at `from` came to `to` by these renames, itself or with its folder.
fn leads(renamed: &[(PathBuf, PathBuf)], from: &Path, to: &Path) -> bool {
    let mut at = from.to_owned();
    for (old, new) in renamed {
        if let Ok(rest) = at.strip_prefix(old) {
            at = if rest.as_os_str().is_empty() { new.clone() } else { new.join(rest) };
        }
    }
    at == to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_lead_on_one_after_the_other_and_with_their_folders() {
        let renamed = [("a", "b"), ("b/x", "b/y"), ("c", "a")].map(|(from, to)| (from.into(), to.into()));
        assert!(leads(&renamed, Path::new("a/x"), Path::new("b/y")));
        assert!(leads(&renamed, Path::new("c"), Path::new("a")));
        assert!(!leads(&renamed, Path::new("a/x"), Path::new("b/x")));
    }
}
