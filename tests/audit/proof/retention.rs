//! Heads over what retention left.

use std::fs;
use std::time::Duration;

use agentbus::audit::proof::{ChangeKind, Expected, HeadSigner, Inclusion, ProveError, verify};
use agentbus::journal::{Journal, JournalReader};
use tempfile::TempDir;

use super::still::Still;
use super::support::{Audited, LONG, append, at, changes, every, key, open, session, verified};

/// Removes the oldest segments, all of whose lines stand before that position, as retention does.
fn retain_from(directory: &TempDir, position: u64) {
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("journal.json")).unwrap()).unwrap();
    let segments = manifest["segments"].as_array_mut().unwrap();
    while segments.len() > 1 && segments[1]["first"].as_u64().unwrap() <= position {
        let first = segments.remove(0)["first"].as_u64().unwrap();
        fs::remove_file(directory.path().join(format!("segments/{first:020}.jsonl"))).unwrap();
    }
    fs::write(directory.path().join("journal.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[tokio::test]
async fn whatever_whole_segments_are_gone_what_is_left_is_proven() {
    for position in 2..=5 {
        let Audited { directory, .. } = Audited::new().await;
        retain_from(&directory, position);
        let files = Still::of(directory.path());
        let found = verified(&files, &Expected::new()).unwrap();
        assert!(found.is_proven(), "{position}: {found:?}");
        let left = found.journal.lines;
        assert_eq!((found.covered, found.uncovered, found.heads), (left, 0, 3));
        let first = found.journal.first.unwrap().get();
        assert_eq!(found.retired.partly.is_some(), ![1, 4].contains(&first), "{first}");
        // A changed line is found in what is left of a head as anywhere else.
        let name = &files.names("segments")[0];
        for place in 0..files.lines(name).len() {
            let mut lines = files.lines(name);
            lines[place][60] ^= 1;
            let named = first + place as u64;
            let expected = [(ChangeKind::LineChanged, Some((named, named)))];
            assert_eq!(changes(&files.with(name, lines.concat())), expected, "{position}, {place}");
        }
    }
}

#[tokio::test]
async fn a_first_line_that_nothing_bears_out_is_told_as_not_proven() {
    let Audited { directory, .. } = Audited::new().await;
    retain_from(&directory, 3);
    let files = Still::of(directory.path());
    let first = verified(&files, &Expected::new()).unwrap().journal.first.unwrap().get();
    assert_ne!(first, 4, "a head of which only some lines are left");
    // The chain before it is no more in journal.json, and its content is another, its chain the same.
    let mut manifest: serde_json::Value = serde_json::from_slice(&files.files["journal.json"]).unwrap();
    manifest["segments"][0].as_object_mut().unwrap().remove("chain");
    let files = files.with("journal.json", serde_json::to_vec(&manifest).unwrap());
    let name = &files.names("segments")[0];
    let mut lines = files.lines(name);
    lines[0][60] ^= 1;
    let forged = files.with(name, lines.concat());
    assert_eq!(changes(&forged), [(ChangeKind::LineUnproven, Some((first, first)))]);
}

#[tokio::test]
async fn a_head_whose_lines_are_gone_in_part_proves_none_of_them_any_more() {
    let Audited { directory, .. } = Audited::new().await;
    retain_from(&directory, 3);
    let journal = JournalReader::open(directory.path()).unwrap();
    for position in 1..=3 {
        let refused = Inclusion::of(&journal, at(position)).unwrap_err();
        assert!(matches!(refused, ProveError::Removed { head: 1, .. }), "{position}: {refused}");
    }
    Inclusion::of(&journal, at(5)).unwrap();
}

#[tokio::test]
async fn lines_removed_before_they_were_signed_are_told_and_signing_goes_on_behind_them() {
    let directory = tempfile::tempdir().unwrap();
    session(&directory, 2, every(10)).await;
    let journal = open(&directory);
    append(&journal, 9).await;
    journal.close(LONG).await.unwrap();
    retain_from(&directory, 7);
    let head = session(&directory, 0, every(10)).await;
    assert!(head.from() > at(3) && head.position() == Some(at(11)), "{head:?}");
    let found = verified(&Still::of(directory.path()), &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    let (last, count) = found.retired.unsigned.unwrap();
    assert_eq!((last.next(), count), (Some(head.from()), last.get() - 2));
}

#[tokio::test]
async fn lines_removed_behind_a_head_of_none_are_told_too() {
    let directory = tempfile::tempdir().unwrap();
    session(&directory, 0, every(10)).await;
    let journal = open(&directory);
    append(&journal, 9).await;
    journal.close(LONG).await.unwrap();
    retain_from(&directory, 5);
    let head = session(&directory, 0, every(10)).await;
    assert!(head.from() == at(5) && head.position() == Some(at(9)), "{head:?}");
    let found = verified(&Still::of(directory.path()), &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    assert_eq!(found.retired.unsigned, Some((at(4), 4)));
}

#[tokio::test]
async fn a_journal_that_is_signed_for_the_first_time_begins_with_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    append(&journal, 9).await;
    journal.close(LONG).await.unwrap();
    retain_from(&directory, 4);
    let head = session(&directory, 0, every(10)).await;
    assert!(head.from() > at(1) && head.position() == Some(at(9)), "{head:?}");
    let found = verified(&Still::of(directory.path()), &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    assert_eq!(found.covered, found.journal.lines);
}

#[tokio::test]
async fn a_journal_that_is_collected_while_it_is_signed_stays_proven() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(700).open().unwrap();
    for _ in 0..6 {
        append(&journal, 5).await;
        let signer = HeadSigner::start(&journal, key(), every(3)).unwrap();
        journal.reader().collect_garbage(Duration::ZERO, agentbus::journal::GcMode::Remove).unwrap();
        signer.close(LONG).await.unwrap();
        let found = verify(&journal, &key().public(), &Expected::new()).unwrap();
        assert!(found.is_proven(), "{found:?}");
        assert_eq!((found.covered, found.uncovered), (found.journal.lines, 0));
    }
}
