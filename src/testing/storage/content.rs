//! [`Content`]: the bytes of a file, and which of them a crash of the machine spares.

use super::chance::Chance;

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// As everybody reads it.
    live: Vec<u8>,
    /// As it is on the disk; `changes` come on top.
    durable: Vec<u8>,
    /// In the order in which they were made. Those at the front are never settled: they would be in `durable`.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    what: What,
    fate: Fate,
}

#[derive(Clone, Debug)]
enum What {
    Append(Vec<u8>),
    Cut(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The next sync settles it.
    Open,
    /// It is on the disk.
    Settled,
    /// A sync failed to write it, and no later one will try.
    GivenUp,
}

impl Content {
    /// A file that came through a crash.
    fn settled(bytes: Vec<u8>) -> Self {
        Self { live: bytes.clone(), durable: bytes, changes: Vec::new() }
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.live.extend_from_slice(bytes);
        self.changes.push(Change { what: What::Append(bytes.to_vec()), fate: Fate::Open });
    }

    pub(super) fn cut(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.changes.push(Change { what: What::Cut(len), fate: Fate::Open });
    }

    /// Whether there is something for a sync to do.
    pub(super) fn is_dirty(&self) -> bool {
        self.changes.iter().any(|change| change.fate == Fate::Open)
    }

    pub(super) fn sync(&mut self) {
        self.end_open(Fate::Settled);
        let unsettled = self.changes.iter().position(|change| change.fate != Fate::Settled);
        let rest = self.changes.split_off(unsettled.unwrap_or(self.changes.len()));
        for change in std::mem::replace(&mut self.changes, rest) {
            match change.what {
                What::Append(bytes) => self.durable.extend_from_slice(&bytes),
                What::Cut(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// A sync that fails and marks as written what it did not write.
    pub(super) fn give_up(&mut self) {
        self.end_open(Fate::GivenUp);
    }

    fn end_open(&mut self, fate: Fate) {
        for change in self.changes.iter_mut().filter(|change| change.fate == Fate::Open) {
            change.fate = fate;
        }
    }

    /// What a crash of the machine leaves. Lengths change in order, up to some change that is not before the last
    /// settled one; the bytes within them are there or not, each append for itself.
    pub(super) fn after_crash(&self, chance: &mut Chance) -> Self {
        let settled =
            self.changes.iter().rposition(|change| change.fate == Fate::Settled).map_or(0, |at| at + 1);
        let kept = settled + chance.up_to(self.changes.len() - settled);
        let mut bytes = self.durable.clone();
        for (at, change) in self.changes.iter().take(kept).enumerate() {
            match &change.what {
                What::Cut(len) => bytes.resize(*len, 0),
                What::Append(appended) if change.fate == Fate::Settled => bytes.extend_from_slice(appended),
                What::Append(appended) => {
                    let is_last = at + 1 == kept;
                    append_in_part(&mut bytes, appended, is_last && kept > settled, chance);
                }
            }
        }
        Self::settled(bytes)
    }
}

/// Appends what a crash leaves of an append: all, nothing but its length, or a part; the last one may end early.
fn append_in_part(bytes: &mut Vec<u8>, appended: &[u8], may_end_early: bool, chance: &mut Chance) {
    let start = bytes.len();
    let (front, back) = appended.split_at(chance.up_to(appended.len()));
    match chance.up_to(3) {
        0 => {}
        1 => bytes.extend_from_slice(appended),
        2 => bytes.extend_from_slice(front),
        _ => {
            bytes.resize(start + front.len(), 0);
            bytes.extend_from_slice(back);
        }
    }
    if chance.tosses() || !may_end_early {
        bytes.resize(start + appended.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Everything that any of many crashes leaves.
    fn outcomes(content: &Content) -> BTreeSet<Vec<u8>> {
        (0..5_000).map(|seed| content.after_crash(&mut Chance::new(seed)).live).collect()
    }

    #[test]
    fn what_is_synced_stays_and_of_the_rest_any_part_may_be_lost() {
        let mut content = Content::default();
        content.append(b"synced ");
        content.sync();
        content.append(b"one ");
        content.append(b"two ");
        let outcomes = outcomes(&content);
        assert_eq!(content.after_crash(&mut Chance::new(0)).live, b"synced ");
        assert!(outcomes.iter().all(|left| left.starts_with(b"synced ")));
        for left in [
            "synced ",
            "synced one two ",
            "synced one ",
            "synced \0\0\0\0two ",
            "synced on",
            "synced one t\0\0\0",
        ] {
            assert!(outcomes.contains(left.as_bytes()), "{left:?} is never left");
        }
    }

    #[test]
    fn what_a_failed_sync_gave_up_reads_back_and_no_later_sync_saves_it() {
        let mut content = Content::default();
        content.append(b"given up ");
        content.give_up();
        assert!(!content.is_dirty(), "the next sync has nothing to do and succeeds");
        content.append(b"synced");
        content.sync();
        assert_eq!(content.live(), b"given up synced");
        let outcomes = outcomes(&content);
        assert!(outcomes.iter().all(|left| left.ends_with(b"synced") && left.len() == 15));
        assert!(outcomes.contains(b"\0\0\0\0\0\0\0\0\0synced".as_slice()));
    }

    #[test]
    fn a_cut_that_is_not_synced_may_be_undone() {
        let mut content = Content::default();
        content.append(b"line");
        content.sync();
        content.cut(2);
        assert_eq!(content.live(), b"li");
        assert_eq!(outcomes(&content), [b"li".to_vec(), b"line".to_vec()].into());
        content.sync();
        assert_eq!(outcomes(&content), [b"li".to_vec()].into());
    }
}
