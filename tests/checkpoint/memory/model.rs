//! Random verbs, on a store and on a model of it.

use std::collections::BTreeMap;

use agentbus::checkpoint::memory::{
    MAX_HISTORY_BYTES, MAX_REVISIONS, MemoryError, MemoryFilter, MemoryListing, MemoryStore,
};
use proptest::prelude::*;

use super::store;
use crate::support::Home;

/// What was set under a key, the newest last, and how many older ones were dropped.
#[derive(Clone, Debug, Default)]
struct Known {
    revisions: Vec<(String, String)>,
    dropped: u64,
}

impl Known {
    fn set(&mut self, summary: &str, author: &str) {
        self.revisions.push((summary.to_owned(), author.to_owned()));
        let bytes =
            |revisions: &[(String, String)]| revisions.iter().map(|(text, _)| text.len()).sum::<usize>();
        while self.revisions.len() > MAX_REVISIONS || bytes(&self.revisions) > MAX_HISTORY_BYTES {
            self.revisions.remove(0);
            self.dropped += 1;
        }
    }

    fn last(&self) -> &(String, String) {
        self.revisions.last().unwrap()
    }
}

#[derive(Clone, Debug)]
enum Verb {
    Set(String, String, String),
    /// So often, with a summary of so many bytes.
    SetOften(String, usize, usize),
    Get(String),
    Delete(String),
    List(String, Option<String>),
    Search(String),
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}(/[a-c])?",
        Just("$(touch x);`id`".to_owned()),
        Just("../../etc/hosts".to_owned()),
        Just("\"}{\"b\":1".to_owned()),
        // Both are one key where case is folded.
        Just("\u{17f}ession_id".to_owned()),
        Just("session_id".to_owned()),
        Just("SESSION_ID".to_owned()),
        Just("-rf".to_owned()),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    let author = || prop_oneof![Just("agents/a".to_owned()), Just("agents/b".to_owned())];
    let summary =
        "[A-Ca-c \u{e9}\u{c9}\n\"]{1,20}".prop_filter("it is not blank", |text| !text.trim().is_empty());
    prop_oneof![
        6 => (key(), summary, author()).prop_map(|(key, summary, author)| Verb::Set(key, summary, author)),
        1 => (key(), 1..40_usize, 1..8_000_usize).prop_map(|(key, times, len)| Verb::SetOften(key, times, len)),
        3 => key().prop_map(Verb::Get),
        2 => key().prop_map(Verb::Delete),
        2 => ("[a-c]{0,1}", proptest::option::of(author())).prop_map(|(prefix, author)| Verb::List(prefix, author)),
        2 => "[A-Ca-c\u{e9}\u{c9}]{1,2}".prop_map(Verb::Search),
        1 => Just(Verb::Reopen),
    ]
}

fn keys(listing: &MemoryListing) -> Vec<String> {
    assert!(listing.damaged.is_empty() && listing.left_out == 0, "{listing:?}");
    listing.memories.iter().map(|memory| memory.key.to_string()).collect()
}

fn check(store: &MemoryStore, model: &BTreeMap<String, Known>, key: &str) {
    let Some(known) = model.get(key) else {
        assert!(matches!(store.get(key), Err(MemoryError::NotFound)));
        return;
    };
    let (memory, history) = (store.get(key).unwrap(), store.history(key).unwrap());
    assert_eq!(
        (memory.summary.as_str(), &*memory.author),
        (known.last().0.as_str(), known.last().1.as_str())
    );
    assert_eq!(memory.revision, known.dropped + known.revisions.len() as u64);
    let kept: Vec<_> = history
        .revisions
        .iter()
        .rev()
        .map(|revision| (revision.summary.clone(), revision.author.to_string()))
        .collect();
    assert_eq!((kept, history.dropped), (known.revisions.clone(), known.dropped));
    assert!(history.revisions.is_sorted_by(|newer, older| newer.at >= older.at));
}

fn run(store: &mut MemoryStore, home: &Home, model: &mut BTreeMap<String, Known>, verb: &Verb) {
    match verb {
        Verb::Set(key, summary, author) => {
            store.set(key, summary, author).unwrap();
            model.entry(key.clone()).or_default().set(summary, author);
            check(store, model, key);
        }
        Verb::SetOften(key, times, len) => {
            for time in 0..*times {
                let summary = format!("{time}{}", "x".repeat(*len));
                store.set(key, &summary, "agents/a").unwrap();
                model.entry(key.clone()).or_default().set(&summary, "agents/a");
            }
            check(store, model, key);
        }
        Verb::Get(key) => check(store, model, key),
        Verb::Delete(key) => match (store.delete(key), model.remove(key)) {
            (Ok(deleted), Some(known)) => {
                assert_eq!(deleted.revisions, known.dropped + known.revisions.len() as u64);
                check(store, model, key);
            }
            (Err(MemoryError::NotFound), None) => {}
            other => panic!("{other:?}"),
        },
        Verb::List(prefix, author) => {
            let mut filter = MemoryFilter::all().prefix(prefix.as_str());
            if let Some(author) = author {
                filter = filter.author(author.as_str());
            }
            let is_asked = |known: &Known| author.as_ref().is_none_or(|author| known.last().1 == *author);
            let expected = model.iter().filter(|(key, known)| key.starts_with(prefix) && is_asked(known));
            let expected: Vec<_> = expected.map(|(key, _)| key.clone()).collect();
            assert_eq!(keys(&store.list(&filter).unwrap()), expected);
        }
        Verb::Search(text) => {
            let holds = |other: &str| other.to_lowercase().contains(&text.to_lowercase());
            let expected = model.iter().filter(|(key, known)| holds(key) || holds(&known.last().0));
            let expected: Vec<_> = expected.map(|(key, _)| key.clone()).collect();
            let listing = store.search(text, 1_000).unwrap();
            assert!(listing.memories.is_sorted_by(|newer, older| newer.at >= older.at));
            let mut found = keys(&listing);
            found.sort();
            assert_eq!(found, expected);
        }
        Verb::Reopen => *store = super::store(home),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_a_map_of_what_was_set_with_its_history(verbs in proptest::collection::vec(verb(), 1..40)) {
        let home = Home::new();
        let (mut memories, mut model) = (store(&home), BTreeMap::new());
        for verb in &verbs {
            run(&mut memories, &home, &mut model, verb);
        }
        prop_assert_eq!(keys(&memories.list(&MemoryFilter::all()).unwrap()), model.keys().cloned().collect::<Vec<_>>());
        home.assert_outside_untouched();
    }
}
