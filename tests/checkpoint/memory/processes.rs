//! Eight processes that set memories of one folder at once.

use std::collections::BTreeSet;

use agentbus::checkpoint::memory::MemoryFilter;

use super::{command, store};
use crate::support::Home;

/// As many as the issue of who writes first needs.
const PROCESSES: usize = 8;

/// How often each sets the key of all. Together they are no more than a history keeps.
const TIMES: usize = 4;

#[test]
fn eight_processes_lose_no_update_of_one_key_and_none_of_their_own() {
    let home = Home::new();
    let setters: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let commands: Vec<_> = (0..TIMES)
                .flat_map(|time| {
                    let (summary, own) = (format!("{number}.{time}"), format!("own/{number}"));
                    [
                        command(&home, "set", &["shared", &summary, "--author", &own]),
                        command(&home, "set", &[&own, &summary]),
                    ]
                })
                .collect();
            std::thread::spawn(move || {
                commands.into_iter().map(|mut command| command.output().unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    for output in setters.into_iter().flat_map(|setter| setter.join().unwrap()) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let memories = store(&home);
    let history = memories.history("shared").unwrap();
    let told: BTreeSet<_> = history.revisions.iter().map(|revision| revision.summary.clone()).collect();
    assert_eq!((told.len(), history.dropped), (PROCESSES * TIMES, 0), "{told:?}");
    assert!(history.revisions.is_sorted_by(|newer, older| newer.at >= older.at));
    // Of each process in the order in which it set them.
    for number in 0..PROCESSES {
        let own = format!("own/{number}");
        let mine = history.revisions.iter().rev().filter(|revision| revision.author == own.as_str());
        let mine: Vec<_> = mine.map(|revision| revision.summary.clone()).collect();
        assert_eq!(mine, (0..TIMES).map(|time| format!("{number}.{time}")).collect::<Vec<_>>());
        assert_eq!(memories.get(&own).unwrap().revision, TIMES as u64);
    }
    let listing = memories.list(&MemoryFilter::all()).unwrap();
    assert_eq!((listing.memories.len(), listing.damaged.len()), (PROCESSES + 1, 0));
}

#[test]
fn of_eight_processes_that_delete_one_memory_one_does() {
    let home = Home::new();
    store(&home).set("k", "x", "a").unwrap();
    let removers: Vec<_> = (0..PROCESSES).map(|_| command(&home, "rm", &["k"]).spawn().unwrap()).collect();
    let codes: Vec<_> =
        removers.into_iter().map(|child| child.wait_with_output().unwrap().status.code()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(1)).count(), PROCESSES - 1, "{codes:?}");
}
