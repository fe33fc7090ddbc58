//! A journal that was cut from its end, with its heads or without.

use agentbus::audit::proof::{AtLeast, ChangeKind, Expected, Found, Head, HeadError, VerifyError, heads};
use agentbus::event::Timestamp;
use std::time::Duration;

use super::still::Still;
use super::support::{Audited, changes, every, other_key, reader, session, verified};

/// The journal cut behind that line; its heads stay.
fn cut_behind(files: &Still, line: usize) -> Still {
    let (mut cut, mut left) = (files.clone(), line);
    for name in files.names("segments") {
        let lines = files.lines(&name);
        cut = cut.with(&name, lines[..left.min(lines.len())].concat());
        left = left.saturating_sub(lines.len());
    }
    cut
}

/// Without the heads behind that number.
fn without_heads(files: &Still, behind: usize) -> Still {
    files.names("heads").iter().skip(behind).fold(files.clone(), |files, name| files.without(name))
}

/// Without the segments behind so many of them, in journal.json too, where no position counts as used.
fn without_segments(files: &Still, behind: usize) -> Still {
    let mut manifest: serde_json::Value = serde_json::from_slice(&files.files["journal.json"]).unwrap();
    manifest["segments"].as_array_mut().unwrap().truncate(behind);
    manifest["reserved"] = 0.into();
    let names = files.names("segments");
    let cut = names.iter().skip(behind).fold(files.clone(), |files, name| files.without(name));
    cut.with("journal.json", serde_json::to_vec(&manifest).unwrap())
}

fn kinds(found: &Found) -> Vec<ChangeKind> {
    found.changes.iter().map(|change| change.kind).collect()
}

#[tokio::test]
async fn a_journal_cut_behind_any_line_is_found_while_its_heads_are_kept() {
    let files = Audited::new().await.files;
    for line in 0..5 {
        let found = verified(&cut_behind(&files, line), &Expected::new()).unwrap();
        let change = found.changes.first().unwrap_or_else(|| panic!("cut behind {line}"));
        assert_eq!(change.kind, ChangeKind::LinesRemoved, "{line}");
        assert_eq!(change.positions.as_ref().unwrap().start().get(), line as u64 + 1);
    }
}

#[tokio::test]
async fn the_only_segment_of_a_journal_without_lines_is_missed() {
    let segment = "segments/00000000000000000001.jsonl";
    let found = changes(&Audited::empty().await.without(segment));
    assert_eq!(found, [(ChangeKind::LinesRemoved, Some((1, 1)))]);
}

#[tokio::test]
async fn a_cut_with_heads_removed_too_is_found_only_by_a_head_kept_elsewhere() {
    let Audited { files, .. } = Audited::new().await;
    let all: Vec<Head> = heads(&reader(files.clone()).unwrap(), 1).unwrap().map(Result::unwrap).collect();
    // Behind head 1 and its last line, as if no more had been written.
    let cut = without_heads(&without_segments(&cut_behind(&files, 3), 2), 1);
    let found = verified(&cut, &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    for head in &all {
        for at_least in [AtLeast::from(head.clone()), AtLeast::from(head.name())] {
            let found = verified(&cut, &Expected::new().at_least(at_least.clone())).unwrap();
            let is_there = head.number() <= 1;
            assert_eq!(found.is_proven(), is_there, "{head:?}");
            assert_eq!(kinds(&found), if is_there { vec![] } else { vec![ChangeKind::Cut] });
            let is_whole = verified(&files, &Expected::new().at_least(at_least)).unwrap().is_proven();
            assert!(is_whole, "{head:?}");
        }
    }
    let change = &verified(&cut, &Expected::new().at_least(all[2].clone())).unwrap().changes[0];
    let told =
        "positions 4 to 5: the journal was cut: the head that was kept elsewhere is not there (head 3)";
    assert_eq!(change.to_string(), told);
}

#[tokio::test]
async fn a_journal_that_went_another_way_is_told_by_a_head_kept_elsewhere() {
    let Audited { directory, files, newest } = Audited::new().await;
    // Put back to where it was before the last head, and gone on from there.
    std::fs::remove_file(directory.path().join("heads/00000000000000000003.json")).unwrap();
    let again = session(&directory, 1, every(3)).await;
    assert_eq!(again.number(), newest.number());
    let gone_on = Still::of(directory.path());
    assert!(verified(&gone_on, &Expected::new()).unwrap().is_proven());
    let found = verified(&gone_on, &Expected::new().at_least(newest.clone())).unwrap();
    assert_eq!(kinds(&found), [ChangeKind::HeadReplaced]);
    assert!(verified(&files, &Expected::new().at_least(newest)).unwrap().is_proven());
}

#[tokio::test]
async fn a_head_kept_elsewhere_has_to_be_signed_with_the_same_key() {
    let Audited { files, newest, .. } = Audited::new().await;
    let other = other_key().public();
    let refused = agentbus::audit::proof::verify(
        &reader(files.clone()).unwrap(),
        &other,
        &Expected::new().at_least(newest),
    );
    assert!(matches!(refused, Err(VerifyError::Kept(_))), "{refused:?}");
    let found = agentbus::audit::proof::verify(&reader(files).unwrap(), &other, &Expected::new()).unwrap();
    assert_eq!(kinds(&found), [ChangeKind::HeadOtherKey; 3]);
    assert!(found.newest.is_none());
}

#[tokio::test]
async fn heads_that_are_missing_in_the_middle_are_named_and_what_they_covered_is_proven_by_later_ones() {
    let files = Audited::new().await.files;
    let missing = files.without("heads/00000000000000000001.json");
    let found = verified(&missing, &Expected::new()).unwrap();
    let [change] = found.changes.as_slice() else { panic!("{found:?}") };
    assert_eq!((change.kind, change.heads.clone()), (ChangeKind::HeadMissing, Some(1..=1)));
    assert_eq!((found.heads, found.covered, found.uncovered), (2, 5, 0));
    let none = without_heads(&files, 0);
    assert_eq!(kinds(&verified(&none, &Expected::new()).unwrap()), [ChangeKind::NoHead]);
}

#[tokio::test]
async fn the_newest_head_is_told_and_one_that_is_too_old_is_not_proof_enough() {
    let Audited { files, newest, .. } = Audited::new().await;
    let later = newest.time().saturating_add(Duration::from_secs(301));
    let expected = |age: u64| Expected::new().max_age(Duration::from_secs(age)).now(later);
    let found = verified(&files, &expected(301)).unwrap();
    assert!(found.is_proven());
    assert_eq!((found.newest.unwrap(), found.age), (newest, Some(Duration::from_secs(301))));
    let found = verified(&files, &expected(300)).unwrap();
    assert!(found.is_late && !found.is_proven() && found.changes.is_empty());
    // A clock that was set back makes no head old.
    let found = verified(&files, &expected(0).now(Timestamp::from_unix_nanos(0))).unwrap();
    assert_eq!((found.age, found.is_late), (Some(Duration::ZERO), false));
}

#[tokio::test]
async fn lines_behind_the_newest_head_are_counted_and_are_no_damage() {
    let audited = Audited::new().await;
    let journal = super::support::open(&audited.directory);
    super::support::append(&journal, 2).await;
    let found = verified(&Still::of(audited.directory.path()), &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    assert_eq!((found.covered, found.uncovered), (5, 2));
}

#[tokio::test]
async fn a_writer_goes_on_behind_what_the_newest_head_that_can_be_read_tells() {
    for (damaged, expected) in [(&[][..], 6), (&[3], 6), (&[3, 2], 4), (&[3, 2, 1], 3)] {
        let Audited { directory, files, .. } = Audited::new().await;
        for name in files.names("segments") {
            std::fs::remove_file(directory.path().join(name)).unwrap();
        }
        without_segments(&cut_behind(&files, 2), 1).write_to(directory.path());
        for number in damaged {
            std::fs::write(directory.path().join(format!("heads/{number:020}.json")), "{}").unwrap();
        }
        let journal = super::support::open(&directory);
        let position = journal.append(super::support::event(1)).await.unwrap();
        assert_eq!(position.get(), expected, "{damaged:?}");
    }
}

#[test]
fn a_name_that_is_no_head_is_no_error_of_the_journal() {
    let error = HeadError::Fault {
        file: "heads/00000000000000000001.json".into(),
        source: agentbus::audit::proof::HeadFault::Signature,
    };
    assert!(error.to_string().contains("put a copy of it back"));
}
