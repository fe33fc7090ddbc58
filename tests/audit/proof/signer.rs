//! When a journal is signed, by whom, and what is not signed.

use std::fs;
use std::num::NonZeroU64;
use std::time::Duration;

use agentbus::audit::proof::{Expected, Head, HeadOptions, HeadSigner, SignError, heads, verify};
use agentbus::event::Timestamp;
use agentbus::journal::{Health, Journal, JournalReader};
use tempfile::TempDir;
use tokio::time::Instant;

use super::support::{LONG, append, at, every, key, open, other_key, session};

/// Every head there is: its number, what it covers, and when.
fn signed(journal: &Journal) -> Vec<Head> {
    heads(journal, 1).unwrap().map(Result::unwrap).collect()
}

fn positions(journal: &Journal) -> Vec<u64> {
    signed(journal).iter().map(|head| head.position().map_or(0, agentbus::journal::Position::get)).collect()
}

/// A clock that goes with tokio's, from 1970 on.
fn clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let begin = Instant::now();
    move || {
        let nanos = begin.elapsed().as_nanos();
        Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_is_signed_for_every_so_many_lines_and_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    let signer = HeadSigner::start(&journal, key(), every(10)).unwrap();
    while signer.newest().is_none() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    append(&journal, 25).await;
    let head = signer.covered(at(20)).await.unwrap();
    assert_eq!((head.position(), head.count()), (Some(at(20)), 10));
    let last = signer.close(LONG).await.unwrap();
    assert_eq!((last.from(), last.position(), last.count()), (at(21), Some(at(25)), 5));
    let found = verify(&journal, &key().public(), &Expected::new()).unwrap();
    assert!(found.is_proven(), "{found:?}");
    assert_eq!((found.covered, found.uncovered), (25, 0));
}

#[tokio::test(start_paused = true)]
async fn a_head_is_signed_when_it_is_time_also_if_nothing_happens() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    append(&journal, 1).await;
    let options = HeadOptions::new().interval(Duration::from_mins(5)).clock(clock());
    let signer = HeadSigner::start(&journal, key(), options).unwrap();
    signer.covered(at(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert_eq!(signed(&journal).len(), 1);
    append(&journal, 1).await;
    signer.covered(at(2)).await.unwrap();
    tokio::time::sleep(Duration::from_mins(11)).await;
    let heads = signed(&journal);
    assert_eq!(positions(&journal), [1, 2, 2, 2]);
    let gaps: Vec<_> = heads.windows(2).map(|pair| pair[1].time().since(pair[0].time()).as_secs()).collect();
    assert!(gaps.iter().all(|gap| (300..=301).contains(gap)), "{gaps:?}");
    drop(signer);
    tokio::time::sleep(Duration::from_mins(11)).await;
    assert_eq!(signed(&journal).len(), 4, "dropped, it stops");
}

#[tokio::test(start_paused = true)]
async fn a_signer_goes_on_where_the_last_one_ended_and_reckons_from_its_head() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    let options = || HeadOptions::new().interval(Duration::from_mins(5)).clock(clock());
    HeadSigner::start(&journal, key(), options()).unwrap().close(LONG).await.unwrap();
    append(&journal, 3).await;
    let signer = HeadSigner::start(&journal, key(), options()).unwrap();
    tokio::time::sleep(Duration::from_secs(290)).await;
    assert_eq!(positions(&journal), [0, 0]);
    signer.covered(at(3)).await.unwrap();
    assert_eq!(positions(&journal), [0, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn lines_of_other_processes_are_signed_too() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = [open(&directory), open(&directory)];
    let signer = HeadSigner::start(one.reader(), key(), every(4)).unwrap();
    for _ in 0..4 {
        append(&one, 1).await;
        append(&other, 1).await;
    }
    // Where it looks in between, up to three lines are left for the next head.
    append(&other, 3).await;
    assert!(signer.covered(at(8)).await.unwrap().position() >= Some(at(8)));
    signer.close(LONG).await.unwrap();
    assert!(verify(&one, &key().public(), &Expected::new()).unwrap().is_proven());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_signers_make_one_chain_of_heads() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    let reader = || JournalReader::open(directory.path()).unwrap();
    let mut signers = Vec::new();
    for round in 0..8 {
        append(&journal, 5).await;
        let started: Vec<_> =
            (0..4).map(|_| HeadSigner::start(&reader(), key(), every(2)).unwrap()).collect();
        let closing = started.into_iter().map(|signer| tokio::spawn(signer.close(LONG)));
        signers.extend(closing);
        for signer in signers.drain(..) {
            signer.await.unwrap().unwrap();
        }
        let found = verify(&journal, &key().public(), &Expected::new()).unwrap();
        assert!(found.is_proven(), "{round}: {found:?}");
        assert_eq!((found.covered, found.uncovered), (5 * (round + 1), 0));
    }
    let numbers: Vec<_> = signed(&journal).iter().map(Head::number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_key_signs_no_journal_that_has_heads() {
    let directory = tempfile::tempdir().unwrap();
    session(&directory, 1, every(9)).await;
    let journal = open(&directory);
    let refused = HeadSigner::start(&journal, other_key(), every(9)).unwrap_err();
    assert!(matches!(refused, SignError::Head(_)), "{refused:?}");
    assert!(!refused.to_string().contains("put a copy"), "{refused}");
    assert_eq!(signed(&journal).len(), 2);
}

#[tokio::test]
async fn nothing_is_signed_through_a_link_in_the_place_of_the_folder() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = open(&directory);
    fs::remove_dir(directory.path().join("heads")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("heads")).unwrap();
    let refused = HeadSigner::start(&journal, key(), every(9)).unwrap_err();
    assert!(matches!(refused, SignError::Link), "{refused:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// What keeps it from signing.
async fn failing(signer: &HeadSigner) -> String {
    match signer.health_changed().await.unwrap() {
        Health::Failing { reason, .. } => reason,
        health => panic!("{health:?}"),
    }
}

fn segment(directory: &TempDir, first: u64) -> std::path::PathBuf {
    directory.path().join(format!("segments/{first:020}.jsonl"))
}

#[tokio::test(start_paused = true)]
async fn lines_that_do_not_follow_from_the_newest_head_are_not_signed_until_they_do() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    append(&journal, 2).await;
    let options = || every(100).interval(Duration::from_mins(1));
    let signer = HeadSigner::start(&journal, key(), options()).unwrap();
    signer.covered(at(2)).await.unwrap();
    append(&journal, 2).await;
    let whole = fs::read(segment(&directory, 1)).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let third = text.match_indices("false").nth(2).unwrap().0;
    let mut bytes = whole.clone();
    bytes[third] = b'F';
    fs::write(segment(&directory, 1), &bytes).unwrap();
    let reason = failing(&signer).await;
    assert!(reason.contains("behind position 2 do not follow"), "{reason}");
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(positions(&journal), [2]);
    fs::write(segment(&directory, 1), &whole).unwrap();
    assert!(signer.health_changed().await.unwrap().is_healthy());
    assert_eq!(signer.covered(at(4)).await.unwrap().position(), Some(at(4)));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_was_cut_is_not_said_to_stand_still() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    append(&journal, 3).await;
    let signer = HeadSigner::start(&journal, key(), every(100).interval(Duration::from_mins(1))).unwrap();
    signer.covered(at(3)).await.unwrap();
    let whole = fs::read(segment(&directory, 1)).unwrap();
    let end = whole.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>();
    fs::write(segment(&directory, 1), &whole[..end]).unwrap();
    let reason = failing(&signer).await;
    assert!(reason.contains("do not follow"), "{reason}");
    assert!(matches!(signer.close(LONG).await, Err(SignError::Broken { behind: 3 })));
}

#[tokio::test(start_paused = true)]
async fn heads_that_were_removed_under_a_signer_are_told_and_not_signed_over() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    append(&journal, 3).await;
    let signer = HeadSigner::start(&journal, key(), every(100).interval(Duration::from_mins(1))).unwrap();
    signer.covered(at(3)).await.unwrap();
    fs::remove_file(directory.path().join("heads/00000000000000000001.json")).unwrap();
    assert!(failing(&signer).await.contains("there was one of number 1"));
    assert!(signed(&journal).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_lock_of_the_heads_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory);
    let lock = fs::OpenOptions::new().append(true).create(true).open(directory.path().join("heads/lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let signer = HeadSigner::start(&journal, key(), every(100)).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(signer.health().is_healthy() && signed(&journal).is_empty());
    let late = HeadSigner::start(&journal, key(), every(100)).unwrap().close(LONG).await;
    assert!(matches!(late, Err(SignError::Late { .. })), "{late:?}");
    drop(lock);
    assert_eq!(signer.close(LONG).await.unwrap().number(), 1);
}

#[test]
fn a_head_covers_no_more_than_can_be_proven() {
    let options = HeadOptions::new().every(NonZeroU64::MAX);
    assert!(format!("{options:?}").contains("every: 1000000"), "{options:?}");
}
