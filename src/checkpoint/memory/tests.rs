use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::checkpoint::folder::{LOCK, Seam};
use crate::checkpoint::strike::{Fault, at_every_step};

const KEY: &str = "deploy/target";

/// A folder of memories, and a file beside it that nobody may touch.
struct Home {
    temp: TempDir,
}

impl Home {
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        fs::create_dir(temp.path().join("memories")).unwrap();
        fs::write(temp.path().join("outside"), "outside").unwrap();
        Self { temp }
    }

    /// One with a memory that was set so often, to its number.
    fn with_revisions(count: usize) -> Self {
        let home = Self::new();
        for revision in 1..=count {
            home.store().set(KEY, &revision.to_string(), "a").unwrap();
        }
        home
    }

    fn folder(&self) -> PathBuf {
        self.temp.path().join("memories")
    }

    fn file(&self) -> PathBuf {
        self.folder().join(MemoryStore::file_of(KEY))
    }

    fn store(&self) -> MemoryStore {
        MemoryStore::open_existing(self.folder()).unwrap()
    }

    fn asking(&self, fault: &Arc<Fault>) -> MemoryStore {
        let seam = Arc::clone(fault) as Arc<dyn Seam>;
        MemoryStore::on(Folder::open_asking(&self.folder(), seam).unwrap())
    }

    /// The summaries of all revisions, the newest first; none if there is no such memory.
    fn summaries(&self) -> Vec<String> {
        match self.store().history(KEY) {
            Ok(history) => history.revisions.into_iter().map(|revision| revision.summary).collect(),
            Err(MemoryError::NotFound) => Vec::new(),
            Err(error) => panic!("it cannot be read: {error}"),
        }
    }

    /// What is in the folder beside the lock and that memory.
    fn others(&self) -> usize {
        let names = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name != LOCK && *name != *MemoryStore::file_of(KEY)).count()
    }

    #[track_caller]
    fn assert_outside_untouched(&self) {
        assert_eq!(fs::read_to_string(self.temp.path().join("outside")).unwrap(), "outside");
        assert_eq!(fs::read_dir(self.temp.path()).unwrap().count(), 2, "nothing was made outside");
    }
}

/// Whether a change was made, by what the verb says.
fn is_made<T>(result: &Result<T, MemoryError>) -> bool {
    matches!(result, Ok(_) | Err(MemoryError::Indeterminate(_)))
}

#[test]
fn a_memory_is_set_whole_or_not_at_all_whichever_step_fails_or_is_the_last() {
    for revisions in [0, 2] {
        for kind in [Fault::failing, Fault::dying] {
            at_every_step(kind, |fault| {
                let home = Home::with_revisions(revisions);
                let mut expected = home.summaries();
                let set = home.asking(fault).set(KEY, "new", "b");
                if is_made(&set) {
                    expected.insert(0, "new".to_owned());
                }
                assert_eq!(home.summaries(), expected, "{fault:?}: {set:?}");
                // The next one goes on from there, and leaves nothing of the one before.
                home.store().set(KEY, "next", "c").unwrap();
                expected.insert(0, "next".to_owned());
                assert_eq!((home.summaries(), home.others()), (expected, 0), "{fault:?}");
            });
        }
    }
}

#[test]
fn a_memory_is_deleted_or_not_whichever_step_fails_or_is_the_last() {
    for kind in [Fault::failing, Fault::dying] {
        at_every_step(kind, |fault| {
            let home = Home::with_revisions(2);
            let deleted = home.asking(fault).delete(KEY);
            let left = if is_made(&deleted) { 0 } else { 2 };
            assert_eq!(home.summaries().len(), left, "{fault:?}: {deleted:?}");
            assert_eq!(home.others(), 0, "{fault:?}");
        });
    }
}

#[test]
fn what_may_be_undone_by_a_crash_is_made_durable_by_the_same_call_again() {
    type Verb = fn(&MemoryStore) -> Result<(), MemoryError>;
    let verbs: [Verb; 2] =
        [|store| store.set(KEY, "new", "b").map(drop), |store| store.delete(KEY).map(drop)];
    for verb in verbs {
        let (home, probe) = (Home::with_revisions(1), Fault::none());
        verb(&home.asking(&probe)).unwrap();
        let last = probe.told().len() - 1;
        let home = Home::with_revisions(1);
        let undecided = verb(&home.asking(&Fault::failing(last)));
        assert!(matches!(undecided, Err(MemoryError::Indeterminate(_))), "{undecided:?}");
        let probe = Fault::none();
        let again = verb(&home.asking(&probe));
        assert!(matches!(again, Ok(()) | Err(MemoryError::NotFound)), "{again:?}");
        assert_eq!(probe.told().last().unwrap(), "sync folder");
    }
}

#[test]
fn what_others_put_in_the_place_of_a_memory_meanwhile_is_not_deleted() {
    let home = std::cell::RefCell::new(Home::with_revisions(1));
    let swapping = |at| {
        home.replace(Home::with_revisions(1));
        let file = home.borrow().file();
        Fault::interfering(at, move || {
            let theirs = file.with_file_name("theirs");
            fs::write(&theirs, "theirs").unwrap();
            fs::rename(theirs, &file).unwrap();
        })
    };
    at_every_step(swapping, |fault| {
        let home = home.borrow();
        let deleted = home.asking(fault).delete(KEY);
        // Between the last look and the removal there is a moment that no lock guards.
        let is_seen = !fault.struck().is_some_and(|step| step.starts_with("remove memory-"));
        if fault.has_struck() && is_seen {
            assert_eq!(fs::read_to_string(home.file()).unwrap(), "theirs", "{fault:?}: {deleted:?}");
        }
    });
}

#[test]
fn looking_writes_nothing_and_tells_every_failure() {
    at_every_step(Fault::failing, |fault| {
        let home = Home::with_revisions(2);
        let before = fs::metadata(home.folder()).unwrap().modified().unwrap();
        let store = home.asking(fault);
        let list = store.list(&MemoryFilter::all());
        let listed = list.map_or(0, |listing| listing.memories.len());
        let searched = store.search("2", 9).map_or(0, |listing| listing.memories.len());
        let known = usize::from(store.get(KEY).is_ok());
        assert_eq!(listed + searched + known, 3 - usize::from(fault.has_struck()), "{fault:?}");
        assert_eq!(fs::metadata(home.folder()).unwrap().modified().unwrap(), before, "{fault:?}");
        assert!(fault.told().iter().all(|step| !step.contains(LOCK)), "{:?}", fault.told());
    });
}

#[test]
fn a_link_that_comes_in_the_place_of_a_memory_at_any_step_is_not_followed() {
    type Verb = fn(&MemoryStore) -> Result<String, MemoryError>;
    let verbs: [Verb; 3] = [
        |store| store.set(KEY, "new", "b").map(|memory| memory.summary),
        |store| store.delete(KEY).map(|deleted| deleted.key.to_string()),
        |store| {
            let listed = store.list(&MemoryFilter::all()).map(|listing| format!("{listing:?}"))?;
            Ok(listed + &format!("{:?}", store.history(KEY)))
        },
    ];
    for verb in verbs {
        let home = std::cell::RefCell::new(Home::with_revisions(1));
        let swapping = |at| {
            home.replace(Home::with_revisions(1));
            let (file, outside) = (home.borrow().file(), home.borrow().temp.path().join("outside"));
            Fault::interfering(at, move || {
                drop(fs::remove_file(&file));
                symlink(&outside, &file).unwrap();
            })
        };
        at_every_step(swapping, |fault| {
            let home = home.borrow();
            let done = verb(&home.asking(fault));
            assert!(done.as_ref().map_or(true, |told| !told.contains("outside")), "{fault:?}: {done:?}");
            home.assert_outside_untouched();
        });
    }
}

#[test]
fn the_oldest_revisions_are_dropped_and_counted() {
    let home = Home::with_revisions(MAX_REVISIONS + 5);
    let history = home.store().history(KEY).unwrap();
    assert_eq!((history.revisions.len(), history.dropped), (MAX_REVISIONS, 5));
    let numbers: Vec<_> = history.revisions.iter().map(|revision| revision.revision).collect();
    assert_eq!(numbers, (6..=37).rev().collect::<Vec<_>>());
    assert!(history.revisions.iter().all(|revision| revision.summary == revision.revision.to_string()));
    assert_eq!(home.store().get(KEY).unwrap().revision, 37);
}

#[test]
fn long_summaries_leave_room_for_fewer_and_the_longest_file_can_be_read() {
    let home = Home::new();
    // Each is six bytes in JSON.
    let long = "\u{7f}".repeat(MAX_SUMMARY_BYTES);
    assert!(matches!(home.store().set(KEY, &long, "a"), Err(MemoryError::Invalid { .. })));
    let long = "\n\"".repeat(MAX_SUMMARY_BYTES / 2);
    for _ in 0..12 {
        home.store().set(KEY, &long, "a").unwrap();
    }
    let history = home.store().history(KEY).unwrap();
    assert_eq!((history.revisions.len(), history.dropped), (MAX_HISTORY_BYTES / MAX_SUMMARY_BYTES, 4));
}

#[test]
fn one_more_than_there_may_be_is_refused_and_an_old_one_is_still_set() {
    let home = Home::with_revisions(1);
    for number in 1..MAX_MEMORIES {
        fs::write(home.folder().join(MemoryStore::file_of(&number.to_string())), "").unwrap();
    }
    assert!(matches!(home.store().set("one more", "x", "a"), Err(MemoryError::TooMany)));
    assert_eq!(home.store().set(KEY, "x", "a").unwrap().revision, 2);
}
