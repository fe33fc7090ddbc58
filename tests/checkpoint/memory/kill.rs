//! The program, killed at each of its calls that change something on disk.

use agentbus::checkpoint::memory::{MemoryError, MemoryFilter};

use super::{command, store};
use crate::kill::{CALLS, MANY, has_strace, killed_at};
use crate::support::Home;

/// A folder in which the memory `k` was set so often, to its number.
fn home(revisions: usize) -> Home {
    let home = Home::new();
    for revision in 1..=revisions {
        store(&home).set("k", &revision.to_string(), "a").unwrap();
    }
    home
}

/// The summaries of a memory, the oldest first.
fn summaries(home: &Home) -> Vec<String> {
    match store(home).history("k") {
        Ok(history) => history.revisions.into_iter().rev().map(|revision| revision.summary).collect(),
        Err(MemoryError::NotFound) => Vec::new(),
        Err(error) => panic!("it cannot be read: {error}"),
    }
}

/// Kills a verb at each of its calls, each time on a folder of its own; `check` looks at what is left.
fn at_each_call(revisions: usize, verb: &str, args: &[&str], check: impl Fn(&Home, &[String])) {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    for call in CALLS {
        let last = (1..MANY).find(|nth| {
            let home = home(revisions);
            let is_killed = killed_at(&command(&home, verb, args), (call, *nth), b"");
            kills += usize::from(is_killed);
            check(&home, &summaries(&home));
            assert!(store(&home).list(&MemoryFilter::all()).unwrap().damaged.is_empty());
            home.assert_outside_untouched();
            !is_killed
        });
        assert!(last.is_some(), "{verb} makes {call} more than {MANY} times");
    }
    assert!(kills > 10, "it was killed {kills} times");
}

#[test]
fn a_setting_that_is_killed_leaves_the_old_memory_or_the_new() {
    for revisions in [0, 2] {
        at_each_call(revisions, "set", &["k", "new"], |home, found| {
            let mut old: Vec<_> = (1..=revisions).map(|revision| revision.to_string()).collect();
            let is_old = found == old;
            old.push("new".to_owned());
            assert!(is_old || found == old, "{found:?}");
            store(home).set("k", "next", "b").unwrap();
            assert_eq!(summaries(home).len(), found.len() + 1);
            assert!(!home.file(".tmp").exists(), "the next one removes what was left");
        });
    }
}

#[test]
fn a_deletion_that_is_killed_leaves_the_memory_with_its_history_or_nothing() {
    at_each_call(2, "rm", &["k"], |home, found| {
        assert!(found.is_empty() || found.len() == 2, "{found:?}");
        assert_eq!(store(home).set("k", "next", "b").unwrap().revision, found.len() as u64 + 1);
    });
}
